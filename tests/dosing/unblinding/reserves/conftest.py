"""Reserve envelopes of the masked trial, the people who print, open and record them, and what they send."""

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from dosing.envelopes.reserves import make_reserves
from dosing.models import AllocationSlot
from protocol.values.moments import Moment
from tests.support import build


@pytest.fixture
def trial():
    return build.trial(build.COVID_MSV)


@pytest.fixture
def laboratory(trial):
    return build.user("cell_laboratory", trial=trial, full_name="Cell Worker")


@pytest.fixture
def pharmacist(trial):
    return build.user("pharmacist", trial=trial, full_name="Phil Pharmacist")


@pytest.fixture
def investigator(trial):
    return build.user("investigator", trial=trial, full_name="Doctor Night")


@pytest.fixture
def sealed(trial, laboratory):
    with acting(user=laboratory, role="cell_laboratory"):
        return [each.envelope for each in make_reserves(trial=trial, per_stratum=3, by=laboratory)]


def address(trial, name: str = "reserves") -> str:
    return reverse(f"dosing:{name}", args=[trial.slug])


def now_text(trial) -> str:
    return Moment.from_datetime(timezone.now(), trial.time_zone).display("en")


def sent(person, trial, envelope, /, **changed):
    fields = {"envelope": envelope.pk, "finding": "intact", "happened": now_text(trial), "note": ""}
    return build.client(person).post(address(trial), {**fields, **changed})


def opened(person, trial, envelope, patient, /, **changed):
    fields = {"finding": "opened", "patient": patient.pk, "opened_by": "me", "note": "Server away"}
    return sent(person, trial, envelope, **{**fields, **changed})


def slot_of(patient):
    return AllocationSlot.objects.filter(patient=patient).first()
