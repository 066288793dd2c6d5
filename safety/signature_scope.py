"""Adverse events in the content of a casebook signature."""

from typing import Any

from patients.models import Patient
from safety.models import AdverseEvent


def events(sender: type[Patient], patient: Patient, **_: Any) -> dict[str, Any]:
    """Return the patient's adverse events except those reported after the lock, which are signed one by one."""
    rows = AdverseEvent.objects.filter(patient=patient, after_lock_reason="").order_by("number")
    return {"adverse_events": [event.signed_content() for event in rows]}
