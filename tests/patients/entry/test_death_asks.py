"""The form with the date of death says at its save what lies after that day, and stores it once that is confirmed."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.context import acting
from patients.entry.controls import CONTROLS
from patients.models import Draft, Patient, Record
from patients.participation.questions import CONFIRMED
from patients.participation.visits import hold_visit
from tests.support import build
from tests.support.pages.entry_pages import address, opened
from tests.support.study.bedside import FIRST, give, on
from tests.support.study.samples import collected

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW)]
INCLUDED = date(2026, 3, 10)
WHERE = {"form": "vital_status", "visit": "D28"}
DEAD = {
    "survival_status": "DEAD", "died_on": "12-Mar-2026", "contact_by": "RECORD", "death_cause": "CARDIAC",
}  # fmt: skip


@pytest.fixture
def patient(trial) -> Patient:
    patient = build.enrolled(trial=trial, on=INCLUDED)
    with acting(system="test"):
        patient.visits.filter(code="D28").update(state="held", held_on=date(2026, 3, 30))
    return patient


def sent(desk: Client, patient: Patient, **changed: str) -> Any:
    posted = {**opened(desk, patient, **WHERE), **DEAD, CONTROLS.action: CONTROLS.next, **changed}
    return posted, desk.post(address(patient, **WHERE), posted)


def questions(answer: Any) -> list[str]:
    return [question.text for question in answer.context["page"].refused.questions]


def everything_after(patient: Patient, nurse: Any, doctor: Any) -> None:
    """An event, a visit held, an infusion, a sample with its form and the row of a log after 12 March."""
    with acting(user=nurse, role="coordinator"):
        hold_visit(visit=patient.visits.get(code="D7"), on=date(2026, 3, 17), by=nurse)
        collected(patient.visits.get(code="D7"), nurse)
        give(patient, FIRST, on("13-Mar-2026", timing_deviation_reason="Fever"), nurse)
    build.event(patient=patient, by=doctor, term="Rash", onset=build.moment("14-Mar-2026"))
    build.event(patient=patient, by=doctor, term="Fever", onset=build.moment("11-Mar-2026"), ongoing="Y")
    sampled = {"sampled_at": "2026-03-17T08:00+01:00[Europe/Brussels]"}
    build.record(patient, "haematology", sampled, visit="D7", draft=True)
    build.record(patient, "medication", {"name": "Aspirin", "ended_on": "2026-03-20"}, visit=None, draft=True)


def test_a_death_before_nothing_is_stored_at_once(desk, patient):
    _posted, answer = sent(desk, patient)
    assert answer.status_code == 302
    assert Record.objects.get(form="vital_status").values["died_on"] == "2026-03-12"


def test_it_asks_about_everything_after_it_with_the_way_there(desk, patient, nurse, doctor):
    """DAT-08."""
    everything_after(patient, nurse, doctor)
    _posted, answer = sent(desk, patient)
    assert answer.status_code == 422
    found = questions(answer)
    for words in (
        "AE 1: The patient died on 12-Mar-2026: the event begins after the death.",
        "AE 2: The patient died on 12-Mar-2026: an event that was still going on ends on that day.",
        "Visit D7 was held on 17-Mar-2026, after the death on 12-Mar-2026.",
    ):
        assert words in found
    for part in ("Infusion 1", "was taken at", "“Haematology”", "“Concomitant medication”"):
        assert sum(part in text for text in found) == 1, (part, found)
    page = answer.content.decode()
    for question in answer.context["page"].refused.questions:
        assert f'href="{question.url}"' in page
        assert desk.get(question.url.partition("#")[0]).status_code == 200
    assert 'value="12-Mar-2026"' in page
    assert not Record.objects.filter(form="vital_status").exists()
    # What was typed is kept as a draft, as by any save that was refused.
    assert Draft.objects.filter(place="D28/vital_status").exists()


@pytest.mark.parametrize("button", [CONTROLS.next, CONTROLS.draft])
def test_it_is_stored_once_that_is_confirmed_and_asks_again_for_another_day(
    desk, patient, nurse, doctor, button
):
    everything_after(patient, nurse, doctor)
    posted, answer = sent(desk, patient, **{CONTROLS.action: button})
    token = answer.context["page"].refused.token
    assert f'type="checkbox" name="{CONFIRMED}" value="{token}"' in answer.content.decode()
    url = address(patient, **WHERE)
    assert desk.post(url, {**posted, "died_on": "11-Mar-2026", CONFIRMED: token}).status_code == 422
    assert desk.post(url, {**posted, CONFIRMED: token}).status_code == 302
    row = Record.objects.get(form="vital_status")
    assert (row.values["died_on"], row.state) == (
        "2026-03-12", "complete" if button == CONTROLS.next else "draft",
    )  # fmt: skip


def test_an_unchanged_death_is_not_asked_about_again(desk, patient, nurse, doctor):
    everything_after(patient, nurse, doctor)
    posted, answer = sent(desk, patient)
    token = answer.context["page"].refused.token
    desk.post(address(patient, **WHERE), {**posted, CONFIRMED: token})
    why = {CONTROLS.reason: "transcription"}
    _posted, again = sent(desk, patient, death_cause="BLEEDING", **why)
    assert again.status_code == 302
    _posted, moved = sent(desk, patient, died_on="11-Mar-2026", **why)
    assert moved.status_code == 422


def test_another_end_of_study_asks(desk, patient, doctor):
    with acting(user=doctor, role="investigator"):
        Patient.objects.filter(pk=patient.pk).update(
            state="ended", end_reason="withdrawal", ended_on=date(2026, 3, 30), end_note="Left"
        )
    _posted, answer = sent(desk, patient)
    assert questions(answer) == [
        "The study ended on 30-Mar-2026 (Withdrawal): the date of death says otherwise."
    ]


def test_a_save_that_asks_and_judges_costs_at_most_fifteen_statements(desk, patient, nurse, doctor):
    everything_after(patient, nurse, doctor)
    posted, answer = sent(desk, patient)
    confirmed = {**posted, CONFIRMED: answer.context["page"].refused.token}
    with CaptureQueriesContext(connection) as spent:
        assert desk.post(address(patient, **WHERE), confirmed).status_code == 302
    assert len(spent) <= 15, "\n".join(query["sql"][:170] for query in spent)
