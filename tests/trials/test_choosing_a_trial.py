"""The trial that opens after signing in."""

import pytest

from patients.models import Visit
from tests.support import build
from tests.support.pages.home import HOME, get

pytestmark = pytest.mark.django_db


def test_the_only_trial_of_a_person_opens_at_once(trial):
    assert get("/trials/", trial)["Location"] == HOME


def test_a_person_with_two_trials_chooses(trial):
    person = build.user("monitor", trial=trial)
    build.delegate(person, trial=build.trial(build.COVID_MSV), role="statistician")
    html = build.client(person).get("/trials/").content.decode()
    assert "NCT04445454" in html
    assert "Statistician" in html


def test_a_person_without_a_role_is_told_whom_to_ask(trial):
    assert "You hold no role in a trial today." in build.client(build.user()).get("/trials/").content.decode()


def test_nobody_chooses_a_trial_without_signing_in(client):
    assert client.get("/trials/").status_code == 302
    assert Visit.objects.count() == 0
