"""Infusions recorded at the bedside by calling the domain functions."""

from datetime import UTC, date, datetime
from decimal import Decimal

from dosing.infusions.administration import record_infusion
from dosing.infusions.infusion_checks import Bedside
from dosing.models import Infusion
from patients.models import Patient
from tests.support.build import moment

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
INCLUDED = date(2026, 3, 10)
FIRST, SECOND, THIRD = 1, 2, 3


def on(day: str, **changed) -> Bedside:
    """Return the bedside data of an infusion from 10:00 to 11:00 on a day of March 2026."""
    facts = {
        "weight_kg": Decimal("82.4"),
        "weight_measured": moment(f"{day} 08:00"),
        "started": moment(f"{day} 10:00"),
        "ended": moment(f"{day} 11:00"),
        "volume_ml": Decimal("100"),
        "interrupted": "N",
        "interruption_reason": "",
        "premedication": "None",
        "tolerated": "Y",
        "timing_deviation_reason": "",
    }
    return Bedside(**{**facts, **changed})


def stored(patient: Patient, number: int) -> Infusion:
    return Infusion.objects.select_related("patient__trial", "patient__protocol").get(
        patient=patient, number=number
    )


def give(patient: Patient, number: int, facts: Bedside, by, **options) -> Infusion:
    row = stored(patient, number)
    return record_infusion(infusion=row, facts=facts, version=row.version, by=by, **options)
