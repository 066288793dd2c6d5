"""Medical review: an investigator marks forms as reviewed; a later change of a form undoes it."""

from collections.abc import Mapping, Sequence

from accounts.models import User
from patients.models import Mark, Patient, Record
from patients.review import marks
from patients.review.marks import SeenVersion

KIND = Mark.Kind.REVIEW


def review(*, patient: Patient, seen: Sequence[SeenVersion], by: User, role: str) -> int:
    """Mark complete forms as medically reviewed and return their number. Raises ValidationError like `marks.mark`."""
    return len(marks.mark(patient=patient, seen=seen, kind=KIND, by=by, role=role))


def withdraw(*, record: Record, reason: str, by: User) -> int:
    """Withdraw the medical review of a form, with the reason. Raises ValidationError like `marks.withdraw`."""
    return marks.withdraw(record=record, kind=KIND, reason=reason, by=by)


def reviews(patient: Patient) -> Mapping[int, Mark]:
    """Return the valid medical review by record key. One query."""
    rows = marks.of_patient(patient, KIND).select_related("by")
    return {mark.record_id: mark for mark in rows}
