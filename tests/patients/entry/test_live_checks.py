"""During typing: unsaved input is kept and restored, and the server evaluates the answers for the page."""

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from patients.entry.controls import CONTROLS
from patients.models import Draft, Patient, Query, Record
from tests.support import build
from tests.support.pages.entry_pages import address, opened, save, words
from tests.support.study.entered_forms import included
from trials.models import Trial

pytestmark = pytest.mark.django_db


def test_what_is_typed_is_kept_given_back_and_can_be_discarded(desk: Client, patient: Patient) -> None:
    """AUD-13: unsaved input is not study data, survives closing the page, and is deleted at the save."""
    control = opened(desk, patient)
    kept = desk.post(address(patient, end="keep/"), {**control, "hr": "seventy", "temp-missing": "ND"})
    assert json.loads(kept.content)["kept"].startswith("Kept ")
    assert not Record.objects.exists()
    page = desk.get(address(patient))
    assert "and did not save is shown below" in words(page)
    assert 'name="hr" value="seventy"' in page.content.decode()
    assert desk.post(address(patient, end="discard/")).status_code == 302
    assert not Draft.objects.exists()
    assert "did not save" not in words(desk.get(address(patient)))


def test_a_kept_form_that_is_older_than_the_stored_one_is_shown_as_a_conflict(
    desk: Client, patient: Patient, trial: Trial
) -> None:
    control = opened(desk, patient)
    desk.post(address(patient, end="keep/"), {**control, "hr": "72"})
    save(build.client(build.user("investigator", trial=trial)), patient, {"hr": "90"})
    page = desk.get(address(patient))
    assert "This form was changed since you opened it" in words(page)
    assert "Heart rate Stored 90 beats/min You typed 72 beats/min" in words(page)


def test_a_draft_that_arrives_after_its_form_was_saved_is_passed_over(desk: Client, patient: Patient) -> None:
    control = opened(desk, patient)
    desk.post(address(patient), {**control, "hr": "72"})
    desk.post(address(patient, end="keep/"), {**control, "hr": "7"})
    page = desk.get(address(patient))
    assert "did not save" not in words(page)
    assert 'name="hr" value="72"' in page.content.decode()


def test_a_draft_under_a_name_that_no_longer_exists_does_not_break_the_page(
    desk: Client, patient: Patient, nurse: User
) -> None:
    place = "SCR/vitals"
    Draft.objects.create(
        user=nurse,
        patient=patient,
        place=place,
        payload=[["colour", "red"]],
        base_version=0,
        saved_at=timezone.now(),
    )
    page = desk.get(address(patient)).content.decode()
    assert 'name="hr" value=""' in page
    assert "colour" not in page


def test_one_persons_typing_is_not_shown_to_another(desk: Client, patient: Patient, trial: Trial) -> None:
    desk.post(address(patient, end="keep/"), {**opened(desk, patient), "hr": "72"})
    other = build.client(build.user("investigator", trial=trial))
    assert "did not save" not in words(other.get(address(patient)))


def test_the_page_asks_the_server_while_a_person_types(desk: Client, patient: Patient) -> None:
    """One implementation of checks: calculated values, findings and shown items come from the server."""
    control = opened(desk, patient)
    response = desk.post(
        address(patient, end="check/"),
        {**control, "sbp": "80", "dbp": "90", "hr": "190", "temp": "36,7", "measured_at": "9oct25 9:05"},
        headers={"HX-Request": "true"},
    )
    assert response.status_code == 200
    page = response.content.decode()
    assert '<output id="value-map" hx-swap-oob="innerHTML"><b>86.7 mmHg</b>' in page
    assert "Systolic pressure must be above diastolic" in page
    changes = json.loads(response["HX-Trigger"])["stroma:checked"]
    assert changes["invalid"] == ["sbp"]
    assert changes["soft"] == ["hr"]
    assert changes["echo"]["temp"] == "36.7"
    assert changes["echo"]["measured_at"] == "09-Oct-2025 09:05"
    assert not Record.objects.exists()
    assert not Query.objects.exists()


def test_what_is_asked_follows_the_answers_while_typing(desk: Client, patient: Patient) -> None:
    where = {"form": "respiratory_support"}
    control = opened(desk, patient, **where)

    def told(values: dict[str, str]) -> dict[str, Any]:
        response = desk.post(address(patient, end="check/", **where), {**control, **values})
        return dict(json.loads(response["HX-Trigger"])["stroma:checked"])

    assert "peep" in told({})["undecided"]
    assert "peep" in told({"support": "AIR"})["hidden"]
    ventilated = told({"support": "IMV"})
    assert "peep" not in ventilated["hidden"] + ventilated["undecided"]
    assert "peep" in ventilated["required"]


def test_a_hostile_question_while_typing_is_refused(desk: Client, patient: Patient) -> None:
    control = opened(desk, patient)
    assert desk.post(address(patient, end="check/"), {**control, "colour": "red"}).status_code == 400
    assert desk.get(address(patient, end="check/")).status_code == 405


def test_a_known_value_is_offered_and_never_filled_in(desk: Client, patient: Patient) -> None:
    """DAT-01: a weight of the same visit is offered with its source."""
    save(desk, patient, {"weight": "82,4", "weight-unit": "kg"}, form="demography")
    page = desk.get(address(patient))
    assert "82.4 kg from Demography" in words(page)
    assert 'name="weight" value=""' in page.content.decode()
    assert 'data-fill="id_weight" data-value="82.4"' in page.content.decode()
    assert not Record.objects.filter(form="vitals").exists()


def test_more_rows_are_asked_for_without_saving(desk: Client, patient: Patient) -> None:
    included(patient)
    where = {"form": "infusion_monitoring", "visit": "INF1"}
    control = opened(desk, patient, **where)
    response = desk.post(
        address(patient, **where),
        {**control, "series-0-hr": "72", "series-1-hr": "", CONTROLS.action: "add-series"},
    )
    page = response.content.decode()
    assert response.status_code == 200
    assert 'name="series-0-hr" value="72"' in page
    assert 'name="series-4-hr"' in page
    assert not Record.objects.exists()
