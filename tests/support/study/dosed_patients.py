"""A patient of any of the thirteen designs: included, infused once, with the product recorded by the laboratory."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from audit.context import acting
from dosing.allocation.randomisation import permuted_blocks
from dosing.allocation.slots import generate_list
from dosing.infusions.administration import record_infusion
from dosing.infusions.infusion_checks import Bedside
from dosing.models import Infusion, Preparation
from dosing.products.preparing import record_preparation
from patients.models import Patient
from patients.participation.enrolment import enrol
from protocol.values.moments import Moment
from tests.support import build
from tests.support.protocols.thirteen_designs import BODY
from tests.support.study import product_chain as chain
from tests.support.study.bedside import stored
from trials.models import Trial

ZONE = "Europe/Brussels"


def included(trial: Trial, on: date, *, investigator: Any = None, **answers: str) -> Patient:
    """Include a patient who is screened on the same day."""
    by = investigator or build.user("investigator", trial=trial)
    patient = build.patient(trial=trial, by=by, screened_on=on)
    build.consent(patient, by=by)
    build.record(patient, "body", {**BODY, **answers}, by=by)
    build.decision(patient, by=by)
    with acting(user=by, role="investigator"):
        return enrol(patient=Patient.objects.get(pk=patient.pk), on=on, by=by)


def loaded(text: str, *arms: str) -> Trial:
    """Load a file; the first places of the allocation list have these arms (default: cells)."""
    trial = build.version(text).trial
    plan = trial.rules.allocation
    if plan is None:
        return trial
    wanted = list(arms or ("cells",))
    for seed in map(str, range(1000)):
        drawn = permuted_blocks(
            seed=seed, stratum="", size=len(wanted), block_sizes=plan.block_sizes, ratio=plan.ratio
        )
        if [place.arm for place in drawn[: len(wanted)]] == wanted:
            with acting(system="test"):
                generate_list(trial=trial, by=None, seed=seed)
            return trial
    raise AssertionError(f"no list begins with {wanted}")


def facts(patient: Patient, start: datetime, minutes: int = 60, **changed: Any) -> Bedside:
    """Return what the ward records; the weight only where the dose needs it."""
    rules = patient.protocol.rules
    assert rules.dosing
    weight: dict[str, Any] = (
        {
            "weight_kg": Decimal(80),
            "weight_measured": Moment.from_datetime(start - timedelta(hours=1), ZONE),
        }
        if rules.dosing.needs_weight
        else {}
    )
    return Bedside(
        **{
            **weight,
            "started": Moment.from_datetime(start, ZONE),
            "ended": Moment.from_datetime(start + timedelta(minutes=minutes), ZONE),
            "volume_ml": Decimal(100),
            "interrupted": "N",
            "interruption_reason": "",
            "premedication": "",
            "tolerated": "Y",
            "timing_deviation_reason": "",
            **changed,
        }
    )


def infuse(patient: Patient, bedside: Bedside, number: int = 1, **options: Any) -> Infusion:
    """Record an infusion as a coordinator."""
    nurse = build.user("coordinator", trial=patient.trial)
    row = stored(patient, number)
    with acting(user=nurse, role="coordinator"):
        return record_infusion(infusion=row, facts=bedside, version=row.version, by=nurse, **options)


def prepare(patient: Patient, cells: Decimal | None, number: int = 1, **changed: Any) -> Preparation:
    """Record the product of an infusion as the cell laboratory."""
    laboratory = build.user("cell_laboratory", trial=patient.trial)
    row = stored(patient, number)
    bag = {
        "donor_code": "D-17" if cells else "",
        "lot": "L-1",
        "viable_cells": cells,
        "viability_percent": None,
        "thawed": None,
        "dose_deviation_reason": "",
        "donor_deviation_reason": "",
        **changed,
    }
    with acting(user=laboratory, role="cell_laboratory"):
        return record_preparation(infusion=row, facts=chain.product(row, bag), version=0, by=laboratory)
