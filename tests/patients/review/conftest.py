"""People and steps of source verification: a monitor who verifies, and somebody who changes a form."""

from typing import Any

import pytest

from accounts.models import User
from audit.context import acting
from patients.casebook.casebook import Casebook
from patients.entry import saving
from patients.models import Record
from patients.review import source_verification
from patients.review.marks import SeenVersion
from tests.support import build
from trials.models import Trial

PLANNED = ("age", "sex", "height", "weight")


@pytest.fixture
def monitor(trial: Trial) -> User:
    return build.user("monitor", trial=trial)


def verify(record: Record, by: User, *items: str, version: int | None = None) -> int:
    seen = [SeenVersion(record.pk, version or record.version, items or PLANNED)]
    with acting(user=by, role="monitor"):
        return source_verification.verify(patient=record.patient, seen=seen, by=by, role="monitor")


def changed(record: Record, **values: Any) -> dict[str, Any]:
    return {**Record.objects.get(pk=record.pk).values, **values}


def by_verb(record: Record, values: dict[str, Any]) -> None:
    nurse = User.objects.get(username__startswith="changer")
    opened = Casebook.open(user=nurse, trial=record.patient.trial, code=record.patient.code)
    place = opened.place(record.form, "SCR")
    asked = {name: value for name, value in values.items() if name not in ("bmi", "pbw")}
    saving.amend(
        saving.Entry(place=place, values=asked, base_version=record.version), reason="read again", by=nurse
    )


def by_update(record: Record, values: dict[str, Any]) -> None:
    Record.objects.filter(pk=record.pk).update(values=values)


@pytest.fixture
def changer(trial: Trial) -> User:
    with acting(system="test"):
        person = User.objects.create_user("changer", build.PASSWORD, full_name="Nora Nurse")
    build.delegate(person, trial=trial, role="coordinator")
    return person
