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
        "care_limited",
        "life_expectancy_24h",
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
        "respiratory_support": {
            "assessed_at": at(day, "10:00", zone),
            "support": "LOW_FLOW",
            "ecmo": "N",
            "o2_flow": "4",
            "fio2": "40",
            "fio2_source": "ESTIMATED",
        },
        "chest_imaging": {
            "ct_done": "Y",
            "ct_on": (day - timedelta(days=2)).isoformat(),
            "ct_findings": ["GROUND_GLASS"],
            "ct_bilateral": "Y",
            "ct_embolism": "NO",
            "xray_done": "N",
        },
        "virology": {
            "pcr_result": "POS",
            "pcr_on": (day - timedelta(days=4)).isoformat(),
            "specimen": "NASOPHARYNGEAL",
            "serology_result": {"missing": "ND"},
        },
        "eligibility": {
            "assessed_at": at(day, "10:30", zone),
            "study_procedure_done": "N",
            "patient_can_consent": "Y",
            "ct_interstitial": "Y",
            "ct_viral": "Y",
            "ward": "STANDARD",
            "oxygen_required": "Y",
            "spo2_measured": "Y",
            "spo2_room_air": "88",
            **dict.fromkeys(reasons, "N"),
        },
    }


def covid_msv(day: date) -> dict[str, dict[str, Any]]:
    """Return the answers of a woman of 61 in intensive care since the day before."""
    zone = "Europe/Madrid"
    return {
        "demography": {"age": "61", "sex": "F", "height": "164", "weight": "70"},
        "pregnancy_test": {"childbearing_potential": "N"},
        "vitals": {
            "measured_at": at(day, "10:00", zone),
            "temp": "38.2",
            "hr": "92",
            "rr": "31",
            "spo2": "89",
            "dyspnoea": "Y",
            "acvpu": "A",
            "gcs_eye": "4",
            "gcs_verbal": "5",
            "gcs_motor": "6",
            "sbp": "126",
            "dbp": "74",
        },
        "blood_gas": {
            "gas_done": "Y",
            "sampled_at": at(day, "10:10", zone),
            "fio2": "50",
            "pao2": "72",
            "paco2": "36",
            "ph": "7.44",
            "bicarbonate": "24",
            "lactate": "1.4",
        },
        "virology": {
            "pcr_result": "POS",
            "pcr_on": (day - timedelta(days=3)).isoformat(),
            "specimen": "NASOPHARYNGEAL",
            "serology_result": {"missing": "ND"},
        },
        "eligibility": {
            "assessed_at": at(day, "11:00", zone),
            "consent_signed": "Y",
            "study_procedure_done": "N",
            "covid_pneumonia": "Y",
            "icu_admitted_at": at(day - timedelta(days=1), "18:00", zone),
            "respiratory_distress": "Y",
            "active_tumour": "N",
            "other_trial": "N",
            "investigator_objects": "N",
        },
    }


OF = {LIEGE: liege, COVID_MSV: covid_msv}
