"""Marks on captured forms: set in bulk, withdrawn with a reason, undone by a later change of the marked content.

`patients.review.source_verification` and `patients.review.medical_review` use it for the two kinds of marks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import written
from patients.models import Mark, Patient, Record
from patients.models.marks import MarkQuerySet
from patients.participation.lifecycle import lock_patient, refuse_locked_form, refuse_when_locked
from trials.reader import reader_language

WHOLE = ""


@dataclass(frozen=True, slots=True)
class SeenVersion:
    """The items a person ticked on one record (`WHOLE` for the whole form), and the version that was read."""

    record: int
    version: int
    items: tuple[str, ...]


@transaction.atomic
def mark(*, patient: Patient, seen: Sequence[SeenVersion], kind: str, by: User, role: str) -> list[Record]:
    """Mark items of complete forms of one patient and return the records. Existing marks are kept.

    Raises ValidationError, and marks nothing, if nothing is ticked, a form is locked, not complete or changed since it
    was read, or an item is unknown.
    """
    if not any(each.items for each in seen):
        raise ValidationError(_("Tick at least one item."))
    patient = lock_patient(patient)
    refuse_when_locked(patient)
    records = _read(patient, seen)
    # Read under the lock: a colleague may have marked some of the items since the page was shown.
    already_marked = set(of_patient(patient, kind).values_list("record_id", "item"))
    fresh = [
        Mark(
            patient=patient,
            record=records[each.record],
            item=item,
            kind=kind,
            version=each.version,
            by=by,
            role=role,
        )
        for each in seen
        for item in dict.fromkeys(each.items)
        if (each.record, item) not in already_marked
    ]
    Mark.objects.bulk_create(fresh)
    return list(records.values())


@transaction.atomic
def withdraw(*, record: Record, kind: str, reason: str, by: User) -> int:
    """Withdraw the marks of one kind on a form, with the reason, and return their number. The history keeps them.

    Raises ValidationError without a reason, without a mark, or if the form is locked.
    """
    words = withdrawal_reason(reason)
    refuse_when_locked(lock_patient(record.patient))
    row = Record.objects.select_for_update(of=("self",)).select_related("visit").get(pk=record.pk)
    refuse_locked_form(row, row.visit)
    done = end(Mark.objects.filter(record=row, kind=kind), reason=words, by=by)
    if not done:
        raise ValidationError(_("This form has no mark: there is nothing to withdraw."))
    return done


def withdrawal_reason(reason: str) -> str:
    """Return the reason without blanks around it. Raises ValidationError if it is empty."""
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the mark is withdrawn.")})
    return reason.strip()


def end(rows: MarkQuerySet, *, reason: str, by: User) -> int:
    """End the valid marks among these with the reason, and return their number. The history keeps them."""
    detail = {"by": by.full_name, "because": written(reason), "old": {}, "new": {}}
    with because(reason):
        return int(rows.valid().update(undone_at=timezone.now(), undone=detail))


def of_patient(patient: Patient, kind: str) -> MarkQuerySet:
    """Return the valid marks of one kind on a patient's forms."""
    return Mark.objects.filter(patient=patient, kind=kind).valid().on_forms()


def _read(patient: Patient, seen: Sequence[SeenVersion]) -> Mapping[int, Record]:
    """Return the records by key, locked. Raises ValidationError for one that cannot be marked as it was seen."""
    rows = Record.objects.select_for_update(of=("self",)).select_related("visit", "protocol")
    records = {row.pk: row for row in rows.filter(patient=patient, pk__in=[each.record for each in seen])}
    for each in seen:
        record = records.get(each.record)
        if record is None:
            raise ValidationError(_("This patient has no such form."))
        _refuse(record, each)
    return records


def _refuse(record: Record, seen: SeenVersion) -> None:
    form = record.protocol.rules.form(record.form)
    named = {"form": form.title.in_language(reader_language())}
    refuse_locked_form(record, record.visit)
    if record.state != Record.State.COMPLETE:
        raise ValidationError(_("%(form)s is not complete: it cannot be marked yet.") % named)
    if record.version != seen.version:
        raise ValidationError(_("%(form)s was changed while you read it: look at it again.") % named)
    if any(item != WHOLE and item not in form for item in seen.items):
        raise ValidationError(_("%(form)s has no such item.") % named)
