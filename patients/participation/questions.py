"""Questions before a save: what disagrees with another record, and what a correction changes beside itself.

A step computes its questions under the lock and calls `ask`; a correction is carried out by `ask_with_effects`, which
adds its effects. The page shows the questions with one box to tick. The box holds the token of exactly these
questions, so a confirmation covers nothing that its reader has not seen.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.models import Signature
from patients import signals
from patients.models import Patient, Visit
from trials.reader import shown_day

# The input of the box: no item of a form has this name, because the names of items begin with a letter.
CONFIRMED = "_confirmed"
Days = Mapping[str, date | None]
Stored = TypeVar("Stored")


@dataclass(frozen=True, slots=True)
class Question:
    """One contradiction or effect, as the question of a page.

    code: what contradicts what, with the values; equal codes are the same question.
    address: name and arguments of the page on which the other record can be corrected.
    correct: text of the link to it.
    details: what the question counts, such as each day that moves.
    """

    code: str
    text: str
    address: tuple[str, tuple[Any, ...], str] | None = None
    correct: str = ""
    details: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Return the address of the record that may be wrong; empty if it has no page of its own."""
        if self.address is None:
            return ""
        name, arguments, fragment = self.address
        return f"{reverse(name, args=arguments)}{fragment}"


class Questioned(Exception):
    """Nothing was stored: `questions` have to be confirmed first, with their `token`."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self.questions = tuple(questions)
        self.token = token_of(questions)
        super().__init__(" ".join(question.text for question in questions))


def token_of(questions: Sequence[Question]) -> str:
    """Return a text that stands for these questions in any order; empty without one."""
    codes = "\n".join(sorted({question.code for question in questions}))
    return hashlib.sha256(codes.encode()).hexdigest()[:32] if codes else ""


def ask(questions: Sequence[Question], confirmed: str) -> None:
    """Raise Questioned unless there is no question, or `confirmed` is the token of exactly these."""
    if questions and confirmed != token_of(questions):
        raise Questioned(questions)


@transaction.atomic
def ask_with_effects(
    patient: Patient, correct: Callable[..., Stored], /, *, confirmed: str, **arguments: Any
) -> Stored:
    """Carry out a correction and return what it returns, once its own questions and its effects are confirmed.

    Otherwise it is rolled back and Questioned is raised: what is shown is what carrying it out changes, also in rooms
    above and by triggers. Effects are planned days that move and signatures that become invalid.
    """
    days, signatures = _planned_days(patient), _signatures(patient)
    asked: tuple[Question, ...] = ()
    try:
        stored = correct(**arguments)
    except Questioned as contradiction:
        asked = contradiction.questions
        stored = correct(**arguments, confirmed=contradiction.token)
    left = _signatures(patient)
    invalid = [signature for pk, signature in signatures.items() if pk not in left]
    ask([*asked, *_moves(days, _planned_days(patient)), *_falls(invalid)], confirmed)
    return stored


def _moves(before: Days, after: Days) -> Iterator[Question]:
    """Yield the question about the planned days of visits and infusions that move."""
    moved = [label for label in before if label in after and before[label] != after[label]]
    if moved:
        text = ngettext("%(count)d planned day moves.", "%(count)d planned days move.", len(moved))
        code = ":".join(["moves", *(f"{label} {before[label]} {after[label]}" for label in moved)])
        details = tuple(_move(label, before[label], after[label]) for label in moved)
        yield Question(code, text % {"count": len(moved)}, details=details)


def _move(label: str, before: date | None, after: date | None) -> str:
    days = {"before": shown_day(before) or "–", "after": shown_day(after) or "–"}
    return _("%(label)s: %(before)s becomes %(after)s") % {"label": label, **days}


def _falls(signatures: Sequence[Signature]) -> Iterator[Question]:
    """Yield the question about the signatures that become invalid."""
    if signatures:
        count = len(signatures)
        text = ngettext("%(count)d signature becomes invalid.", "%(count)d signatures become invalid.", count)
        code = ":".join(["falls", *(str(signature.pk) for signature in signatures)])
        statements = tuple(str(signature.statement) for signature in signatures)
        yield Question(code, text % {"count": count}, details=statements)


def _planned_days(patient: Patient) -> Days:
    visits = Visit.objects.filter(patient=patient).exclude(state=Visit.State.HELD)
    days: dict[str, date | None] = {visit.key: visit.planned_on for visit in visits}
    planned: list[tuple[Any, Any]] = signals.planned_days.send(sender=Patient, patient=patient)
    for _receiver, of_room in planned:
        days |= of_room
    return days


def _signatures(patient: Patient) -> dict[int, Signature]:
    return Signature.objects.filter(patient_id=patient.pk, invalidated_at=None).order_by("pk").in_bulk()
