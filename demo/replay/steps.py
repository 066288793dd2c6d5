"""One step of a replay: a verb as a training account, its refusal a mistake of the cell that states it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from audit.context import acting
from audit.stored_text import system_text
from demo.replay.courses import TableMistakes
from demo.replay.tables import TableRow
from patients.models import Patient
from patients.participation.questions import Questioned
from protocol.values.parsing import ValueRefused
from trials.models import Trial

NOT_STATED = "Not stated in the replayed table"
"""A reason that a verb asks for and the table does not have."""


class Stopped(Exception):
    """A step was refused without which the patient cannot go on; its mistake is noted."""


@dataclass
class ReplayReport:
    """The report of a replay: stored data, gaps of the table, and contradictions that were stored as it states them.

    drafts: by item, the forms that stay drafts without it.
    """

    counts: Counter[str] = field(default_factory=Counter)
    drafts: Counter[str] = field(default_factory=Counter)
    confirmed: list[str] = field(default_factory=list)


class ReplaySteps:
    """The steps of one replay: its trial, the training accounts by role, mistakes and report.

    source: file and SHA-256, which stand in the reason of every row of the trail. why: what the operator adds to it.
    """

    def __init__(
        self,
        trial: Trial,
        people: Mapping[str, User],
        password: str,
        *,
        source: Mapping[str, str],
        why: str = "",
    ) -> None:
        self.trial, self.people, self.password = trial, people, password
        self.reason = system_text("demo.replayed", why, **source)
        self.mistakes, self.report = TableMistakes(), ReplayReport()

    @contextmanager
    def as_role(self, role: str) -> Iterator[User]:
        """Act as `system:replay` for the account of a role."""
        by = self.people[role]
        with acting(user=by, system="replay", role=role, reason=self.reason):
            yield by

    def tried(
        self, row: TableRow, columns: Mapping[str, str], verb: Callable[..., Any], **arguments: Any
    ) -> Any:
        """Return what a verb returns; None after a refusal, which is a mistake of its column.

        columns: by field of the verb; under "" the column of a refusal of the whole step. What the verb asks about is
        confirmed and reported: the table states it.
        """
        try:
            with transaction.atomic():
                return verb(**arguments)
        except Questioned as asked:
            self.report.confirmed += [str(row.mistake(columns[""], each.text)) for each in asked.questions]
            return self.tried(row, columns, verb, **{**arguments, "confirmed": asked.token})
        except ValidationError as refused:
            for name, sentences in by_field(refused).items():
                self.mistakes.add(*(row.mistake(columns.get(name, columns[""]), each) for each in sentences))
        except (ValueRefused, LookupError) as error:
            self.mistakes.add(row.mistake(columns[""], str(error)))
        return None

    def needed(
        self, row: TableRow, columns: Mapping[str, str], verb: Callable[..., Any], **arguments: Any
    ) -> Any:
        """Return what a verb returns. Raises Stopped if it is refused."""
        found = self.tried(row, columns, verb, **arguments)
        if found is None:
            raise Stopped
        return found

    def count(self, what: str, done: object) -> None:
        """Count a step that was stored."""
        self.report.counts[what] += done is not None

    def stored(self, patient: Patient) -> Patient:
        """Return the patient as stored now, with the trial and protocol of this replay, which are parsed already."""
        found: Patient = Patient.objects.get(pk=patient.pk)
        found.share(self.trial, patient.protocol)
        return found


def by_field(refused: ValidationError) -> dict[str, list[str]]:
    """Return the sentences of a refusal by field; those of the whole step under an empty name."""
    return refused.message_dict if hasattr(refused, "error_dict") else {"": refused.messages}
