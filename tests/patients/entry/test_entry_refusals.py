"""Refusals of a form's page: forged requests, roles, other trials, future visits."""

from typing import Any

import pytest
from django.test import Client

from audit.context import acting
from patients.entry.controls import CONTROLS
from patients.models import Draft, Patient, Record
from tests.support import build
from tests.support.pages.entry_pages import WHOLE, address, opened, save, words
from trials.models import Trial

pytestmark = pytest.mark.django_db


def test_a_page_that_lies_about_the_state_gets_nowhere(desk: Client, patient: Patient) -> None:
    """DAT-04: the reason cannot be avoided by saying that the form is a draft."""
    save(desk, patient, WHOLE, "next")
    control = {**opened(desk, patient), CONTROLS.state: ""}
    for action in ("draft", "next"):
        response = desk.post(address(patient), {**control, **WHOLE, "hr": "74", CONTROLS.action: action})
        assert response.status_code == 422
    assert Record.objects.get().values["hr"] == "72"


@pytest.mark.parametrize(
    "sent",
    [
        {"colour": "red"},
        {"hr-unit": "stone", "hr": "70"},
        {"temp-missing": "LOST"},
        {"map": "92"},
        {CONTROLS.version: "one"},
        {CONTROLS.version: "-1"},
        {CONTROLS.version: "7"},
        {CONTROLS.protocol: "x"},
        {CONTROLS.protocol: "999999"},
        {f"{CONTROLS.choose}hr": "both"},
        {f"{CONTROLS.choose}colour": "mine"},
        {"series-0-hr": "1"},
        {CONTROLS.action: "not-done-99"},
        {CONTROLS.action: "not-done-x"},
        {CONTROLS.action: "delete"},
        {"weight-unit": "stone", "weight": "12"},
        {"hr": ["1", "2"]},
    ],
)
def test_a_request_that_no_page_makes_is_refused_and_stores_nothing(
    desk: Client, patient: Patient, sent: dict[str, Any]
) -> None:
    """DAT-04, 400: an unknown item, code, unit or control."""
    control = opened(desk, patient)
    response = desk.post(address(patient), {**control, "sbp": "124", "dbp": "76", **sent})
    assert response.status_code == 400
    kept = desk.post(address(patient, end="keep/"), {**control, "sbp": "124", **sent})
    assert kept.status_code == (200 if CONTROLS.action in sent else 400)
    assert not Record.objects.exists()
    assert CONTROLS.action in sent or not Draft.objects.exists()


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"colour": "red"}, "The form has no item “colour”."),
        ({"map": "92"}, "“map” is calculated and cannot be typed."),
        ({"hr-unit": "stone", "hr": "70"}, "The unit “stone” cannot be chosen here."),
        ({"temp-missing": "LOST"}, "“LOST” cannot be chosen here."),
        ({CONTROLS.version: "7"}, "The form was altered in transit. Open it again."),
        ({"x" * 900: "1"}, "The form has no item “xxx"),
    ],
)
def test_a_refusal_says_what_to_do(desk: Client, patient: Patient, sent: dict[str, str], told: str) -> None:
    """DAT-04: the 400 page names the unknown item, code, unit or version."""
    response = desk.post(address(patient), {**opened(desk, patient), CONTROLS.action: "draft", **sent})
    assert response.status_code == 400
    page = words(response)
    assert told in page
    assert "Nothing was saved. Go back and try again." in page
    assert len(page) < 800


def test_what_the_framework_found_wrong_is_not_shown(desk: Client, patient: Patient) -> None:
    """Django's messages are for developers and may reveal internals."""
    many = {f"item{number}": "1" for number in range(3000)}
    response = desk.post(address(patient), {**opened(desk, patient), **many})
    assert response.status_code == 400
    assert "Something in the address or in what was sent is not valid." in words(response)
    assert not Record.objects.exists()


def test_a_version_of_another_trial_is_not_a_protocol_of_this_one(desk: Client, patient: Patient) -> None:
    other = build.trial(build.COVID_MSV)
    control = {**opened(desk, patient), CONTROLS.protocol: str(other.protocol_id)}
    assert desk.post(address(patient), {**control, "hr": "72"}).status_code == 400
    assert not Record.objects.exists()


@pytest.mark.parametrize(
    "role", ["monitor", "data_manager", "statistician", "administrator", "inspector", "cell_laboratory"]
)
def test_a_role_that_enters_no_data_reads_the_form_and_changes_nothing(
    desk: Client, patient: Patient, trial: Trial, role: str
) -> None:
    """ACC-02, ACC-06: administrators and monitors never write clinical data."""
    save(desk, patient, {"hr": "190"})
    reader = build.client(build.user(role, trial=trial))
    response = reader.get(address(patient))
    assert response.status_code == 200
    assert 'id="entry"' not in response.content.decode()
    assert "Heart rate 190 beats/min high" in words(response)
    for end in ("", "check/", "keep/", "discard/", "strike-out/"):
        assert reader.post(address(patient, end=end), {"hr": "72", CONTROLS.version: "1"}).status_code == 403
    assert Record.objects.get().version == 1


def test_another_trials_patient_does_not_exist(patient: Patient) -> None:
    stranger = build.client(build.user("coordinator", trial=build.trial(build.COVID_MSV)))
    assert stranger.get(address(patient)).status_code == 404
    assert stranger.post(address(patient), {"hr": "72"}).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "visits/D99/vitals/",
        "visits/SCR/nothing/",
        "visits/SCR/medication/",
        "logs/vitals/1/",
        "logs/medication/0/",
    ],
)
def test_a_form_that_the_protocol_does_not_have_is_not_found(
    desk: Client, patient: Patient, path: str
) -> None:
    assert desk.get(f"/trials/{patient.trial.slug}/patients/{patient.code}/{path}").status_code == 404


def test_a_visit_that_has_not_begun_is_shown_and_refuses_entry(desk: Client, patient: Patient) -> None:
    response = desk.get(address(patient, visit="D7"))
    assert response.status_code == 200
    assert "D7 comes after inclusion: include LIE-001 first." in words(response)
    control = opened(desk, patient)
    refused = desk.post(address(patient, visit="D7"), {**control, "hr": "72"})
    assert refused.status_code == 422
    assert "include LIE-001 first" in words(refused)
    assert not Record.objects.exists()


def test_the_form_of_a_visit_without_a_day_leads_to_recording_it(desk, patient):
    """DAT-08: windows, deadlines and lateness count from the day on which the visit was held."""
    page = desk.get(address(patient))
    assert "The day of this visit is not recorded yet" in page.content.decode()
    assert (
        f'href="/trials/{patient.trial.slug}/patients/{patient.code}/visits/SCR/hold/"'
        in page.content.decode()
    )
    visit = patient.visits.get(code="SCR")
    with acting(system="test"):
        visit.state, visit.held_on = "held", patient.screened_on
        visit.save(update_fields=["state", "held_on"])
    assert "is not recorded yet" not in desk.get(address(patient)).content.decode()
