"""`manage.py visit_report --trial nct04445454 --since 2026-11-01 --until 2026-11-05 --out FILE.pdf`"""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import CommandError

from exports.documents import Copy, codes_of
from exports.management.paper_command import PaperCommand
from exports.models import Document, title_of


class Command(PaperCommand):
    help = "Write what a monitor verified and asked in a period, and what is open, as PDF."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--since", required=True, type=date.fromisoformat, help="first day, 2026-11-01")
        parser.add_argument("--until", required=True, type=date.fromisoformat, help="last day, 2026-11-05")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["until"] < options["since"]:
            raise CommandError("--until is before --since: give the first day, then the last")
        arguments = self.parsed(options)
        kind = Document.Kind.VISIT_REPORT
        days = {"since": options["since"], "until": options["until"]}
        codes = codes_of(arguments.trial)
        self.write(arguments, Copy(kind, arguments.audience, codes, arguments.by, title_of(kind), **days))
