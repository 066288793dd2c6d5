"""Fifty investigators sign at once over HTTP: fifty distinct slots, none refused, each fast (RND-02, REL-04)."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections
from django.urls import reverse

from audit.context import acting
from dosing.allocation import slots
from dosing.models import AllocationSlot
from tests.support import build

AT_ONCE = 50
LONGEST_SECONDS = 1.0

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Fifty patients to decide on, each with a signed-in investigator; SQLite in a file, as in production."""
    trial = build.trial(build.COVID_MSV)
    doctors = [build.user("investigator", trial=trial) for _ in range(AT_ONCE)]
    patients = [build.assessable(trial=trial, by=doctor) for doctor in doctors]
    clients = [build.client(doctor) for doctor in doctors]
    if connection.vendor == "sqlite":
        file = tmp_path / "threads.sqlite3"
        with sqlite3.connect(file) as copy:
            connection.connection.backup(copy)
        copy.close()
        monkeypatch.setitem(connection.settings_dict, "NAME", str(file))
    return trial, list(zip(clients, patients, strict=True))


def test_fifty_signatures_at_once_take_fifty_places_and_none_is_refused(world, monkeypatch, record_property):
    trial, asked = world
    seconds: list[float] = []
    allocate = slots.allocate

    def timed(**arguments):
        start = time.perf_counter()
        found = allocate(**arguments)
        seconds.append(time.perf_counter() - start)
        return found

    monkeypatch.setattr(slots, "allocate", timed)

    def sign(pair) -> int:
        client, patient = pair
        sent = {
            "inclusion_on": patient.screened_on.isoformat(),
            "conclusion": "eligible", "password": build.PASSWORD,
        }  # fmt: skip
        try:
            address = reverse("patients:eligibility", args=[trial.slug, patient.code])
            return client.post(address, sent).status_code
        finally:
            connections["default"].close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(sign, asked))
        taken = pool.submit(places, trial).result()
    assert set(answers) == {302}, answers
    assert sorted(taken.values()) == list(range(1, AT_ONCE + 1))
    assert set(taken) == {patient.pk for _client, patient in asked}
    slowest = sorted(seconds)[int(len(seconds) * 0.95) - 1]
    record_property("allocate_p95_seconds", slowest)
    assert len(seconds) == AT_ONCE
    # The verb alone: the wait for the lock of the trial is in it, the hashing of the password is not.
    print(f"allocate: p95 {slowest * 1000:.0f} ms, longest {max(seconds) * 1000:.0f} ms")
    assert slowest < LONGEST_SECONDS, f"p95 of the verb: {slowest:.3f} s"


def places(trial) -> dict[int, int]:
    """Return the position by patient, read on a connection of this thread."""
    try:
        with acting(system="test"):
            taken = AllocationSlot.objects.filter(trial=trial).exclude(patient=None)
            return dict(taken.values_list("patient_id", "position"))
    finally:
        connections["default"].close()
