"""Forms entered by calling the domain functions."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from audit.context import acting
from patients.casebook.casebook import Casebook, FormPlace
from patients.entry.saving import Entry, Saved, save_draft
from patients.models import Patient, Visit

BLOOD_PRESSURE = {"sbp": "124", "dbp": "76"}
DEMOGRAPHY = {"age": "55", "sex": "F", "height": "165", "weight": "70"}


def at(
    patient: Patient, by: User, form: str = "vitals", visit: str | None = "SCR", repeat: int = 1
) -> FormPlace:
    return Casebook.open(user=by, trial=patient.trial, code=patient.code).place(form, visit, repeat)


def draft(place: FormPlace, by: User, values: dict[str, Any], base: int = 0, **more: Any) -> Saved:
    with acting(user=by, role="coordinator"):
        return save_draft(Entry(place=place, values=values, base_version=base, **more), by=by)


def included(patient: Patient) -> None:
    """Put a patient into follow-up from the day after screening, with every visit due."""
    day = patient.screened_on + timedelta(days=1)
    with acting(system="test"):
        Patient.objects.filter(pk=patient.pk).update(
            state="enrolled", enrolled_on=day, enrolled_at=timezone.now()
        )
        Visit.objects.filter(patient=patient).update(window_from=day, planned_on=day, window_to=day)
