"""The invented trial WALK and its amendment: patients under version 1.0, and their move to 1.1."""

import re
from datetime import UTC, date, datetime
from typing import Any

from accounts.models import User
from audit.context import acting
from patients.models import Patient, Record, Visit
from patients.participation.eligibility_decisions.eligibility import sign_eligibility
from patients.participation.enrolment import enrol
from patients.participation.protocol_amendments.amendments import PatientMove, move
from patients.participation.visits import hold_visit
from tests.support import build
from trials.models import ProtocolVersion, Trial

IN_FORCE = date(2021, 3, 1)
NOW = datetime(2021, 3, 20, 10, 0, tzinfo=UTC)
VITALS = {"pulse": "72", "steps": "4000", "mood": "MIXED"}


def text(version: str) -> str:
    """Return the protocol file of a version."""
    return (build.ROOT / f"tests/support/protocols/walk-{version}.toml").read_text(encoding="utf-8")


def trial(*, infusions: int = 1) -> Trial:
    """Load the trial under its first version, with one infusion or a longer course."""
    return build.version(_with_infusions("1.0", 1, infusions)).trial


def without_product() -> Trial:
    """Load the trial under a first version that gives nothing."""
    return build.version(_without_product("1.0")).trial


def amendment_without_product() -> ProtocolVersion:
    """Load a version 1.1 that gives nothing either."""
    return build.version(_without_product("1.1"), effective_from=IN_FORCE)


def _without_product(version: str) -> str:
    whole = text(version)
    start, end = whole.index("[dosing]"), whole.index("[[visits]]")
    whole = (whole[:start] + whole[end:]).replace('anchor = "infusion_1"', 'anchor = "inclusion"')
    return re.sub(r'kind = "infusion"\ninfusion = \d\n', 'kind = "follow_up"\n', whole)


def amendment(
    effective_from: date = IN_FORCE, *, infusions: int = 2, reconsent: bool = True
) -> ProtocolVersion:
    """Load version 1.1, with two infusions or another number; patients sign again or not."""
    whole = _with_infusions("1.1", 2, infusions)
    if not reconsent:
        whole = whole.replace("reconsent = true", "reconsent = false")
    return build.version(whole, effective_from=effective_from)


def next_amendment(
    effective_from: date, *changes: tuple[str, str], infusions: int = 2, reconsent: bool = True
) -> ProtocolVersion:
    """Load version 1.2, which replaces 1.1; it differs in its infusions and in texts that occur once (`changes`)."""
    whole = _with_infusions("1.1", 2, infusions)
    for old, new in changes:
        assert whole.count(old) == 1, old
        whole = whole.replace(old, new)
    if not reconsent:
        whole = whole.replace("reconsent = true", "reconsent = false")
    for old, new in (('version = "1.1"', 'version = "1.2"'), ('replaces = "1.0"', 'replaces = "1.1"')):
        whole = whole.replace(old, new, 1)
    return build.version(whole, effective_from=effective_from)


def _with_infusions(version: str, written: int, wanted: int) -> str:
    """Return the protocol file of a version with another number of infusions, a week apart, each with its visit."""
    whole = text(version).replace(f"\ninfusions = {written}\n", f"\ninfusions = {wanted}\n")
    head, *visits = whole.split("[[visits]]\n")
    others = [visit for visit in visits if "\ninfusion = " not in visit]
    first = next(visit for visit in visits if "\ninfusion = 1\n" in visit)
    course = [first, *(_INFUSION_VISIT.format(number=n, before=n - 1) for n in range(2, wanted + 1))]
    return "[[visits]]\n".join([head, others[0], *course, *others[1:]])


_INFUSION_VISIT = """code = "INF{number}"
title = {{ en = "Infusion {number}" }}
kind = "infusion"
infusion = {number}
anchor = "infusion_{before}"
day = 7
window = [-2, 2]
forms = ["vitals"]

"""


def enrolled(trial: Trial, *, by: User, on: date | None = None) -> Patient:
    """Create a patient included under the version in force, `on` or today, with the screening form complete."""
    patient = build.patient(trial=trial, by=by, screened_on=on)
    build.consent(patient, by=by)
    build.record(patient, "intake", {"age": "54", "weight": "80"}, by=by)
    with acting(user=by, role="investigator"):
        day = {"inclusion_on": patient.screened_on, "password": build.PASSWORD}
        sign_eligibility(patient=patient, conclusion="eligible", by=by, **day)
        return enrol(patient=Patient.objects.get(pk=patient.pk), on=patient.screened_on, by=by)


def hold(patient: Patient, code: str, *, by: User) -> Visit:
    """Hold a visit on its planned day."""
    visit = Visit.objects.select_related("patient").get(patient=patient, code=code)
    with acting(user=by, role="coordinator"):
        assert visit.planned_on
        return hold_visit(visit=visit, on=visit.planned_on, by=by)


def vitals(patient: Patient, visit: str, *, by: User, **changed: Any) -> Record:
    """Store complete vital signs of a visit under version 1.0."""
    return build.record(patient, "vitals", {**VITALS, **changed}, visit=visit, by=by)


def move_to(patient: Patient, to: ProtocolVersion, *, by: User, reason: str = "Amendment 1") -> PatientMove:
    """Move one patient to a version. Return what the move did."""
    with acting(user=by, role="data_manager"):
        (done,) = move(patients=[Patient.objects.get(pk=patient.pk)], to=to, reason=reason, by=by)
    return done
