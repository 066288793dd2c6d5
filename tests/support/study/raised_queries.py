"""Queries on a patient's forms, and their listing."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from audit.context import acting
from patients.models import Patient, Query, Record
from patients.queries import threads
from tests.support import build
from trials.models import Trial


def make_query(record: Record, by: User, item: str, *, days: int = 0, **fields: Any) -> Query:
    """Create a query raised `days` ago."""
    fields_of_query = {"origin": "monitor", "state": "open", "text": f"About {item}", **fields}
    if fields_of_query["state"] == "closed":
        fields_of_query.setdefault("closed_at", timezone.now())
    opened = timezone.now() - timedelta(days=days, hours=1)
    with acting(system="test"):
        return Query.objects.create(
            patient=record.patient,
            record=record,
            item=item,
            opened_by=by,
            opened_at=opened,
            **fields_of_query,
        )


def closed(query: Query, manager: User, text: str) -> None:
    """Close a query as a data manager."""
    with acting(user=manager, role="data_manager"):
        threads.close_query(query=query, text=text, by=manager, role="data_manager")


def begin_form(patient: Patient, by: User, **values: Any) -> Record:
    """Create a draft of vital signs."""
    return build.record(patient, "vitals", values, draft=True, by=by)


def begin_form_of_other_trial(trial: Trial, by: User) -> Record:
    """Create a draft of vital signs for another patient."""
    patient = build.patient(trial=trial, by=by)
    build.consent(patient, by=by)
    return begin_form(patient, by, hr="70")
