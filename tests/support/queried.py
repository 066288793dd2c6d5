"""Queries on a patient's forms, and their listing."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from audit.context import acting
from patients.models import Patient, Query, Record
from tests.support import build
from trials.models import Trial


def make(record: Record, by: User, item: str, *, days: int = 0, **fields: Any) -> Query:
    """Create a query raised `days` ago."""
    told = {"origin": "monitor", "state": "open", "text": f"About {item}", **fields}
    if told["state"] == "closed":
        told.setdefault("closed_at", timezone.now())
    opened = timezone.now() - timedelta(days=days, hours=1)
    with acting(system="test"):
        return Query.objects.create(
            patient=record.patient, record=record, item=item, opened_by=by, opened_at=opened, **told
        )


def begun(patient: Patient, by: User, **values: Any) -> Record:
    """Create a draft of vital signs."""
    return build.record(patient, "vitals", values, draft=True, by=by)


def begun_elsewhere(trial: Trial, by: User) -> Record:
    """Create a draft of vital signs for another patient."""
    patient = build.patient(trial=trial, by=by)
    build.consent(patient, by=by)
    return begun(patient, by, hr="70")
