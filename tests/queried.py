"""Queries on the forms of a patient, and the list of them."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from audit.context import acting
from patients.models import Query, Record
from tests import build
from trials.models import Trial


def make(record: Record, by: User, item: str, *, days: int = 0, **fields: Any) -> Query:
    """Return a query raised so many days ago."""
    told = {"origin": "monitor", "state": "open", "text": f"About {item}", **fields}
    if told["state"] == "closed":
        told.setdefault("closed_at", timezone.now())
    opened = timezone.now() - timedelta(days=days, hours=1)
    with acting(system="test"):
        return Query.objects.create(
            patient=record.patient, record=record, item=item, opened_by=by, opened_at=opened, **told
        )


def people_of(trial: Trial) -> dict[str, User]:
    """Return by role the people of a trial who ask, answer or read."""
    roles = ("coordinator", "investigator", "monitor", "data_manager", "statistician")
    return {role: build.user(role, trial=trial) for role in roles}
