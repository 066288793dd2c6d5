"""Entering a form on its page: save, completion, change with a reason, queries, striking out."""

import re

import pytest
from django.test import Client

from patients.entry.controls import CONTROLS
from patients.models import Draft, Patient, Query, Record
from tests.support import build
from tests.support.pages.entry_pages import WHOLE, address, opened, save, words
from trials.models import Trial

pytestmark = pytest.mark.django_db


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
    """Nothing is stored or lost; the summary and the field show the same message, tied to the input."""
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


def test_a_double_click_saves_once(desk: Client, patient: Patient) -> None:
    control = opened(desk, patient)
    for _click in range(2):
        assert desk.post(address(patient), {**control, "hr": "72"}).status_code == 302
    assert Record.objects.get().version == 1


def test_a_complete_form_opens_to_read_and_one_click_changes_it(desk: Client, patient: Patient) -> None:
    """AUD-04: nothing can be changed by a slip; the button needs no script."""
    save(desk, patient, WHOLE, "next")
    page = desk.get(address(patient)).content.decode()
    assert 'name="hr"' not in page
    assert f'href="{address(patient)}?change=1#entry" data-amend' in page
    assert 'name="hr" value="72"' in desk.get(address(patient), {"change": "1"}).content.decode()
    reader = build.client(build.user("monitor", trial=patient.trial))
    assert "data-amend" not in reader.get(address(patient), {"change": "1"}).content.decode()


def test_a_complete_form_asks_why_it_is_changed(desk: Client, patient: Patient) -> None:
    """AUD-04: pick-list and text; without a reason nothing is stored."""
    save(desk, patient, WHOLE, "next")
    page = desk.get(address(patient), {"change": "1"}).content.decode()
    assert "Why is it changed?" in page
    for reason in (
        {},
        {CONTROLS.reason: "other", CONTROLS.note: "  "},
        {CONTROLS.reason: "because", CONTROLS.note: "x"},
    ):
        response = save(desk, patient, {**WHOLE, "hr": "74", **reason})
        assert response.status_code == 422
        assert "Say why this complete form is changed." in words(response)
    assert Record.objects.get().values["hr"] == "72"
    response = save(
        desk, patient, {**WHOLE, "hr": "74", CONTROLS.reason: "transcription", CONTROLS.note: "27 read as 72"}
    )
    assert response.status_code == 302
    record = Record.objects.get()
    assert (record.state, record.values["hr"]) == ("complete", "74")
    last = record.history.order_by("-history_id").first()
    assert str(last.history_change_reason) == "Transcription error: 27 read as 72"
    panel = words(desk.get(address(patient) + "?field=hr"))
    assert "old value 72 beats/min → new value 74 beats/min" in panel
    assert "Reason: Transcription error: 27 read as 72" in panel


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


def test_what_cannot_be_read_is_refused_and_kept_as_it_was_typed(desk: Client, patient: Patient) -> None:
    """DAT-06: an unreadable or impossible value does not complete a form and is shown again when it is opened."""
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
    """DAT-10: the conversion is exact, and the typed number is kept."""
    where = {"form": "biochemistry"}
    control = opened(desk, patient, **where)
    typed = {"crp": "7,05", "crp-unit": "mg/dL", "creatinine": "80"}
    answer = desk.post(address(patient, end="check/", **where), {**control, **typed}).content.decode()
    assert re.search(r'<output id="converted-crp" hx-swap-oob="innerHTML">= 70.50 mg/L\s*</output>', answer)
    assert re.search(r'<output id="converted-creatinine" hx-swap-oob="innerHTML">\s*</output>', answer)
    page = save(desk, patient, {**typed, "sodium": "x"}, **where).content.decode()
    assert re.search(r'for="id_crp">= 70.50 mg/L\s*</output>', page)
    save(desk, patient, typed, **where)
    assert 'name="crp" value="7.05"' in desk.get(address(patient, **where)).content.decode()
    reader = build.client(build.user("monitor", trial=patient.trial))
    assert "C-reactive protein 7.05 mg/dL (70.50 mg/L)" in words(reader.get(address(patient, **where)))


def test_the_reason_for_a_change_is_shown_below_what_is_changed(desk: Client, patient: Patient) -> None:
    """AUD-04: old and new value of each item, calculated ones too, before anything is saved."""
    save(desk, patient, WHOLE, "next")
    assert "What is changed" not in words(desk.get(address(patient)))
    page = desk.get(address(patient), {"change": "1"}).content.decode()
    assert "Nothing is changed yet." in page
    control = opened(desk, patient)
    changed = {**WHOLE, "sbp": "136", "hr": "fast"}
    answer = words(desk.post(address(patient, end="check/"), {**control, **changed}))
    assert "Heart rate: old value 72 beats/min → new value fast" in answer
    assert "Systolic: old value 124 mmHg → new value 136 mmHg" in answer
    assert "Mean, from the two: old value 92.0 mmHg → new value 96.0 mmHg" in answer
    assert "Temperature: old value" not in answer
    refused = words(desk.post(address(patient), {**control, **WHOLE, "sbp": "136", CONTROLS.action: "draft"}))
    assert "Systolic: old value 124 mmHg → new value 136 mmHg" in refused
    assert "Say why this complete form is changed." in refused
