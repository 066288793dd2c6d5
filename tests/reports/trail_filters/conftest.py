"""People who write and read the trail of a patient, and the rows that a filter of it finds."""

from datetime import UTC, datetime

import pytest

from audit.context import acting
from patients.models import Record
from tests.support import build

MONDAY = datetime(2026, 9, 14, 9, 0, tzinfo=UTC)


@pytest.fixture
def inspector(trial):
    return build.user("inspector", trial=trial)


@pytest.fixture
def coordinator(trial):
    return build.user("coordinator", trial=trial, full_name="Claire Lambert")


@pytest.fixture
def patient(trial, coordinator):
    return build.patient(trial=trial, by=coordinator)


def change(record, by, reason="", **values):
    with acting(user=by, role="coordinator", reason=reason, origin="web"):
        Record.objects.filter(pk=record.pk).update(values=values)


def rows_of(found, source="patients.record"):
    return [line.entry.row.history_id for line in found if line.entry.source == source]


def history(record):
    return list(record.history.order_by("history_id").values_list("history_id", flat=True))
