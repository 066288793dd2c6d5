"""Concurrent allocation: fifty investigators at once get one slot each, without duplicate or gap (RND-02)."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from django.db import connection, connections

from audit.context import acting
from dosing.allocation.lists import generate_list
from dosing.allocation.slots import allocate
from patients.models import Patient
from tests.support import build

pytestmark = pytest.mark.django_db

AT_ONCE = 50


@pytest.fixture
def trial():
    return build.trial(build.COVID_MSV)


class TestManyAtOnce:
    """RND-02, REL-04: fifty concurrent allocations."""

    pytestmark = pytest.mark.django_db(transaction=True)

    @pytest.fixture(autouse=True)
    def _database_for_threads(self, trial, tmp_path, monkeypatch):
        """Copy the database into a file: SQLite in memory refuses a second writer at once."""
        self.patients = [
            build.patient(trial=trial, by=person, screened_on=date(2021, 3, 1))
            for person in [build.user("investigator", trial=trial)]
            for _ in range(AT_ONCE)
        ]
        self.trial = trial
        if connection.vendor == "sqlite":
            file = tmp_path / "threads.sqlite3"
            with sqlite3.connect(file) as copy:
                connection.connection.backup(copy)
            copy.close()
            monkeypatch.setitem(connection.settings_dict, "NAME", str(file))

    def long_list(self) -> None:
        """Generate a list with a slot for every patient, on a connection of this thread."""
        try:
            with acting(system="test"):
                generate_list(trial=self.trial, by=None, size=AT_ONCE)
        finally:
            connections["default"].close()

    def allocated(self, patient: Patient) -> tuple[int, int]:
        """Allocate on a connection of this thread; return the patient's key and the position."""
        try:
            with acting(system="test"):
                slot = allocate(patient=patient, stratum="", by=None)
            return patient.pk, slot.position
        finally:
            connections["default"].close()

    def test_everybody_gets_one_place_without_duplicate_or_gap(self):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            pool.submit(self.long_list).result()
            found = list(pool.map(self.allocated, self.patients))

        assert sorted(position for _patient, position in found) == list(range(1, AT_ONCE + 1))
        assert {patient for patient, _position in found} == {patient.pk for patient in self.patients}

    def test_one_patient_asked_for_by_everybody_gets_one_place(self):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = set(pool.map(self.allocated, self.patients[:1] * AT_ONCE))

        assert found == {(self.patients[0].pk, 1)}
