"""Adverse events of March 2026, reported and amended by calling the domain functions."""

from accounts.models import User
from patients.models import Patient
from safety.models import AdverseEvent
from safety.reporting import amend_event
from tests.support import build
from tests.support.build import moment
from tests.support.study.bedside import INCLUDED
from trials.models import Trial

NOT_SERIOUS = frozenset({"none_of_these"})
IN_HOSPITAL = frozenset({"hospitalisation"})


def consented_patient(trial: Trial) -> Patient:
    """Create a patient screened on the 10th, who consented at 09:00."""
    patient = build.patient(trial=trial, screened_on=INCLUDED)
    build.consent(patient, given=moment("10-Mar-2026 09:00"))
    return patient


def event_answers(**answers) -> dict:
    """Return the answers for a fever that is not serious."""
    return {
        "term": "Fever",
        "onset": moment("12-Mar-2026 18:30"),
        "ongoing": "N",
        "end": moment("13-Mar-2026"),
        "grade": 2,
        "seriousness": NOT_SERIOUS,
        "causality": "possible",
        "outcome": "recovered",
        "action_taken": "none",
        "aesi": "none",
        **answers,
    }


def serious_answers(**answers) -> dict:
    """Return the answers for a fever that led to hospitalisation; the site was aware on the 28th at 14:00."""
    return event_answers(seriousness=IN_HOSPITAL, aware=moment("28-Mar-2026 14:00"), **answers)


def amend_event_as(event: AdverseEvent, by: User, reason: str = "New information", **changes) -> AdverseEvent:
    return amend_event(event=event, changes=changes, reason=reason, version=event.version, by=by)
