"""Deviations entered by hand and decided on, by calling the domain functions."""

from datetime import date
from typing import Any

from accounts.models import User
from audit.context import acting
from patients.models import Deviation, Patient
from patients.participation.deviation_log.deviation_decisions import (
    DeviationFacts,
    add_deviation,
    amend_deviation,
    classify_deviation,
    strike_out_deviation,
)
from protocol.values.moments import Moment


def deviation_facts(**changed: Any) -> DeviationFacts:
    """Return the facts of a prohibited medicine given on 11 March 2026 and noticed the day after."""
    facts = {
        "category": "medication", "occurred_on": Moment.from_date(date(2026, 3, 11)),
        "detected_on": date(2026, 3, 12), "description": "Given hydroxychloroquine", "action_taken": "",
    }  # fmt: skip
    return DeviationFacts(**{**facts, **changed})


def added(patient: Patient, by: User, *, log: Any = Deviation, save_key: str = "", **changed: Any) -> Any:
    facts = deviation_facts(**changed)
    with acting(user=by, role="coordinator", origin="web"):
        return add_deviation(patient=patient, facts=facts, by=by, save_key=save_key, log=log)


def classified(row: Any, by: User, classification: str = "minor", **options: Any) -> Any:
    with acting(user=by, role="investigator", origin="web"):
        given = {"version": row.version, **options}
        return classify_deviation(deviation=row, classification=classification, by=by, **given)


def amended(row: Any, by: User, reason: str = "Read again", **options: Any) -> Any:
    version = options.pop("version", row.version)
    with acting(user=by, role="coordinator", origin="web"):
        facts = deviation_facts(**options)
        return amend_deviation(deviation=row, facts=facts, reason=reason, version=version, by=by)


def struck_out(row: Any, by: User, reason: str = "No deviation") -> Any:
    with acting(user=by, role="coordinator", origin="web"):
        return strike_out_deviation(deviation=row, reason=reason, version=row.version, by=by)
