"""Deviations in the report of a serious event: it reached the sponsor after the deadline, or the deadline passed."""

from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, QuerySet
from django.db.models.functions import Cast
from django.utils import timezone

from accounts.models import User
from audit.stored_text import Text, system_text
from patients.models import Deviation, DeviationPlace, Patient
from patients.participation.deviation_log.deviations import FoundDeviation, reconcile
from patients.participation.lifecycle import lock_patient
from safety.models import AdverseEvent

CATEGORY = Deviation.Category.SAFETY_REPORT.value


def note_late_report(event: AdverseEvent, by: User | None) -> AdverseEvent:
    """Open or take back the deviation of an event, and return the event. Call it under the lock of the patient.

    An event has one deviation: opened when the deadline passes, with the reason typed for the late report once there is
    one. by: None for the system.
    """
    key, found, text = str(event.number), {}, _late(event)
    if text and event.due_at:
        on = event.patient.trial.day_of(event.due_at)
        found[CATEGORY, key] = FoundDeviation(on, text)
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


def note_overdue_reports() -> int:
    """Open the deviation of each event whose deadline passed without a report, in all trials. Return their number.

    A second run opens nothing again. An event of a locked patient waits unless it was reported after the lock.
    """
    return sum(_note(patient) for patient in _patients())


def _late(event: AdverseEvent) -> Text:
    """Return why the report is late, as a sentence; empty if it is not."""
    due_at, reported_at = event.due_at, event.reported_at
    if due_at is None or event.in_error:
        return ""
    if reported_at is not None:
        return event.late_reason if reported_at > due_at else ""
    if due_at >= timezone.now():
        return ""
    there = due_at.astimezone(event.patient.trial.zone)
    return system_text("deviation.event_not_reported", day=there.date(), time=there.strftime("%H:%M"))


def _overdue() -> "QuerySet[AdverseEvent]":
    """Return the events past their deadline that have no deviation in force."""
    noted = Deviation.objects.filter(
        patient=OuterRef("patient"),
        place=DeviationPlace.ADVERSE_EVENT,
        category=CATEGORY,
        place_key=Cast(OuterRef("number"), CharField()),
        struck_out_reason="",
    )
    rows: QuerySet[AdverseEvent] = AdverseEvent.objects.awaiting_report()
    return rows.filter(due_at__lt=timezone.now()).exclude(Exists(noted))


def _patients() -> list[Patient]:
    rows = Patient.objects.filter(pk__in=_overdue().values("patient"))
    return list(rows.select_related("trial", "protocol").order_by("pk"))


@transaction.atomic
def _note(patient: Patient) -> int:
    """Note the overdue events of a patient as they are under the lock. Return how many deviations were opened."""
    patient = lock_patient(patient)
    is_closed = bool(patient.locked_at or patient.trial.locked_at)
    before = Deviation.objects.filter(patient=patient).count()
    for event in _overdue().filter(patient=patient).order_by("number"):
        if event.after_lock_reason or not is_closed:
            event.patient = patient
            note_late_report(event, None)
    return Deviation.objects.filter(patient=patient).count() - before
