"""The rows of a log: the list, entry in the list, and a row begun by two people at once."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from audit.context import acting
from patients.entry.controls import CONTROLS
from patients.models import Patient, Record
from tests.support import build
from tests.support.pages.entry_pages import hidden, words
from trials.models import Trial

pytestmark = pytest.mark.django_db


def test_a_log_lists_its_rows_and_takes_a_new_one(desk: Client, patient: Patient) -> None:
    log = f"/trials/{patient.trial.slug}/patients/{patient.code}/logs/medication/"
    assert "Nothing is recorded here yet." in words(desk.get(log))
    control = hidden(desk.get(f"{log}1/"))
    assert desk.post(f"{log}1/", {**control, CONTROLS.action: "draft"}).status_code == 302
    page = desk.get(log).content.decode()
    assert f'href="{log}1/"' in page
    assert f'href="{log}?row=2#entry"' in page


def in_list(desk: Client, patient: Patient, row: int, values: dict[str, Any], action: str) -> HttpResponse:
    log = f"/trials/{patient.trial.slug}/patients/{patient.code}/logs/procedure/"
    control = hidden(desk.get(f"{log}?row={row}"))
    return desk.post(f"{log}{row}/", {**control, **values, CONTROLS.action: action})


def test_rows_of_a_log_are_entered_in_its_list(desk: Client, patient: Patient) -> None:
    """Rows are saved, refused and kept without leaving the list, with or without scripts."""
    log = f"/trials/{patient.trial.slug}/patients/{patient.code}/logs/procedure/"
    first = in_list(desk, patient, 1, {}, "draft")
    assert first["Location"] == f"{log}?row=1#entry"
    assert Record.objects.get().state == "draft"
    moments = ("date", "datetime")
    name = next(each.name for each in patient.protocol.rules.form("procedure").items if each.type in moments)
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
    """REL-13: both people record the next procedure; both rows are kept."""
    log = f"/trials/{patient.trial.slug}/patients/{patient.code}/logs/procedure/"
    mine = hidden(desk.get(f"{log}?row=1"))
    colleague = build.client(build.user("investigator", trial=trial))
    item = patient.protocol.rules.form("procedure").item("indication")
    in_list(colleague, patient, 1, {item.name: "The colleague's"}, "draft")
    response = desk.post(f"{log}1/", {**mine, item.name: "My own", CONTROLS.action: "draft"})
    assert response["Location"] == f"{log}?row=2#entry"
    found = {record.repeat: record.values[item.name] for record in Record.objects.all()}
    assert found == {1: "The colleague's", 2: "My own"}


def test_a_reader_is_led_to_the_row_itself(desk: Client, patient: Patient, trial: Trial) -> None:
    in_list(desk, patient, 1, {}, "draft")
    log = f"/trials/{patient.trial.slug}/patients/{patient.code}/logs/procedure/"
    monitor = build.client(build.user("monitor", trial=trial))
    assert monitor.get(f"{log}?row=1")["Location"] == f"{log}1/"
    assert monitor.get(f"{log}?row=x").status_code == 200


def test_a_row_is_begun_only_as_the_next_one(desk: Client, patient: Patient) -> None:
    """An address that no page links to is refused with a message, and stores nothing."""
    log = f"/trials/{patient.trial.slug}/patients/{patient.code}/logs/procedure/"
    refused = desk.post(f"{log}7/", {**hidden(desk.get(f"{log}1/")), CONTROLS.action: "draft"})
    assert refused.status_code == 400
    assert desk.get(f"{log}7/").status_code == desk.get(f"{log}?row=7").status_code == 404
    assert not Record.objects.exists()
    assert in_list(desk, patient, 1, {}, "draft").status_code == 302
    assert Record.objects.get().repeat == 1
