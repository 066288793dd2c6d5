"""Source data verification: a monitor compares the items that the protocol plans with their source."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User
from patients.models import Mark, Patient, Record
from patients.review import marks
from patients.review.marks import WHOLE, SeenVersion
from trials.models import ProtocolVersion, Trial

KIND = Mark.Kind.VERIFICATION


@transaction.atomic
def verify(*, patient: Patient, seen: Sequence[SeenVersion], by: User, role: str) -> int:
    """Mark items as compared with their source and return the number of forms that are now fully verified.

    Raises ValidationError like `marks.mark`.
    """
    records = marks.mark(patient=patient, seen=seen, kind=KIND, by=by, role=role)
    verified = verified_items(patient)
    versions = {each.record: each.version for each in seen}
    blanks = []
    # Blank planned items are marked with the last answered one: a value entered there later undoes the mark,
    # so it is unverified whatever writes it.
    done = [record for record in records if not to_verify(record, verified.get(record.pk, ()))]
    for record in done:
        left = set(planned(record)) - set(verified.get(record.pk, ()))
        blank = () if WHOLE in verified.get(record.pk, ()) else sorted(left)
        if blank:
            blanks.append(SeenVersion(record.pk, versions[record.pk], tuple(blank)))
    if blanks:
        marks.mark(patient=patient, seen=blanks, kind=KIND, by=by, role=role)
    ids = [record.pk for record in done if record.verified_at is None]
    return Record.objects.filter(pk__in=ids).update(verified_at=timezone.now())


@transaction.atomic
def withdraw(*, record: Record, reason: str, by: User) -> int:
    """Withdraw the verification of a form, with the reason, and return the number of marks.

    Raises ValidationError like `marks.withdraw`.
    """
    done = marks.withdraw(record=record, kind=KIND, reason=reason, by=by)
    Record.objects.filter(pk=record.pk).exclude(verified_at=None).update(verified_at=None)
    return done


def planned(record: Record) -> tuple[str, ...]:
    """Return the items that the protocol plans for source verification. Reads record.protocol."""
    return record.protocol.rules.to_verify(record.form)


def to_verify(record: Record, verified: Iterable[str]) -> tuple[str, ...]:
    """Return the planned and answered items without a mark; `verified` are the items that have one."""
    marked = set(verified)
    if WHOLE in marked:
        return ()
    return tuple(name for name in planned(record) if name in record.values and name not in marked)


def verified_items(patient: Patient) -> Mapping[int, set[str]]:
    """Return the verified items by record key. One query."""
    found: dict[int, set[str]] = {}
    for record, item in marks.of_patient(patient, KIND).values_list("record_id", "item"):
        found.setdefault(record, set()).add(item)
    return found


def waiting(trial: Trial, versions: Sequence[ProtocolVersion] = ()) -> "QuerySet[Record]":
    """Return the complete forms that are planned for verification and not verified.

    One query for the versions, unless they are given.
    """
    plans = Q(pk__in=())
    for version in versions or versions_of(trial):
        plans |= Q(protocol_id=version.pk, form__in=version.rules.forms_to_verify)
    return Record.objects.filter(plans, patient__trial=trial, state=Record.State.COMPLETE, verified_at=None)


def count_of(rows: "QuerySet[Any]") -> Coalesce:
    """Return an annotation for patients: the number of the given rows that belong to each."""
    mine = (
        rows.order_by().filter(patient=OuterRef("pk")).values("patient").annotate(n=Count("pk")).values("n")
    )
    return Coalesce(Subquery(mine), 0)


def versions_of(trial: Trial) -> list[ProtocolVersion]:
    """Return all protocol versions of a trial. One query."""
    # The protocol text is not read: its parsed form is cached per process.
    return list(ProtocolVersion.objects.filter(trial=trial).defer("text").order_by("pk"))
