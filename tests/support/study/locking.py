"""Freeze and lock forms, visits, patients and trials."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User
from audit.context import acting
from patients.casebook.casebook import Casebook
from patients.entry import saving
from patients.models import DataLock, Record
from patients.review import locks
from tests.support.study.entered_forms import DEMOGRAPHY

LEVELS = ("record", "visit", "patient", "trial")


def target(level: str, record: Record) -> Any:
    return {
        "record": record,
        "visit": record.visit,
        "patient": record.patient,
        "trial": record.patient.trial,
    }[level]


def hold(kind: str, level: str, record: Record, by: User) -> DataLock:
    what = target(level, record)
    with acting(user=by, role="data_manager"):
        if kind == "freeze":
            return locks.freeze(target=what, reason="Interim analysis", by=by)
        if level == "trial":
            return locks.lock_trial(trial=what, reason="Last visit", open_points={}, overridden={}, by=by)
        return locks.lock(target=what, reason="All is clean", by=by)


def enter(record: Record, nurse: User) -> None:
    opened = Casebook.open(user=nurse, trial=record.patient.trial, code=record.patient.code)
    place = opened.place("demography", "SCR")
    with acting(user=nurse, role="coordinator"):
        saving.amend(
            saving.Entry(place=place, values={**DEMOGRAPHY, "weight": "80"}, base_version=1),
            reason="read again",
            by=nurse,
        )


def lock_error(write) -> None:
    with pytest.raises(IntegrityError, match="frozen or locked"), acting(system="test"), transaction.atomic():
        write()
