"""`manage.py evaluate EXPRESSION name=value …`: what an expression of a protocol gives for some values."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from protocol.checking.loading import load
from protocol.checking.mistakes import ProtocolMistakes
from protocol.document.document import Protocol
from protocol.expressions.compiled import Undetermined
from protocol.expressions.names import kinds_of_items, names_everywhere
from protocol.expressions.standalone import assignment, evaluated
from protocol.expressions.syntax import ExpressionError
from trials.management.protocol_file import text_of_file

MISTAKE = 2


class Command(BaseCommand):
    help = (
        "Evaluate an expression. The first word printed is true, false, a number, a text, or undetermined (then "
        "the names that it needs). A value is a number, true, false, a quoted text, an ISO date, or =ND for missing. "
        "Exits 2 for a mistake."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("expression")
        parser.add_argument("values", nargs="*", metavar="name=value")
        parser.add_argument("--protocol", type=Path, help="the protocol file whose names have their types")
        parser.add_argument("--form", help="the form of the protocol whose items need no prefix")

    def handle(self, *args: Any, expression: str, values: list[str], **options: Any) -> None:
        try:
            protocol = _protocol(options["protocol"])
            answer = evaluated(
                expression,
                dict(map(assignment, values)),
                names=_names(protocol, options["form"]) if protocol else None,
                definitions=protocol.definitions if protocol else None,
                zone=protocol.trial.site.time_zone if protocol else "UTC",
            )
        except (ExpressionError, ProtocolMistakes) as mistake:
            raise CommandError(str(mistake), returncode=MISTAKE) from mistake
        self.stdout.write(_words(answer))


def _protocol(file: Path | None) -> Protocol | None:
    return load(text_of_file(file)) if file else None


def _names(protocol: Protocol, form: str | None) -> dict[str, Any]:
    if form is not None and form not in protocol.forms:
        raise ExpressionError(f"the protocol has no form {form!r}")
    own = kinds_of_items(protocol.form(form).items) if form else {}
    return {**names_everywhere(protocol), **own}


def _words(answer: Any) -> str:
    if isinstance(answer, Undetermined):
        return f"undetermined: needs {', '.join(answer.needs)}"
    if isinstance(answer, bool):
        return str(answer).lower()
    return str(answer) if isinstance(answer, str) else format(answer, "f")
