"""Many people save the same version of one form at once: one wins, the others are asked (REL-03)."""

import threading
from collections import Counter

import pytest
from django.db import connection

from accounts.models import User
from audit.trail import history_model
from patients.casebook.casebook import FormPlace
from patients.entry.saving import StaleRecord
from patients.models import Patient, Record
from tests.support import build
from tests.support.meanwhile import PATIENCE_SECONDS
from tests.support.study.entered_forms import BLOOD_PRESSURE, at, draft

pytestmark = [
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite lets one writer in at a time"),
    pytest.mark.django_db(transaction=True),
]

SAVERS = 20


@pytest.fixture
def patient() -> Patient:
    """A patient with vital signs in their first version."""
    found = build.patient(trial=build.trial())
    build.consent(found)
    nurse = build.user("coordinator", trial=found.trial)
    draft(at(found, nurse), nurse, BLOOD_PRESSURE)
    return found


class Savers:
    """As many people as threads, who opened the form and save it in the same instant, each another heart rate."""

    def __init__(self, patient: Patient) -> None:
        self.outcomes: Counter[str] = Counter()
        self.won: list[str] = []
        self.start = threading.Barrier(SAVERS)
        nurses = [build.user("coordinator", trial=patient.trial) for _each in range(SAVERS)]
        places = [at(patient, nurse) for nurse in nurses]
        self.threads = [
            threading.Thread(target=self.save, args=(nurse, place, str(60 + number)), daemon=True)
            for number, (nurse, place) in enumerate(zip(nurses, places, strict=True))
        ]

    def save(self, nurse: User, place: FormPlace, rate: str) -> None:
        try:
            self.start.wait(PATIENCE_SECONDS)
            draft(place, nurse, {**BLOOD_PRESSURE, "hr": rate}, base=1)
            self.won.append(rate)
            self.outcomes["saved"] += 1
        except StaleRecord:
            self.outcomes["asked"] += 1
        except Exception as failure:
            self.outcomes[repr(failure)] += 1
        finally:
            connection.close()

    def run(self) -> None:
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join(3 * PATIENCE_SECONDS)


def test_of_many_who_save_one_version_exactly_one_wins(patient):
    """REL-03, DAT-11: the history has one row more, the winner's; nothing was overwritten."""
    savers = Savers(patient)
    savers.run()
    assert savers.outcomes == {"saved": 1, "asked": SAVERS - 1}
    record = Record.objects.get(patient=patient)
    assert (record.version, record.values["hr"]) == (2, savers.won[0])
    history = history_model(Record).objects.filter(id=record.pk).order_by("history_id")
    assert [row.values.get("hr") for row in history] == [None, savers.won[0]]
