"""A save opens the casebook with the one visit of its form; every key leads to the visit that a page shows under it."""

from datetime import timedelta

import pytest

from audit.context import acting
from patients.casebook.casebook import Casebook
from patients.models import Patient
from patients.participation.visits import add_unscheduled
from tests.support import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def followed(trial, nurse) -> Patient:
    """A patient in follow-up with two unscheduled visits: the second has a number in its key."""
    patient = build.enrolled(trial=trial)
    with acting(user=nurse, role="coordinator"):
        for day in (3, 5):
            on = patient.enrolled_on + timedelta(days=day)
            add_unscheduled(patient=patient, on=on, reason=f"Fever on day {day}", by=nurse)
    return patient


def test_each_visit_is_opened_alone_under_its_key(followed, trial, nurse, django_assert_num_queries):
    whole = Casebook.open(user=nurse, trial=trial, code=followed.code)
    keys = [visit.key for visit in whole.visits]
    assert len([key for key in keys if key.endswith("-2")]) == 1
    for visit in whole.visits:
        with django_assert_num_queries(1):
            alone = Casebook.open_at(user=nurse, trial=trial, code=followed.code, visit=visit.key)
        assert [each.pk for each in alone.visits] == [visit.pk]
        assert alone.patient == followed


def test_without_such_a_visit_or_for_a_log_the_whole_casebook_is_opened(followed, trial, nurse):
    whole = Casebook.open(user=nurse, trial=trial, code=followed.code)
    for key in ("D999", "UNS-3", None):
        found = Casebook.open_at(user=nurse, trial=trial, code=followed.code, visit=key)
        assert found.visits == whole.visits


def test_a_visit_of_another_trial_is_not_opened(followed, trial):
    """Whoever has no role in the trial finds no patient, whatever the key."""
    visit = followed.visits.order_by("position")[0]
    with pytest.raises(Patient.DoesNotExist):
        Casebook.open_at(user=build.user(), trial=trial, code=followed.code, visit=visit.key)
