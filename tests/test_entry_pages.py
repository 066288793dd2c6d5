"""The page of a form over HTTP: opened, saved, refused, kept; hostile requests; how many statements a save costs."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from audit.context import acting
from patients.models import Draft, Patient, Query, Record, Visit
from tests import build
from trials.models import Trial

pytestmark = pytest.mark.django_db

WHOLE = {
    "measured_at": "v 9:05",
    "temp": "36,7",
    "hr": "72",
    "rr": "18",
    "spo2": "96",
    "acvpu": "A",
    "gcs_eye": "4",
    "gcs_verbal": "5",
    "gcs_motor": "6",
    "sbp": "124",
    "dbp": "76",
}


@pytest.fixture
def trial(db: None) -> Trial:
    return build.trial()


@pytest.fixture
def nurse(trial: Trial) -> User:
    return build.user("coordinator", trial=trial)


@pytest.fixture
def patient(trial: Trial, nurse: User) -> Patient:
    patient = build.patient(trial=trial, by=nurse)
    build.consent(patient, by=nurse)
    return patient


@pytest.fixture
def desk(nurse: User) -> Client:
    return build.client(nurse)


def address(patient: Patient, form: str = "vitals", visit: str = "SCR", end: str = "") -> str:
    return f"/trials/{patient.trial.slug}/patients/{patient.code}/visits/{visit}/{form}/{end}"


def hidden(response: HttpResponse) -> dict[str, str]:
    """The hidden inputs of a rendered form: the version, the protocol, the key."""
    found = re.findall(r'<input type="hidden" name="(_\w+)" value="([^"]*)">', response.content.decode())
    return dict(found)


def opened(desk: Client, patient: Patient, **where: Any) -> dict[str, str]:
    return hidden(desk.get(address(patient, **where)))


def save(
    desk: Client, patient: Patient, values: dict[str, Any], action: str = "draft", **where: Any
) -> HttpResponse:
    control = opened(desk, patient, **where)
    return desk.post(address(patient, **where), {**control, **values, "_action": action})


def words(response: HttpResponse) -> str:
    text = re.sub(r"<(script|style|svg).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(text.split())


def test_a_nurse_saves_a_draft_and_sees_it_again(desk: Client, patient: Patient) -> None:
    response = save(desk, patient, {"temp": "36,70", "hr": "72"})
    assert response.status_code == 302
    assert response["Location"] == address(patient)
    record = Record.objects.get()
    assert (record.state, record.values) == ("draft", {"temp": "36.70", "hr": "72"})
    page = desk.get(address(patient)).content.decode()
    assert 'name="temp" value="36.70"' in page


def test_save_and_next_completes_and_goes_to_the_next_unfinished_form(desk: Client, patient: Patient) -> None:
    response = save(desk, patient, WHOLE, "next")
    assert response.status_code == 302
    assert response["Location"] == f"{address(patient, 'respiratory_support')}#entry"
    record = Record.objects.get()
    assert record.state == "complete"
    assert record.values["measured_at"].startswith(f"{patient.screened_on}T09:05")
    assert record.values["map"] == "92.0"


def test_what_is_not_a_value_is_shown_again_with_its_sentence(desk: Client, patient: Patient) -> None:
    """Nothing stored, nothing typed lost, the same words in the summary and beside the field, tied to it."""
    response = save(desk, patient, {"hr": "seventy", "sbp": "124"})
    page = response.content.decode()
    assert response.status_code == 422
    assert not Record.objects.exists()
    assert 'name="hr" value="seventy"' in page
    assert 'name="sbp" value="124"' in page
    assert page.count("“seventy” is not a number: type it like 1234.5.") == 2
    assert '<a href="#id_hr">' in page
    assert 'aria-describedby="result-hr" aria-invalid="true"' in page


def test_completing_lists_all_that_is_missing_and_keeps_what_was_typed(
    desk: Client, patient: Patient
) -> None:
    values = {**WHOLE, "sbp": "60", "dbp": "90"}
    del values["hr"]
    response = save(desk, patient, values, "next")
    assert response.status_code == 422
    assert "2 values need attention before this form is complete" in words(response)
    assert "Heart rate: Answer this, or choose why there is no value." in words(response)
    assert "Systolic: Systolic pressure must be above diastolic: read both again." in words(response)
    assert 'name="measured_at" value="v 9:05"' in response.content.decode()
    assert not Record.objects.exists()


def test_a_conflict_shows_both_values_and_keeps_what_was_typed(
    desk: Client, patient: Patient, trial: Trial
) -> None:
    """DAT-11."""
    control = opened(desk, patient)
    colleague = build.user("investigator", trial=trial, full_name="Ada Colleague")
    save(build.client(colleague), patient, {"hr": "90", "rr": "18"})
    response = desk.post(address(patient), {**control, "hr": "72", "rr": "18", "temp": "warm"})
    assert response.status_code == 409
    assert Record.objects.get().values == {"hr": "90", "rr": "18"}
    said = words(response)
    assert "by Ada Colleague. Nothing was overwritten" in said
    assert "Heart rate Stored 90 beats/min You typed 72 beats/min" in said
    assert "Temperature Stored blank You typed warm" in said
    assert "Respiratory rate Stored" not in said
    assert 'name="hr" value="72"' in response.content.decode()


def conflicting(
    desk: Client, patient: Patient, trial: Trial, sent: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    """What the page of a conflict sends back when nothing is chosen, and the page."""
    control = opened(desk, patient)
    save(build.client(build.user("investigator", trial=trial)), patient, {"hr": "90", "rr": "18"})
    response = desk.post(address(patient), {**control, **sent})
    page = response.content.decode()
    differs = re.findall(r'name="_differs" value="([^"]*)"', page)
    return {**hidden(response), **sent, "_differs": differs, "_action": "draft"}, page


def test_in_a_conflict_one_value_is_chosen_for_each_item(
    desk: Client, patient: Patient, trial: Trial
) -> None:
    """DAT-11: the colleague's value, or one's own; never one of them unseen."""
    sent, page = conflicting(desk, patient, trial, {"hr": "72", "rr": "20", "temp": "36,7"})
    assert sent["_differs"] == ["temp", "hr", "rr"]
    assert not re.search(r'name="_choose-\w+"[^>]*checked', page)
    chosen = {"_choose-hr": "stored", "_choose-temp": "mine"}
    halfway = desk.post(address(patient), {**sent, **chosen})
    assert halfway.status_code == 422
    assert "Choose one of the two values for each item that differs." in words(halfway)
    assert 'name="_choose-hr" value="stored" checked' in halfway.content.decode()
    assert Record.objects.get().values == {"hr": "90", "rr": "18"}
    assert desk.post(address(patient), {**sent, **chosen, "_choose-rr": "mine"}).status_code == 302
    assert Record.objects.get().values == {"hr": "90", "rr": "20", "temp": "36.7"}


def test_choosing_the_stored_value_passes_over_a_slip_of_the_hand(
    desk: Client, patient: Patient, trial: Trial
) -> None:
    sent, _page = conflicting(desk, patient, trial, {"hr": "fast", "rr": "18"})
    assert desk.post(address(patient), {**sent, "_choose-hr": "mine"}).status_code == 422
    told = desk.post(address(patient, end="check/"), {**sent, "_choose-hr": "stored"})
    assert "The stored value is taken." in words(told)
    judged = json.loads(told["HX-Trigger"])["stroma:judged"]
    assert (judged["taken"], judged["invalid"], "hr" in judged["echo"]) == (["hr"], [], False)
    assert desk.post(address(patient), {**sent, "_choose-hr": "stored"}).status_code == 302
    assert Record.objects.get().values["hr"] == "90"


def test_a_third_save_asks_again(desk: Client, patient: Patient, trial: Trial) -> None:
    """DAT-11: a choice between two values says nothing about a third."""
    sent, _page = conflicting(desk, patient, trial, {"hr": "72", "rr": "18"})
    save(build.client(build.user("investigator", trial=trial)), patient, {"hr": "95", "rr": "18"})
    again = desk.post(address(patient), {**sent, "_choose-hr": "mine"})
    assert again.status_code == 409
    assert "Heart rate Stored 95 beats/min You typed 72 beats/min" in words(again)
    assert " checked" not in again.content.decode().partition('id="conflict"')[2].partition("</section>")[0]
    assert Record.objects.get().values["hr"] == "95"


def test_a_refused_page_never_takes_over_the_version_of_a_colleague(
    desk: Client, patient: Patient, trial: Trial
) -> None:
    """DAT-11: correcting a slip after a colleague saved must not overwrite what the colleague saved."""
    control = opened(desk, patient)
    save(build.client(build.user("investigator", trial=trial)), patient, {"hr": "90"})
    for slip in ({"temp": "warm"}, {"_action": "next"}, {"_action": "add-series"}):
        response = desk.post(address(patient), {**control, "hr": "72", **slip})
        assert response.status_code == 409
        assert "Heart rate Stored 90 beats/min You typed 72 beats/min" in words(response)


def test_a_double_click_saves_once(desk: Client, patient: Patient) -> None:
    control = opened(desk, patient)
    for _click in range(2):
        assert desk.post(address(patient), {**control, "hr": "72"}).status_code == 302
    assert Record.objects.get().version == 1


def test_a_complete_form_asks_why_it_is_changed(desk: Client, patient: Patient) -> None:
    """AUD-04: pick-list and text; without a reason nothing is stored."""
    save(desk, patient, WHOLE, "next")
    page = desk.get(address(patient)).content.decode()
    assert "Why is it changed?" in page
    for reason in ({}, {"_reason": "other", "_note": "  "}, {"_reason": "because", "_note": "x"}):
        response = save(desk, patient, {**WHOLE, "hr": "74", **reason})
        assert response.status_code == 422
        assert "Say why this complete form is changed." in words(response)
    assert Record.objects.get().values["hr"] == "72"
    response = save(
        desk, patient, {**WHOLE, "hr": "74", "_reason": "transcription", "_note": "27 read as 72"}
    )
    assert response.status_code == 302
    record = Record.objects.get()
    assert (record.state, record.values["hr"]) == ("complete", "74")
    last = record.history.order_by("-history_id").first()
    assert last.history_change_reason == "Transcription error: 27 read as 72"
    panel = words(desk.get(address(patient) + "?field=hr"))
    assert "old value 72 beats/min → new value 74 beats/min" in panel
    assert "Reason: Transcription error: 27 read as 72" in panel


def test_a_page_that_lies_about_the_state_gets_nowhere(desk: Client, patient: Patient) -> None:
    """DAT-04: the reason cannot be avoided by saying that the form is a draft."""
    save(desk, patient, WHOLE, "next")
    control = {**opened(desk, patient), "_state": ""}
    for action in ("draft", "next"):
        response = desk.post(address(patient), {**control, **WHOLE, "hr": "74", "_action": action})
        assert response.status_code == 422
    assert Record.objects.get().values["hr"] == "72"


def test_an_unusual_value_is_saved_asked_about_and_can_be_confirmed(desk: Client, patient: Patient) -> None:
    save(desk, patient, {"hr": "190"})
    assert Query.objects.get().state == "open"
    response = desk.get(address(patient) + "?field=hr")
    page = response.content.decode()
    assert '<div class="confirm" id="confirm-hr">' in page
    assert '<div class="confirm" id="confirm-rr" hidden>' in page
    assert "1 open query on Heart rate" in page
    assert "Automatic check" in words(response)
    save(desk, patient, {"hr": "190", "hr-confirm": "Fever of 41"})
    assert Query.objects.get().closed_because == "Fever of 41"


@pytest.mark.parametrize(
    "sent",
    [
        {"colour": "red"},
        {"hr-unit": "stone", "hr": "70"},
        {"temp-missing": "LOST"},
        {"map": "92"},
        {"_version": "one"},
        {"_version": "-1"},
        {"_version": "7"},
        {"_protocol": "x"},
        {"_protocol": "999999"},
        {"_choose-hr": "both"},
        {"_choose-colour": "mine"},
        {"series-0-hr": "1"},
        {"_action": "not-done-99"},
        {"_action": "not-done-x"},
        {"_action": "delete"},
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
    assert kept.status_code == (200 if "_action" in sent else 400)
    assert not Record.objects.exists()
    assert "_action" in sent or not Draft.objects.exists()


def test_a_version_of_another_trial_is_not_a_protocol_of_this_one(desk: Client, patient: Patient) -> None:
    other = build.trial(build.COVID_MSV)
    control = {**opened(desk, patient), "_protocol": str(other.protocol_id)}
    assert desk.post(address(patient), {**control, "hr": "72"}).status_code == 400
    assert not Record.objects.exists()


@pytest.mark.parametrize(
    "role", ["monitor", "data_manager", "statistician", "administrator", "inspector", "cell_laboratory"]
)
def test_a_role_that_enters_no_data_reads_the_form_and_changes_nothing(
    desk: Client, patient: Patient, trial: Trial, role: str
) -> None:
    """ACC-02: administrators and monitors never write clinical data."""
    save(desk, patient, {"hr": "190"})
    reader = build.client(build.user(role, trial=trial))
    response = reader.get(address(patient))
    assert response.status_code == 200
    assert 'id="entry"' not in response.content.decode()
    assert "Heart rate 190 beats/min high" in words(response)
    for end in ("", "check/", "keep/", "discard/", "strike-out/"):
        assert reader.post(address(patient, end=end), {"hr": "72", "_version": "1"}).status_code == 403
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


def test_what_is_typed_is_kept_given_back_and_can_be_discarded(desk: Client, patient: Patient) -> None:
    """AUD-13: autosave is not study data, survives closing the page, and goes when the form is saved."""
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
    assert desk.get(address(patient)).status_code == 200


def test_one_persons_typing_is_not_shown_to_another(desk: Client, patient: Patient, trial: Trial) -> None:
    desk.post(address(patient, end="keep/"), {**opened(desk, patient), "hr": "72"})
    other = build.client(build.user("investigator", trial=trial))
    assert "did not save" not in words(other.get(address(patient)))


def test_the_page_asks_the_server_while_a_person_types(desk: Client, patient: Patient) -> None:
    """One implementation of checks: calculated values, findings and what is asked come from the server."""
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
    told = json.loads(response["HX-Trigger"])["stroma:judged"]
    assert told["invalid"] == ["sbp"]
    assert told["soft"] == ["hr"]
    assert told["echo"]["temp"] == "36.7"
    assert told["echo"]["measured_at"] == "09-Oct-2025 09:05"
    assert not Record.objects.exists()
    assert not Query.objects.exists()


def test_what_is_asked_follows_the_answers_while_typing(desk: Client, patient: Patient) -> None:
    where = {"form": "respiratory_support"}
    control = opened(desk, patient, **where)

    def told(values: dict[str, str]) -> dict[str, Any]:
        response = desk.post(address(patient, end="check/", **where), {**control, **values})
        return dict(json.loads(response["HX-Trigger"])["stroma:judged"])

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
    """DAT-01: a weight of the same visit is offered with where it comes from."""
    save(desk, patient, {"weight": "82,4", "weight-unit": "kg"}, form="demography")
    page = desk.get(address(patient))
    assert "82.4 kg from Demography" in words(page)
    assert 'name="weight" value=""' in page.content.decode()
    assert 'data-fill="id_weight" data-value="82.4" hidden' in page.content.decode()


def test_a_form_entered_in_error_is_struck_out_and_stays_visible(desk: Client, patient: Patient) -> None:
    save(desk, patient, {"hr": "72"})
    blank = desk.post(address(patient, end="strike-out/"), {"reason": " "})
    assert blank.status_code == 422
    assert desk.post(address(patient, end="strike-out/"), {"reason": "Wrong patient"}).status_code == 302
    page = desk.get(address(patient))
    assert "Entered in error: Wrong patient" in words(page)
    assert "Heart rate 72 beats/min" in words(page)
    assert 'name="hr" value=""' in page.content.decode()
    assert save(desk, patient, {"hr": "74"}).status_code == 302
    assert Record.objects.count() == 2


def test_a_log_lists_its_rows_and_takes_a_new_one(desk: Client, patient: Patient) -> None:
    log = f"/trials/{patient.trial.slug}/patients/{patient.code}/logs/medication/"
    assert "Nothing is recorded here yet." in words(desk.get(log))
    control = hidden(desk.get(f"{log}1/"))
    assert desk.post(f"{log}1/", {**control, "_action": "draft"}).status_code == 302
    page = desk.get(log).content.decode()
    assert f'href="{log}1/"' in page
    assert f'href="{log}?row=2#entry"' in page


def test_a_monitor_raises_a_query_beside_the_value_and_the_nurse_answers_there(
    desk: Client, patient: Patient, trial: Trial
) -> None:
    save(desk, patient, {"hr": "72"})
    monitor = build.client(build.user("monitor", trial=trial, full_name="Marta Ortega"))
    blank = monitor.post(address(patient, end="query/"), {"item": "hr", "text": " "})
    assert (blank.status_code, Query.objects.count()) == (422, 0)
    unknown = monitor.post(address(patient, end="query/"), {"item": "colour", "text": "Why?"})
    assert (unknown.status_code, Query.objects.count()) == (422, 0)
    asked = monitor.post(address(patient, end="query/"), {"item": "hr", "text": "The chart says 27."})
    assert asked["Location"] == f"{address(patient)}?field=hr#hr"
    query = Query.objects.get()
    assert (query.item, query.origin, query.state) == ("hr", "monitor", "open")
    page = words(desk.get(address(patient) + "?field=hr"))
    assert "Marta Ortega Monitor" in page
    assert "The chart says 27." in page
    assert "Your answer" in page
    assert desk.post(address(patient, end="query/"), {"item": "hr", "text": "Why?"}).status_code == 403


def test_more_rows_are_asked_for_without_saving(desk: Client, patient: Patient) -> None:
    included(patient)
    where = {"form": "infusion_monitoring", "visit": "INF1"}
    control = opened(desk, patient, **where)
    response = desk.post(
        address(patient, **where),
        {**control, "series-0-hr": "72", "series-1-hr": "", "_action": "add-series"},
    )
    page = response.content.decode()
    assert response.status_code == 200
    assert 'name="series-0-hr" value="72"' in page
    assert 'name="series-4-hr"' in page
    assert not Record.objects.exists()


def included(patient: Patient) -> None:
    day = patient.screened_on + timedelta(days=1)
    with acting(system="test"):
        Patient.objects.filter(pk=patient.pk).update(
            state="enrolled", enrolled_on=day, enrolled_at=timezone.now()
        )
        Visit.objects.filter(patient=patient).update(window_from=day, planned_on=day, window_to=day)


BIOCHEMISTRY = {
    "sampled_at": "v 9:05",
    "crp": "70",
    "ferritin": "900",
    "ldh": "300",
    "sodium": "140",
    "potassium": "4,1",
    "creatinine": "80",
    "urea": "6",
    "glucose": "5,5",
    "bilirubin": "10",
    "alt": "30",
    "ast": "30",
    "albumin": "40",
}


@pytest.mark.parametrize("records", [1, 3])
def test_a_save_costs_at_most_twelve_statements(desk: Client, patient: Patient, records: int) -> None:
    """Issue 2: a 30-item form, with checks, queries and the full trail, whatever else the patient has."""
    for form in ("demography", "haematology", "vitals")[:records]:
        save(desk, patient, {}, form=form)
    where = {"form": "biochemistry"}
    control = opened(desk, patient, **where)
    with CaptureQueriesContext(
        connection,
    ) as first:
        assert (
            desk.post(address(patient, **where), {**control, **BIOCHEMISTRY, "_action": "draft"}).status_code
            == 302
        )
    control = opened(desk, patient, **where)
    with CaptureQueriesContext(connection) as second:
        changed = {**BIOCHEMISTRY, "potassium": "9,9", "_action": "draft"}
        assert desk.post(address(patient, **where), {**control, **changed}).status_code == 302
    assert Query.objects.filter(state="open").count() == 1
    assert len(first) <= 12, [query["sql"][:90] for query in first]
    assert len(second) <= 12, [query["sql"][:90] for query in second]


@pytest.mark.parametrize("records", [1, 3])
def test_opening_a_form_costs_the_same_whatever_the_patient_has(
    desk: Client, patient: Patient, records: int
) -> None:
    for form in ("demography", "haematology", "vitals")[:records]:
        save(desk, patient, {}, form=form)
    with CaptureQueriesContext(connection) as opening:
        desk.get(address(patient, "biochemistry"))
    assert len(opening) <= 25
    with CaptureQueriesContext(connection) as asking:
        desk.post(address(patient, "biochemistry", end="check/"), {"crp": "70", "_version": "0"})
    assert len(asking) <= 7


def test_reading_a_form_writes_nothing(desk: Client, patient: Patient) -> None:
    """DESIGN §3."""
    save(desk, patient, {"hr": "190"})
    with CaptureQueriesContext(connection) as reading:
        desk.get(address(patient) + "?field=hr")
        desk.post(address(patient, end="check/"), {"hr": "70", "_version": "1"})
    written = [query["sql"] for query in reading if re.match(r"INSERT|UPDATE|DELETE", query["sql"])]
    assert [sql for sql in written if "django_session" not in sql] == []


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


def test_what_cannot_be_read_is_refused_and_kept_as_it_was_typed(desk: Client, patient: Patient) -> None:
    """DAT-06: neither a slip nor an impossible value completes a form; both are there when it is opened again."""
    for slip in ({"temp": "warm"}, {"temp": "46"}, {"hr": "12345678901234567890"}):
        assert save(desk, patient, {**WHOLE, **slip}, "next").status_code == 422
        assert not Record.objects.exists()
        again = desk.get(address(patient))
        (name, text), *_rest = slip.items()
        assert "and did not save is shown below" in words(again)
        assert f'name="{name}" value="{text}"' in again.content.decode()
    assert save(desk, patient, {**WHOLE, "temp": "46"}).status_code == 302
    assert not Draft.objects.exists()


def test_a_value_in_another_unit_is_shown_in_both(desk: Client, patient: Patient) -> None:
    """DAT-10: the conversion is exact, and the number that was typed stays as it was typed."""
    where = {"form": "biochemistry"}
    control = opened(desk, patient, **where)
    typed = {"crp": "7,05", "crp-unit": "mg/dL", "creatinine": "80"}
    told = desk.post(address(patient, end="check/", **where), {**control, **typed}).content.decode()
    assert re.search(r'<output id="converted-crp" hx-swap-oob="innerHTML">= 70.50 mg/L\s*</output>', told)
    assert re.search(r'<output id="converted-creatinine" hx-swap-oob="innerHTML">\s*</output>', told)
    page = save(desk, patient, {**typed, "sodium": "x"}, **where).content.decode()
    assert re.search(r'for="id_crp">= 70.50 mg/L\s*</output>', page)
    save(desk, patient, typed, **where)
    assert 'name="crp" value="7.05"' in desk.get(address(patient, **where)).content.decode()
    reader = build.client(build.user("monitor", trial=patient.trial))
    assert "C-reactive protein 7.05 mg/dL (70.50 mg/L)" in words(reader.get(address(patient, **where)))


def test_the_reason_for_a_change_stands_below_what_is_changed(desk: Client, patient: Patient) -> None:
    """AUD-04: old and new value of each item, calculated ones too, before anything is saved."""
    save(desk, patient, WHOLE, "next")
    assert "What is changed" not in words(desk.get(address(patient)))
    page = desk.get(address(patient)).content.decode()
    assert "Nothing is changed yet." in page
    control = opened(desk, patient)
    changed = {**WHOLE, "sbp": "136", "hr": "fast"}
    told = words(desk.post(address(patient, end="check/"), {**control, **changed}))
    assert "Heart rate: old value 72 beats/min → new value fast" in told
    assert "Systolic: old value 124 mmHg → new value 136 mmHg" in told
    assert "Mean, from the two: old value 92.0 mmHg → new value 96.0 mmHg" in told
    assert "Temperature: old value" not in told
    refused = words(desk.post(address(patient), {**control, **WHOLE, "sbp": "136", "_action": "draft"}))
    assert "Systolic: old value 124 mmHg → new value 136 mmHg" in refused
    assert "Say why this complete form is changed." in refused


def in_list(desk: Client, patient: Patient, row: int, values: dict[str, Any], action: str) -> HttpResponse:
    log = f"/trials/{patient.trial.slug}/patients/{patient.code}/logs/deviation/"
    control = hidden(desk.get(f"{log}?row={row}"))
    return desk.post(f"{log}{row}/", {**control, **values, "_action": action})


def test_rows_of_a_log_are_entered_in_its_list(desk: Client, patient: Patient) -> None:
    """One after the other without leaving the list: saved, refused and kept there, with or without scripts."""
    log = f"/trials/{patient.trial.slug}/patients/{patient.code}/logs/deviation/"
    first = in_list(desk, patient, 1, {}, "draft")
    assert first["Location"] == f"{log}?row=1#entry"
    assert Record.objects.get().state == "draft"
    moments = ("date", "datetime")
    name = next(each.name for each in patient.protocol.rules.form("deviation").items if each.type in moments)
    refused = in_list(desk, patient, 1, {name: "not a day"}, "next")
    page = refused.content.decode()
    assert refused.status_code == 422
    assert '<h2 id="log-title">' in page
    assert 'value="not a day"' in page
    with acting(system="test"):
        Record.objects.update(state="struck_out", struck_out_reason="Wrong patient")
    second = in_list(desk, patient, 2, {}, "draft")
    assert second["Location"] == f"{log}?row=2#entry"
    shown = desk.get(f"{log}?row=2")
    assert "Entered in error" in words(shown) or "Struck out" in words(shown)
    assert 'name="_listed" value="1"' in shown.content.decode()


def test_a_row_that_two_people_begin_at_once_becomes_two(
    desk: Client, patient: Patient, trial: Trial
) -> None:
    """REL-13: both recorded the next deviation; neither has to choose."""
    log = f"/trials/{patient.trial.slug}/patients/{patient.code}/logs/deviation/"
    mine = hidden(desk.get(f"{log}?row=1"))
    colleague = build.client(build.user("investigator", trial=trial))
    item = next(item for item in patient.protocol.rules.form("deviation").items if item.type == "text")
    in_list(colleague, patient, 1, {item.name: "The colleague's"}, "draft")
    response = desk.post(f"{log}1/", {**mine, item.name: "My own", "_action": "draft"})
    assert response["Location"] == f"{log}?row=2#entry"
    found = {record.repeat: record.values[item.name] for record in Record.objects.all()}
    assert found == {1: "The colleague's", 2: "My own"}


def test_a_reader_is_led_to_the_row_itself(desk: Client, patient: Patient, trial: Trial) -> None:
    in_list(desk, patient, 1, {}, "draft")
    log = f"/trials/{patient.trial.slug}/patients/{patient.code}/logs/deviation/"
    monitor = build.client(build.user("monitor", trial=trial))
    assert monitor.get(f"{log}?row=1")["Location"] == f"{log}1/"
    assert monitor.get(f"{log}?row=x").status_code == 200
