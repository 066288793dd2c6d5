"""Decisions on laboratory results by calling the domain function."""

from collections.abc import Sequence
from typing import Any

from accounts.models import User
from audit.context import acting
from patients.models import Patient
from safety.laboratory.candidates import Candidate
from safety.laboratory.deciding import Decided, decide_results
from tests.support.build import PASSWORD


def decided(patient: Patient, candidates: Sequence[Candidate], *, by: User, **told: Any) -> Decided:
    """Decide that results are not significant, with the grade of the number."""
    known: dict[str, Any] = {
        "shown": {each.pk: int(each.grade or 0) for each in candidates},
        "significance": "not_significant",
        "meaning": "review",
        "password": PASSWORD,
    }
    with acting(user=by, role="investigator", origin="web"):
        return decide_results(trial=patient.trial, patients=[patient], by=by, **{**known, **told})
