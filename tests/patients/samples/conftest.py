"""A patient with samples, and the people who enter and read them."""

from datetime import timedelta

import pytest

from patients.models import Patient
from tests.support import build
from tests.support.study.samples import collected, held


@pytest.fixture
def nurse(trial):
    return build.user("coordinator", trial=trial)


@pytest.fixture
def patient(trial, doctor) -> Patient:
    """A patient included thirty days ago, whose windows of day 7 and day 14 have passed."""
    return build.enrolled(trial=trial, on=trial.today - timedelta(days=30), investigator=doctor)


@pytest.fixture
def day_7(patient, nurse):
    return held(patient, "D7", nurse)


@pytest.fixture
def sample(day_7, nurse):
    return collected(day_7, nurse)
