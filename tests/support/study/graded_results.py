"""Laboratory results of a patient included on 10 March 2026, and infused that day at 10:00."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from audit.context import acting
from patients.models import Patient, Record, Visit
from safety.laboratory.candidates import Candidate, CandidateList, candidates_of
from tests.support import build
from tests.support.study import reference_ranges
from tests.support.study.bedside import INCLUDED, give, on
from trials.models import Trial

LIMITS = {
    "biochemistry.alt": ("U/L", None, "40"),
    "biochemistry.potassium": ("mmol/L", "3.5", "5"),
    "haematology.haemoglobin": ("g/L", "120", "160"),
}


def limits(trial: Trial) -> dict[str, Any]:
    """Store the limits of the central laboratory; return the ranges by the path of their item."""
    laboratory = reference_ranges.central(trial)
    return {
        path: reference_ranges.given(
            laboratory,
            path,
            unit=unit,
            lower=None if low is None else Decimal(low),
            upper=None if high is None else Decimal(high),
        )
        for path, (unit, low, high) in LIMITS.items()
    }


def infused(trial: Trial) -> Patient:
    """Return a patient included and infused for the first time on 10 March."""
    doctor = build.user("investigator", trial=trial)
    patient = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    with acting(user=doctor, role="investigator"):
        give(patient, 1, on("10-Mar-2026"), doctor)
    return Patient.objects.select_related("trial", "protocol").get(pk=patient.pk)


def result(patient: Patient, taken: str, form: str = "biochemistry", **values: Any) -> Record:
    """Store a form of an unscheduled visit with a sample taken at a time of March 2026, such as `12 08:00`."""
    day, time = taken.split()
    with acting(system="test"):
        number = Visit.objects.filter(patient=patient, code="UNS").count() + 1
        visit = Visit.objects.create(
            patient=patient, code="UNS", number=number, position=90, state="held", reason="A sample",
            held_on=INCLUDED + timedelta(days=int(day) - INCLUDED.day),
        )  # fmt: skip
        return Record.objects.create(
            patient=patient, protocol=patient.protocol, visit=visit, form=form, state="complete",
            values={"sampled_at": build.moment(f"{day}-Mar-2026 {time}").iso, **values},
        )  # fmt: skip


def corrected(record: Record, **values: Any) -> None:
    """Correct values of a form."""
    with acting(system="test", reason="a correction"):
        record.values = {**record.values, **values}
        record.version += 1
        record.save(update_fields=["values", "version"])


def found(patient: Patient) -> CandidateList:
    """Return the candidates of a patient, as stored now."""
    row = Patient.objects.select_related("trial", "protocol").get(pk=patient.pk)
    return candidates_of(row.trial, [row])


def one(patient: Patient, record: Record, term: str) -> Candidate:
    """Return the candidate of one result and term."""
    return next(each for each in found(patient).candidates if (each.key[0], each.term) == (record.pk, term))
