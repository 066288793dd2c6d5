"""A patient, a coordinator with a name, and the changes of a form that inspectors ask about."""

import pytest

from audit.context import acting
from patients.models import Record
from tests.support import build


@pytest.fixture
def coordinator(trial):
    return build.user("coordinator", trial=trial, full_name="Claire Lambert")


@pytest.fixture
def patient(trial, coordinator):
    return build.patient(trial=trial, by=coordinator)


def change(record, by, reason="typing error", origin="web", **values):
    with acting(user=by, role="coordinator", reason=reason, origin=origin):
        Record.objects.filter(pk=record.pk).update(values=values)


def stored(record):
    return list(record.history.order_by("history_id"))
