"""Marking a whole group as not done, and undoing it: with the button, and with scripts during typing."""

import json
import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from patients.entry.controls import CONTROLS
from patients.models import Draft, Patient, Record
from tests.support import build
from tests.support.pages.entry_pages import address, hidden, opened, save, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(db: None) -> Patient:
    trial = build.trial()
    found = build.patient(trial=trial)
    build.consent(found)
    return found


@pytest.fixture
def desk(patient: Patient) -> Client:
    return build.client(build.user("coordinator", trial=patient.trial))


def press(desk: Client, patient: Patient, action: str, values: dict[str, Any], form: str = "vitals") -> Any:
    control = opened(desk, patient, form=form)
    return desk.post(address(patient, form), {**control, **values, CONTROLS.action: action})


def marked(response: HttpResponse) -> list[str]:
    page = response.content.decode()
    return re.findall(r'name="(\w+)-missing"><option value=""></option><option value="ND" selected>', page)


def test_every_empty_item_of_the_group_is_marked(desk: Client, patient: Patient) -> None:
    """DAT-02: answers, unreadable input, other missing codes and other groups are not changed."""
    typed = {"temp": "36,7", "hr": "fast", "rr-missing": "UNK", "sbp": "124"}
    response = press(desk, patient, "not-done-0", typed)
    page = response.content.decode()
    assert response.status_code == 200
    assert marked(response) == ["spo2"]
    assert "1 item is marked not done. These items cannot be marked not done: Date and time." in words(
        response
    )
    assert 'name="hr" value="fast"' in page
    assert 'name="temp" value="36,7"' in page
    assert not Record.objects.exists()


def test_the_marks_are_undone_and_nothing_else(desk: Client, patient: Patient) -> None:
    first = press(desk, patient, "not-done-0", {"temp": "36,7"})
    names = re.findall(r'name="_marked" value="(\w+)"', first.content.decode())
    assert names == ["hr", "rr", "spo2"]
    sent = {**hidden(first), "temp": "36,7", CONTROLS.marked: names}
    sent |= {f"{name}-missing": "ND" for name in names}
    # The person has changed one mark since: the button takes back only the marks that are still its own.
    sent |= {"rr-missing": "UNK", "gcs_eye-missing": "ND", CONTROLS.action: "done-0"}
    response = desk.post(address(patient), sent)
    assert marked(response) == ["gcs_eye"]
    assert "2 marks are removed." in words(response)
    assert 'name="_marked"' not in response.content.decode()


def test_items_without_that_answer_are_left_and_named(desk: Client, patient: Patient) -> None:
    response = press(desk, patient, "not-done-0", {}, form="demography")
    item = patient.protocol.rules.form("demography").item("sex")
    assert "ND" not in item.missing
    assert "sex" not in marked(response)
    assert "These items cannot be marked not done: " in words(response)
    assert "Sex at birth" in words(response).partition("cannot be marked not done: ")[2][:80]


def test_items_that_are_not_asked_are_not_marked(desk: Client, patient: Patient) -> None:
    response = press(desk, patient, "not-done-2", {"ddimer_kind": "FEU"}, form="biochemistry")
    assert "ddimer_feu" in marked(response)
    assert "ddimer_ddu" not in marked(response)


def test_a_form_so_marked_is_completed(desk: Client, patient: Patient) -> None:
    values: dict[str, Any] = {"measured_at": "v 9:05"}
    for number, _group in enumerate(patient.protocol.rules.form("vitals").groups):
        response = press(desk, patient, f"not-done-{number}", values)
        values |= {f"{name}-missing": "ND" for name in marked(response)}
    assert save(desk, patient, values, "next").status_code == 302
    assert Record.objects.get().values["spo2"] == {"missing": "ND"}


def test_while_typing_the_server_says_what_to_mark(desk: Client, patient: Patient) -> None:
    """The same rule for the page with scripts: the inputs to set, the undo button, the message."""
    control = opened(desk, patient)
    where = address(patient, end="check/")
    response = desk.post(where, {**control, "temp": "36,7", CONTROLS.action: "not-done-0"})
    put = json.loads(response["HX-Trigger"])["stroma:checked"]["marks"]
    assert put == {f"{name}-missing": "ND" for name in ("hr", "rr", "spo2")}
    page = response.content.decode()
    assert '<span id="said-0" hx-swap-oob="innerHTML">3 items are marked not done.' in page
    assert 'value="done-0"' in page
    back = {**control, CONTROLS.marked: ["hr"], "hr-missing": "ND", CONTROLS.action: "done-0"}
    changes = json.loads(desk.post(where, back)["HX-Trigger"])["stroma:checked"]
    assert changes["marks"] == {"hr-missing": ""}
    assert not Draft.objects.exists()
