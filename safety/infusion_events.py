"""Adverse events of an infusion, for the pages of `dosing`, which must not import `safety`."""

from collections.abc import Iterator

from django.urls import reverse

from patients.models import Patient
from patients.participation.treatment.infusion_links import EventAddress
from safety.models import AdverseEvent


def events_at_infusion(patient: Patient, number: int) -> Iterator[EventAddress]:
    """Yield the events that began at an infusion, in the order of their numbers. One query."""
    rows = AdverseEvent.objects.filter(trial=patient.trial_id, patient=patient, infusion=number)
    for row in rows.order_by("number").only("number", "term", "in_error_reason"):
        address = reverse("safety:event", args=[patient.trial.slug, patient.code, row.number])
        yield EventAddress(f"{row} · {row.term}", address, bool(row.in_error_reason))
