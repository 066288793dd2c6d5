"""A trial whose only version begins in the future: its people open every page and prepare it; nobody is screened."""

from datetime import date

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.urls import NoReverseMatch, reverse

from patients.models import Patient
from patients.participation.protocol_amendments.version_withdrawal import withdraw_version
from patients.participation.screening import screen
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages.access_matrix import TRIAL_PAGES, widest_roles
from trials.models import ProtocolVersion, Trial
from trials.roles import ROLES

pytestmark = [pytest.mark.django_db, pytest.mark.at("2026-09-15T09:00:00+00:00")]

BEGINS = date(2026, 10, 1)
NOTICE = "Version 1.0 of the protocol is in force from 01-Oct-2026: nobody can be screened before."


@pytest.fixture(params=[build.LIEGE, build.COVID_MSV])
def trial(request) -> Trial:
    build.version(build.protocol_text(request.param), effective_from=BEGINS)
    return Trial.objects.get()


def notice_of(trial: Trial) -> str:
    return NOTICE.replace("1.0", ProtocolVersion.objects.get(trial=trial).version)


def opened(trial: Trial, role: str) -> list[tuple[str, int, str]]:
    """Return name, status and text of every page that a role may read and that needs no patient."""
    client, found = build.client(build.user(role, trial=trial)), []
    for name, (see, _change) in sorted(TRIAL_PAGES.items()):
        if see is None or see not in ROLES[role].permissions:
            continue
        try:
            address = reverse(name, kwargs={"slug": trial.slug})
        except NoReverseMatch:
            continue
        response = client.get(address, follow=True)
        is_page = response["Content-Type"].startswith("text/html")
        found.append((name, response.status_code, response.content.decode() if is_page else ""))
    return found


@pytest.mark.parametrize("role", each_engine_or_one(widest_roles(), on_each=["data_manager"]))
def test_every_page_answers_before_the_first_version_is_in_force(trial, role):
    """SEC-01: no page is 500, and each tells from which day on patients are screened."""
    found = opened(trial, role)
    assert [(name, status) for name, status, _html in found if status != 200] == []
    assert [name for name, _status, html in found if html and notice_of(trial) not in html] == []
    assert len(found) >= 8


@pytest.mark.parametrize(
    "role", each_engine_or_one(["data_manager", "statistician", "inspector"], on_each=["data_manager"])
)
def test_every_page_answers_after_the_only_version_was_withdrawn(trial, role):
    (version,) = ProtocolVersion.objects.filter(trial=trial)
    with build.acting(system="test"):
        withdraw_version(version=version, reason="Loaded too early")
    found = opened(trial, role)
    assert [(name, status) for name, status, _html in found if status != 200] == []
    assert [
        name for name, _status, html in found if html and "is withdrawn and no other one" not in html
    ] == []


def test_the_list_of_trials_answers_and_says_when_the_trial_begins(trial):
    person = build.user("monitor", trial=trial)
    other = build.COVID_MSV if trial.slug == build.LIEGE else build.LIEGE
    build.delegate(person, trial=build.trial(other), role="monitor")
    html = build.client(person).get("/trials/").content.decode()
    assert trial.slug.upper() in html
    assert notice_of(trial) in html


def test_nobody_is_screened_before_that_day_and_the_person_is_told_why(trial):
    person = build.user("coordinator", trial=trial)
    address = reverse("patients:screen", args=[trial.slug])
    answer = build.client(person).post(
        address, {"screened_on": "15-Sep-2026", "name": "N. N.", "save_key": "k"}
    )
    assert answer.status_code == 422
    assert answer.content.decode().count(notice_of(trial)) == 2
    assert "N. N." in answer.content.decode()
    assert Patient.objects.count() == 0


def test_a_masked_trial_keeps_the_blind_before_it_begins(trial):
    """BLD-01: what a role may know follows from the version awaited."""
    coordinator = build.client(build.user("coordinator", trial=trial))
    masked = trial.slug == build.COVID_MSV
    assert coordinator.get(reverse("dosing:allocation", args=[trial.slug])).status_code == (
        403 if masked else 200
    )


def test_on_its_day_the_version_is_in_force_without_being_loaded_again(trial):
    with time_machine.travel("2026-10-01T09:00:00+00:00"):
        person = build.user("coordinator", trial=trial)
        html = build.client(person).get(reverse("reports:home", args=[trial.slug])).content.decode()
        assert "nobody can be screened" not in html
        assert (
            build.patient(trial=Trial.objects.get(), by=person, screened_on=BEGINS).protocol.trial_id
            == trial.pk
        )


def test_a_trial_whose_only_version_is_withdrawn_answers_too(trial):
    (version,) = ProtocolVersion.objects.filter(trial=trial)
    manager = build.user("data_manager", trial=trial)
    with build.acting(system="test"):
        withdraw_version(version=version, reason="Loaded too early", by=manager)
    html = build.client(manager).get(reverse("patients:protocol", args=[trial.slug])).content.decode()
    assert f"Version {version.version} of the protocol is withdrawn and no other one is loaded" in html
    assert "Loaded too early" in html
    with pytest.raises(ValidationError, match="is withdrawn and no other one is loaded"):
        screen(trial=Trial.objects.get(), screened_on=date(2026, 9, 15), identity={}, by=manager)
