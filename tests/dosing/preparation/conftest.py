"""A patient and the cell laboratory, infusions to prepare for, and the facts of a bag."""

from decimal import Decimal
from typing import Any

import pytest

from audit.context import acting
from dosing.infusions.administration import record_infusion, record_weight
from dosing.infusions.infusion_checks import Bedside
from dosing.models import Infusion, Preparation
from dosing.products.preparing import Product, record_preparation
from patients.models import Patient
from tests.support import build
from tests.support.build import moment
from tests.support.study import product_chain as chain
from tests.support.study.bedside import INCLUDED, stored

DAYS = {1: "10-Mar-2026", 2: "13-Mar-2026", 3: "16-Mar-2026"}
KG = Decimal("80")
BLINDED = ["coordinator", "investigator", "monitor", "data_manager", "administrator"]


@pytest.fixture
def masked():
    return build.trial(build.COVID_MSV)


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def laboratory(trial):
    return build.user("cell_laboratory", trial=trial)


@pytest.fixture
def laboratory_acts(laboratory):
    with acting(user=laboratory, role="cell_laboratory", origin="web"):
        yield


def give(patient: Patient, number: int = 1, kg: Decimal = KG, reason: str = "", by=None) -> Infusion:
    """Record an infusion given from 10:00 to 11:00."""
    row, zone = stored(patient, number), patient.protocol.rules.trial.site.time_zone
    facts = Bedside(
        weight_kg=kg,
        weight_measured=moment(f"{DAYS[number]} 08:00", zone),
        weight_confirmation="weighed twice",
        started=moment(f"{DAYS[number]} 10:00", zone),
        ended=moment(f"{DAYS[number]} 11:00", zone),
        volume_ml=Decimal(100),
        interrupted="N",
        interruption_reason="",
        premedication="",
        timing_deviation_reason="",
    )
    return record_infusion(infusion=row, facts=facts, version=row.version, by=by, reason=reason)


def weigh(patient: Patient, by) -> None:
    """Record only the weight of the day, for the first infusion."""
    measured = moment("10-Mar-2026 08:00")
    record_weight(infusion=stored(patient, 1), weight_kg=KG, weight_measured=measured, version=1, by=by)


def bag(**changed) -> dict[str, Any]:
    """Return the facts of a bag with 200 million viable cells."""
    fields = {
        "donor_code": "D-17",
        "lot": "L-0042",
        "bag": "L-0042/1, L-0042/2",
        "viable_cells": Decimal(200_000_000),
        "viability_percent": Decimal("91.5"),
        "thawed": None,
        "dose_deviation_reason": "",
        "donor_deviation_reason": "",
    }
    return {**fields, **changed}


def facts_of(patient: Patient, number: int, facts: dict[str, Any]) -> Product:
    return chain.product(stored(patient, number), facts)


def prepare(
    patient: Patient, number: int, facts: dict[str, Any], by, version: int = 0, reason: str = ""
) -> Preparation:
    return record_preparation(
        infusion=stored(patient, number), facts=facts_of(patient, number, facts), version=version, by=by,
        reason=reason,
    )  # fmt: skip
