"""The effects of a correction before it is stored: visits that move, signatures that become invalid.

The correction is carried out and rolled back, so that the page shows what storing it will do and nothing else.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import ngettext

from audit.models import Signature
from patients import signals
from patients.models import Patient, Visit
from trials.reader import shown_day

Days = dict[str, date | None]


@dataclass(frozen=True)
class Effects:
    """What a correction changes beside itself. `questions`: sentences that ask for a confirmation of the values."""

    moved: tuple[tuple[str, date | None, date | None], ...] = ()
    signatures: tuple[Signature, ...] = ()
    questions: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.moved or self.signatures or self.questions)

    @property
    def sentences(self) -> list[str]:
        """Return the questions, then how many days move and how many signatures become invalid."""
        moved, signatures = len(self.moved), len(self.signatures)
        found = list(self.questions)
        if moved:
            text = ngettext("%(count)d planned day moves.", "%(count)d planned days move.", moved)
            found.append(text % {"count": moved})
        if signatures:
            text = ngettext(
                "%(count)d signature becomes invalid.", "%(count)d signatures become invalid.", signatures
            )
            found.append(text % {"count": signatures})
        return found

    @property
    def moves(self) -> list[tuple[str, str, str]]:
        """Return (visit or infusion, day before, day after) of what moves, as texts."""
        return [
            (label, shown_day(before) or "–", shown_day(after) or "–") for label, before, after in self.moved
        ]

    @property
    def fingerprint(self) -> str:
        """Return a text that differs for different effects: a person confirms those that were shown."""
        signed = [str(signature.pk) for signature in self.signatures]
        moved = [f"{label} {before} {after}" for label, before, after in self.moved]
        return hashlib.sha256("\n".join([*self.questions, *moved, *signed]).encode()).hexdigest()[:20]


def effects_of(patient: Patient, correct: Callable[[], Any], *, questions: Sequence[str] = ()) -> Effects:
    """Return the effects of a correction. Nothing is stored. Raises ValidationError as `correct` does."""
    with transaction.atomic():
        days, signatures = _days(patient), _signatures(patient)
        correct()
        after, left = _days(patient), _signatures(patient).keys()
        transaction.set_rollback(True)
    moved = tuple(
        (label, days[label], after[label]) for label in days if label in after and days[label] != after[label]
    )
    invalid = tuple(signature for pk, signature in signatures.items() if pk not in left)
    return Effects(moved, invalid, tuple(questions))


def _days(patient: Patient) -> Days:
    visits = Visit.objects.filter(patient=patient).exclude(state=Visit.State.HELD)
    days: Days = {visit.key: visit.planned_on for visit in visits}
    planned: list[tuple[Any, Any]] = signals.planned_days.send(sender=Patient, patient=patient)
    for _receiver, of_room in planned:
        days |= of_room
    return days


def _signatures(patient: Patient) -> dict[int, Signature]:
    return Signature.objects.filter(patient_id=patient.pk, invalidated_at=None).order_by("pk").in_bulk()
