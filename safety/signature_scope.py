"""What a signature on the casebook covers of the adverse events."""

from typing import Any

from patients.models import Patient
from safety.models import AdverseEvent


def events(sender: type[Patient], patient: Patient, **_: Any) -> dict[str, Any]:
    """Return every adverse event of the patient but those reported after the lock, which are signed alone."""
    rows = AdverseEvent.objects.filter(patient=patient, after_lock_reason="").order_by("number")
    return {"adverse_events": [event.signed_content() for event in rows]}
