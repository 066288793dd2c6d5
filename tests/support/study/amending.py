"""A complete form amended as a coordinator amends it."""

from typing import Any

from accounts.models import User
from audit.context import acting
from patients.entry import saving
from patients.models import Patient, Record
from tests.support.study.entered_forms import at


def changed(record: Record, by: User, **values: Any) -> Record:
    """Amend a complete form and return it as stored."""
    visit = record.visit.key if record.visit else None
    record = Record.objects.get(pk=record.pk)
    place = at(Patient.objects.get(pk=record.patient_id), by, record.form, visit, record.repeat)
    entry = saving.Entry(place=place, values={**record.values, **values}, base_version=record.version)
    with acting(user=by, role="coordinator"):
        return saving.amend(entry, reason="Transcription error", by=by).record
