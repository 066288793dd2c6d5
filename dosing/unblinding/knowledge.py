"""Since when each person knows the treatment of a patient by an unblinding; `patients` shows it beside assessments."""

from datetime import datetime

from dosing.models import Unblinding
from patients.models import Patient


def known_since(patient: Patient) -> dict[int, datetime]:
    """Return by person the first instant of the knowledge. One query; none of it names an arm."""
    found: dict[int, datetime] = {}
    for row in Unblinding.objects.filter(patient=patient, known_to__isnull=False):
        row.patient = patient
        person = row.known_to_id or 0
        found[person] = min(row.since, found.get(person, row.since))
    return found
