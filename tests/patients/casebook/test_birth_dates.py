"""The age in a form is compared with the date of birth, which the page does not show (PRV-01, DAT-04)."""

import pytest
from django.urls import reverse

from audit.context import acting
from patients.casebook.casebook import Casebook
from patients.entry import saving
from patients.models import Query
from tests.support import build

pytestmark = pytest.mark.django_db


def patient_born(trial, birth_date: str):
    """Return a patient screened on 15 September 2026, with consent on that day."""
    patient = build.patient(trial=trial, birth_date=birth_date, screened_on=trial.today)
    build.consent(patient)
    return patient


@pytest.mark.parametrize(
    ("birth_date", "age", "asks"),
    [
        ("1956-09-15", "70", False),
        ("1956-09-16", "70", True),
        ("1956-09-16", "69", False),
        ("1956-09-15", "71", True),
        ("1956", "69", False),
        ("1956", "70", False),
        ("1956", "68", True),
        ("", "40", False),
    ],
)
def test_an_age_that_cannot_be_opens_a_query(trial, birth_date, age, asks):
    patient = patient_born(trial, birth_date)
    build.record(patient, "demography", {"age": age}, draft=True)
    assert [(query.item, query.check_id) for query in Query.objects.all()] == (
        [("age", "birth_date")] if asks else []
    )


def test_the_query_says_nothing_of_the_date_and_closes_with_the_corrected_age(trial, desk):
    patient = patient_born(trial, "1956-09-15")
    record = build.record(patient, "demography", {"age": "47"}, draft=True)
    page = desk.get(
        reverse("patients:form", args=[trial.slug, patient.code, "SCR", "demography"])
    ).content.decode()
    assert "This age does not agree with the date of birth. Check both." in page
    assert "1956" not in page

    nurse = build.user(trial=trial)
    place = Casebook.open(user=nurse, trial=trial, code=patient.code).place("demography", "SCR")
    with acting(user=nurse, role="coordinator"):
        entry = saving.Entry(place=place, values={"age": "70"}, base_version=record.version)
        saving.save_draft(entry, by=nurse)
    assert Query.objects.get().state == "closed"
