"""The mark “arm known since …” beside what a person assessed after an unblinding (BLD-04)."""

from datetime import datetime
from typing import Any

from django import template

from patients.models import Patient
from patients.participation.treatment.arm_knowledge import known_words

register = template.Library()


@register.inclusion_tag("patients/_arm_known.html")
def arm_known(patient: Patient | str, person: int | None, at: datetime | None) -> dict[str, Any]:
    """Return the context of the mark; nothing is shown unless the person knew the arm at that time.

    patient: "" on pages that are of no single patient.
    """
    return {"words": known_words(patient, person, at)} if isinstance(patient, Patient) else {}
