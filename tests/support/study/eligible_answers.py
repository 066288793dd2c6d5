"""Answers of an eligible patient of each shipped trial, as stored values by form. Invented."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from protocol.values.moments import Moment

LIEGE, COVID_MSV = "nct04445454", "nct04361942"


def at(day: date, clock: str, zone: str) -> str:
    """Return a moment as stored, with the offset of the zone on that day."""
    hour, minute = (int(part) for part in clock.split(":"))
    wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone))
    return Moment.from_datetime(wall, zone).iso


def liege(day: date) -> dict[str, dict[str, Any]]:
    """Return the answers of a man of 54 on a ward with oxygen: group A."""
    reasons = [
        "ecmo",
        "care_limited",
        "life_expectancy_under_24h",
        "allergy_to_product",
        "bone_marrow_transplant",
        "immunosuppressed_before",
        "secondary_infection",
        "malignancy",
        "thromboembolic_disease",
        "compliance_risk",
        "safety_risk",
        "other_trial",
    ]
    zone = "Europe/Brussels"
    return {
        "demography": {"age": "54", "sex": "M", "height": "178", "weight": "82.4"},
        "pregnancy_test": {},
        "eligibility": {
            "assessed_at": at(day, "10:30", zone),
            "study_procedure_done": "N",
            "patient_can_consent": "Y",
            "ct_on": (day - timedelta(days=2)).isoformat(),
            "ct_extensive_interstitial": "Y",
            "ct_viral": "Y",
            "pcr_result": "POS",
            "pcr_on": (day - timedelta(days=4)).isoformat(),
            "ward": "STANDARD",
            "oxygen_required": "Y",
            "spo2_measured": "Y",
            "spo2_room_air": "88",
            "imv_tracheal": "N",
            **dict.fromkeys(reasons, "N"),
        },
    }


def covid_msv(day: date) -> dict[str, dict[str, Any]]:
    """Return the answers of a woman of 61 in intensive care since the day before."""
    zone = "Europe/Madrid"
    return {
        "demography": {"age": "61", "sex": "F", "height": "164", "weight": "70"},
        "pregnancy_test": {"childbearing_potential": "N"},
        "eligibility": {
            "assessed_at": at(day, "11:00", zone),
            "consent_signed": "Y",
            "study_procedure_done": "N",
            "molecular_result": "POS",
            "molecular_on": (day - timedelta(days=3)).isoformat(),
            "covid_pneumonia": "Y",
            "icu_admitted_at": at(day - timedelta(days=1), "18:00", zone),
            "respiratory_distress": "Y",
            "respiratory_rate": "31",
            "spo2_at_rest": "89",
            "pao2": "72",
            "fio2": "50",
            "active_tumour": "N",
            "other_trial": "N",
            "investigator_objects": "N",
        },
    }


OF = {LIEGE: liege, COVID_MSV: covid_msv}
