"""The mark “arm known since …” beside what a person assessed after an unblinding (BLD-04)."""

from datetime import datetime
from typing import Any

from django import template

from patients.models import Patient
from patients.participation.arm_knowledge import arm_known_since

register = template.Library()


@register.inclusion_tag("patients/_arm_known.html")
def arm_known(patient: Patient | str, person: int | None, at: datetime | None) -> dict[str, Any]:
    """Return the context of the mark; nothing is shown unless the person knew the arm at that time.

    patient: "" on pages that are of no single patient.
    """
    if not isinstance(patient, Patient) or person is None or at is None:
        return {}
    since = arm_known_since(patient).get(person)
    return {"since": since, "zone": patient.trial.time_zone} if since is not None and since <= at else {}
