"""Patients of the invented trial WALK before and after its amendment."""

from datetime import date

from accounts.models import User
from patients.models import Patient
from tests.support import build
from tests.support.study import amended_protocol
from trials.models import Trial

INCLUDED = date(2021, 3, 10)


def captured(trial: Trial, *, by: User) -> Patient:
    """Return a patient included under version 1.0, with the forms of screening and day 7."""
    patient = amended_protocol.enrolled(trial, by=by, on=INCLUDED)
    for code in ("SCR", "D7"):
        amended_protocol.hold(patient, code, by=by)
        amended_protocol.vitals(patient, code, by=by)
    return patient


def sign_again(patient: Patient, by: User) -> None:
    build.consent(Patient.objects.get(pk=patient.pk), given=build.moment("20-Mar-2021 09:00"), by=by)
