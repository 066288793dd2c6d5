"""Deviations in the report of a serious event: it reached the sponsor after the deadline."""

from accounts.models import User
from patients.models import Deviation, DeviationPlace
from patients.participation.deviations import FoundDeviation, reconcile
from safety.models import AdverseEvent

CATEGORY = Deviation.Category.SAFETY_REPORT.value


def note_late_report(event: AdverseEvent, by: User) -> AdverseEvent:
    """Open or take back the deviation of an event that was just saved, and return the event."""
    key, due_at, reported_at = str(event.number), event.due_at, event.reported_at
    found = {}
    if due_at and reported_at and reported_at > due_at and event.late_reason and not event.in_error:
        on = due_at.astimezone(event.patient.trial.zone).date()
        found[CATEGORY, key] = FoundDeviation(on, event.late_reason)
    reconcile(
        patient=event.patient,
        place=DeviationPlace.ADVERSE_EVENT,
        categories=[CATEGORY],
        keys=[key],
        found=found,
        by=by,
        after_lock_reason=event.after_lock_reason,
    )
    return event
