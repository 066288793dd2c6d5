"""Marks outside the forms, on facts and whole rows of events, infusions, consents, eligibility and the end of study.

`patients.review.fact_verification` and `patients.review.fact_review` use it for the two kinds of marks. As on forms, a
later change of what is marked undoes the mark in the same statement, and an undone mark stays undone.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import BadRequest, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from patients.casebook.facts import KINDS, Fact, facts_asked, kind_of
from patients.models import Mark, MarkRow, Patient
from patients.participation.lifecycle import lock_patient, refuse_when_locked
from patients.review.marks import WHOLE, end, withdrawal_reason
from patients.review.undone_marks import UndoneMark

MOST, ALL = 2000, "*"
Place = tuple[str, int, str]
"""Kind of row, key of the row, and the fact (`WHOLE`: the whole row)."""


@dataclass(frozen=True, slots=True)
class FactToMark:
    """One fact to tick. undone: why its last mark was undone."""

    fact: Fact
    undone: UndoneMark | None

    @property
    def value(self) -> str:
        """Return the value of the box: the fact, with a digest of what was read."""
        return box(self.fact)


@dataclass(frozen=True, slots=True)
class RowToMark:
    """One row outside the forms: its facts to tick, or its content to read. `value` is that of the box of the row."""

    title: str
    page: str
    value: str
    lines: tuple[FactToMark, ...] = ()
    content: tuple[tuple[str, str], ...] = ()
    undone: UndoneMark | None = None

    @property
    def changed(self) -> bool:
        """Return True if a later change undid a mark of this row."""
        return self.undone is not None or any(line.undone for line in self.lines)


def place_of(fact: Fact) -> Place:
    """Return the identity of a fact: kind, key of the row and name."""
    return fact.kind.target, fact.row.pk, fact.item


def row_place(fact: Fact) -> tuple[str, int]:
    """Return the identity of the row of a fact: kind and key."""
    return fact.kind.target, fact.row.pk


def box(fact: Fact) -> str:
    """Return the value of the box of a fact, or of a whole row."""
    target, key, item = place_of(fact)
    return f"{target}:{key}:{item}:{digest(fact)}"


def box_of_lines(lines: Sequence[FactToMark]) -> str:
    """Return the value of the box that stands for all these facts of one row."""
    target, key = row_place(lines[0].fact)
    return f"{target}:{key}:{ALL}:{_digest(line.value for line in lines)}"


def digest(fact: Fact) -> str:
    """Return a digest of what is stored of a fact, of all facts for a whole row."""
    if fact.item != WHOLE:
        return _digest([fact.compared])
    facts = fact.kind.facts(fact.row) if fact.known is None else fact.known
    return _digest(f"{item}={Fact(fact.kind, fact.row, item, facts).compared}" for item in facts)


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def at_visit(row: Any, visit: str) -> bool:
    """Return True if the page shows the row: all rows without a visit chosen, else those of this visit."""
    return not visit or (getattr(row, "visit", None) is not None and row.visit.key == visit)


def valid_places(kind: str, patients: Iterable[int], log: type[MarkRow] = Mark) -> set[Place]:
    """Return the places of the valid marks outside the forms. One query."""
    rows = log.objects.filter(kind=kind, patient__in=list(patients)).valid().outside_forms()
    return set(rows.values_list("target", "target_id", "item"))


def last_undone(patient: Patient, kind: str, log: type[MarkRow] = Mark) -> Mapping[Place, MarkRow]:
    """Return by place the mark that was undone last. One query."""
    rows = log.objects.filter(patient=patient, kind=kind, undone_at__isnull=False).outside_forms()
    return {(mark.target, mark.target_id or 0, mark.item): mark for mark in rows.order_by("pk")}


def newest(fact: Fact, kind: str) -> MarkRow | None:
    """Return the newest mark of a kind on a fact: the valid one, or the one undone last. One query."""
    target, key, item = place_of(fact)
    rows = fact.kind.marks.objects.filter(kind=kind, target=target, target_id=key, item=item)
    found: MarkRow | None = rows.select_related("by").order_by("pk").last()
    return found


def marked_rows(patient: Patient, kind: str) -> dict[tuple[str, int], tuple[str, int]]:
    """Return by row its title and the number of its valid marks. One query, three for each kind of row."""
    rows = list(Mark.objects.filter(patient=patient, kind=kind).valid().outside_forms().order_by("pk"))
    facts, numbers = facts_asked(rows), Counter(_row(mark) for mark in rows)
    return {place: (facts[mark.pk].title, numbers[place]) for mark in rows for place in [_row(mark)]}


def _row(mark: MarkRow) -> tuple[str, int]:
    return mark.target, mark.target_id or 0


def seen_in(
    sent: Sequence[str], rows: Sequence[RowToMark], kinds: Collection[str] | None = None
) -> dict[Place, str]:
    """Return the digests by place from the boxes of a page; the box of a row stands for its facts in `rows`.

    kinds: of rows that the page shows, by default the general ones. Raises BadRequest for anything else.
    """
    shown = {row.value.rpartition(":")[0]: row for row in rows}
    found: dict[Place, str] = {}
    for text in sent[: MOST + 1]:
        place, read = _parts(text, KINDS if kinds is None else kinds)
        row = shown.get(text.rpartition(":")[0]) if place[2] == ALL else None
        if row is None and place[2] != ALL:
            found[place] = read
        for line in row.lines if row else ():
            # Of a row that changed since it was read no digest fits.
            found[place_of(line.fact)] = digest(line.fact) if row and row.value == text else ""
    if len(sent) > MOST:
        raise BadRequest(_("These are no entries of this page."))
    return found


def _parts(text: str, kinds: Collection[str]) -> tuple[Place, str]:
    target, key, item, read = (*text.split(":"), "", "", "", "")[:4]
    plain = key.isascii() and key.isdigit() and len(key) < 19
    if text.count(":") != 3 or target not in kinds or not plain:
        raise BadRequest(_("These are no entries of this page."))
    return (target, int(key), item), read


@transaction.atomic
def mark_facts(
    *,
    patient: Patient,
    seen: Mapping[Place, str],
    kind: str,
    waiting: Callable[[Patient], Iterable[Fact]],
    by: User,
    role: str,
    log: Any = Mark,
) -> int:
    """Mark facts or whole rows and return their number. A mark that is valid already is kept.

    waiting: returns what can be marked, read under the lock of the patient. Raises ValidationError, and marks nothing,
    for a locked patient, a fact that does not wait for a mark, and one that changed since it was read.
    """
    patient = lock_patient(patient)
    refuse_when_locked(patient)
    facts = {place_of(fact): fact for fact in waiting(patient)}
    fresh = []
    for place, read in seen.items():
        fact = facts.get(place)
        if fact is None and _is_marked(patient, place, kind, log):
            continue
        if fact is None:
            raise ValidationError(_("An entry is not planned for this mark, or there is no such entry."))
        if digest(fact) != read:
            raise ValidationError(
                _("%(entry)s was changed while you read it: look at it again.") % {"entry": fact.words}
            )
        target, key, item = place
        own = {"target": target, "target_id": key, "item": item}
        fresh.append(log(patient=patient, **own, kind=kind, by=by, role=role))
    log.objects.bulk_create(fresh)
    return len(fresh)


def _is_marked(patient: Patient, place: Place, kind: str, log: type[MarkRow]) -> bool:
    target, key, item = place
    rows = log.objects.filter(patient=patient, kind=kind, target=target, target_id=key, item=item)
    return bool(rows.valid().exists())


@transaction.atomic
def withdraw_facts(
    *, patient: Patient, target: str, key: int, kind: str, reason: str, by: User, item: str = ""
) -> int:
    """Withdraw the marks of one kind on a row, or on one of its facts, and return their number.

    Raises ValidationError without a reason or a mark, or if the patient is locked.
    """
    words = withdrawal_reason(reason)
    refuse_when_locked(lock_patient(patient))
    about = kind_of(target)
    log: type[MarkRow] = about.marks if about else Mark
    rows = log.objects.filter(patient=patient, target=target, target_id=key, kind=kind)
    done = end(rows.filter(item=item) if item else rows, reason=words, by=by)
    if not done:
        raise ValidationError(_("This entry has no mark: there is nothing to withdraw."))
    return done
