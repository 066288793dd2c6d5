"""A patient on the day of inclusion, people on the ward, and what they send to the page of the bedside."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.support import build
from tests.support.pages.infusions import page, weighed
from tests.support.study.bedside import INCLUDED

START = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
SIGNS = {
    "o-hr": "80", "o-rr": "20", "o-sbp": "120", "o-dbp": "70", "o-spo2": "95", "o-rhythm": "SINUS", "o-reaction": "NONE"
}  # fmt: skip


@pytest.fixture
def clock():
    """It is 10:00 at the site on the day of inclusion; the clock moves only when a test moves it."""
    with time_machine.travel(START, tick=False) as travel:
        yield travel


@pytest.fixture
def patient(trial, clock):
    clock.move_to(START - timedelta(hours=2))
    patient = build.enrolled(trial=trial, on=INCLUDED)
    clock.move_to(START)
    return patient


@pytest.fixture
def nurse(trial, patient):
    """A coordinator, who has recorded the weight of the day."""
    person = build.user("coordinator", trial=trial, full_name="Ward Nurse")
    build.client(person).post(page(patient, "weight"), weighed(weight_measured="10-Mar-2026 09:30"))
    return person


KEYS = iter(range(10**9))


def send(person, patient, do, *, key="", name="bedside", script=True, **fields):
    """Send a form of the page; signed in anew, because the clock of these tests goes past the end of a session."""
    typed = {"do": do, "key": key or f"key-{next(KEYS)}", **fields}
    headers = {"Accept": "application/json"} if script else {}
    return build.client(person).post(page(patient, name), typed, headers=headers)


def shown(person, patient):
    return build.client(person).get(page(patient, "bedside"))


def sentences(answer) -> str:
    assert answer.status_code == 422, answer.content
    return " ".join(answer.json()["sentences"])
