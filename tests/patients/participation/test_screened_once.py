"""A person is in a trial once, recognised by the hospital number, which is stored in the identity table only."""

import pytest
from django.test import Client

from audit.context import acting
from patients.models import Identity, Patient
from patients.participation.screening import fail_screening
from tests.support import build
from trials.models import Trial

pytestmark = pytest.mark.django_db
SENT = {"screened_on": "t", "name": "Jeanne Dubois", "hospital_number": " h-0042 "}


def screened(desk: Client, trial: Trial, **changed: str) -> int:
    return desk.post(f"/trials/{trial.slug}/patients/screen/", {**SENT, **changed}).status_code


def test_a_hospital_number_that_is_in_the_trial_is_refused_beside_the_field(
    trial: Trial, desk: Client
) -> None:
    """PRV-01: the page names the subject to roles that may know; nothing is stored or lost."""
    known = build.patient(trial=trial, name="Jeanne", hospital_number="H-0042")
    refused = desk.post(f"/trials/{trial.slug}/patients/screen/", SENT)
    page = refused.content.decode()
    assert refused.status_code == 422
    assert f"{known.code} has this hospital number" in page
    assert 'value="Jeanne Dubois"' in page
    assert Patient.objects.get() == known
    assert screened(desk, trial, hospital_number="H-0043") == 302


def test_who_failed_screening_may_be_screened_again(trial: Trial, desk: Client) -> None:
    first = build.patient(trial=trial, hospital_number="H-0042")
    nurse = build.user(trial=trial)
    with acting(user=nurse):
        fail_screening(patient=first, on=first.screened_on, reason="Fever", by=nurse)
    assert screened(desk, trial) == 302
    assert screened(desk, trial) == 422


def test_patients_without_a_number_and_those_of_another_trial_are_not_compared(
    trial: Trial, desk: Client
) -> None:
    build.patient(trial=build.trial(build.COVID_MSV), hospital_number="H-0042")
    build.patient(trial=trial)
    assert screened(desk, trial, hospital_number="") == 302
    assert screened(desk, trial, hospital_number="") == 302
    assert screened(desk, trial) == 302


def test_a_number_that_another_patient_has_is_refused_when_an_identity_is_corrected(trial: Trial) -> None:
    """PRV-01: the patient's own number is accepted."""
    known = build.patient(trial=trial, hospital_number="H-0042")
    other = build.patient(trial=trial, hospital_number="H-0043")
    web = build.client(build.user("coordinator", trial=trial))
    address = f"/trials/{trial.slug}/patients/{other.code}/identity/"
    refused = web.post(address, {"hospital_number": "h-0042", "name": "Jeanne", "reason": "Misread"})
    assert refused.status_code == 422
    assert f"{known.code} has this hospital number" in refused.content.decode()
    assert Identity.objects.get(patient=other).hospital_number == "H-0043"
    kept = web.post(address, {"hospital_number": "H-0043", "name": "Jeanne", "reason": "Name was missing"})
    assert kept.status_code == 302
    assert Identity.objects.get(patient=other).name == "Jeanne"
