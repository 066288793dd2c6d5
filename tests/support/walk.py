"""The invented trial WALK and its amendment: patients under version 1.0, and their move to 1.1."""

from datetime import UTC, date, datetime
from typing import Any

from accounts.models import User
from audit.context import acting
from patients.models import Patient, Record, Visit
from patients.participation.amendments import PatientMove, move
from patients.participation.eligibility import sign_eligibility
from patients.participation.enrolment import enrol
from patients.participation.visits import hold_visit
from tests.support import build
from trials.models import ProtocolVersion, Trial

IN_FORCE = date(2021, 3, 1)
NOW = datetime(2021, 3, 20, 10, 0, tzinfo=UTC)
VITALS = {"pulse": "72", "steps": "4000", "mood": "MIXED"}


def text(version: str) -> str:
    """Return the protocol file of a version."""
    return (build.ROOT / f"tests/support/protocols/walk-{version}.toml").read_text(encoding="utf-8")


def trial() -> Trial:
    """Load the trial under its first version."""
    return build.version(text("1.0")).trial


def amendment(effective_from: date = IN_FORCE) -> ProtocolVersion:
    """Load version 1.1."""
    return build.version(text("1.1"), effective_from=effective_from)


def enrolled(trial: Trial, *, by: User, on: date | None = None) -> Patient:
    """Create a patient included under the version in force, `on` or today, with the screening form complete."""
    patient = build.patient(trial=trial, by=by, screened_on=on)
    build.consent(patient, by=by)
    build.record(patient, "intake", {"age": "54", "weight": "80"}, by=by)
    with acting(user=by, role="investigator"):
        day = {"inclusion_on": patient.screened_on, "password": build.PASSWORD}
        sign_eligibility(patient=patient, conclusion="eligible", by=by, **day)
        return enrol(patient=Patient.objects.get(pk=patient.pk), on=patient.screened_on, by=by)


def held(patient: Patient, code: str, *, by: User) -> Visit:
    """Hold a visit on its planned day."""
    visit = Visit.objects.select_related("patient").get(patient=patient, code=code)
    with acting(user=by, role="coordinator"):
        assert visit.planned_on
        return hold_visit(visit=visit, on=visit.planned_on, by=by)


def vitals(patient: Patient, visit: str, *, by: User, **changed: Any) -> Record:
    """Store complete vital signs of a visit under version 1.0."""
    return build.record(patient, "vitals", {**VITALS, **changed}, visit=visit, by=by)


def moved(patient: Patient, to: ProtocolVersion, *, by: User, reason: str = "Amendment 1") -> PatientMove:
    """Move one patient to a version. Return what the move did."""
    with acting(user=by, role="data_manager"):
        (done,) = move(patients=[Patient.objects.get(pk=patient.pk)], to=to, reason=reason, by=by)
    return done
