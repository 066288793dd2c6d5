"""Common parts of the pages of one adverse event: the event that the person may see, and the addresses of its pages."""

from django.shortcuts import get_object_or_404
from django.urls import reverse

from patients.models import Patient
from safety.models import AdverseEvent
from trials.access import TrialRequest


def event_of(request: TrialRequest, patient: Patient, number: int) -> AdverseEvent:
    """Return the patient's event with this number. Raises Http404 if the user may not see it."""
    event = get_object_or_404(AdverseEvent.objects.visible_to(request.user), patient=patient, number=number)
    event.patient = patient
    return event


def event_address(event: AdverseEvent, name: str = "safety:event") -> str:
    """Return the URL of one of the event's pages."""
    return reverse(name, args=[event.patient.trial.slug, event.patient.code, event.number])


def trail_address(event: AdverseEvent) -> str:
    """Return the URL of the event's rows in the audit trail."""
    table = event._meta.label_lower
    query = {"form": table, "row": f"{table}:{event.pk}"}
    return reverse("audit:trail", args=[event.patient.trial.slug], query=query)
