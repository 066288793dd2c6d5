"""The unit in which a number of this patient was entered last is chosen beside the empty number (LAB-04)."""

import re

import pytest
from django.test import Client

from patients.models import Patient
from tests.support import build
from tests.support.pages.entry_pages import address
from tests.support.study.entered_forms import included

pytestmark = pytest.mark.django_db
IN_FRACTIONS = {"value": "50.0", "entered": "0.5", "unit": "fraction"}


def unit_of_fio2(desk: Client, patient: Patient, visit: str = "INF1") -> tuple[str, str]:
    """Return the typed number and the chosen unit of FiO2 on the page of the respiratory support."""
    page = desk.get(address(patient, "respiratory_support", visit=visit)).content.decode()
    number = re.search(r'id="id_fio2" name="fio2" value="([^"]*)"', page)
    select = re.search(r'<select class="form-select unit" name="fio2-unit".*?</select>', page, re.DOTALL)
    assert number
    assert select
    chosen = re.search(r'<option value="([^"]*)"[^>]* selected', select[0])
    return number[1], chosen[1] if chosen else "%"


def test_the_unit_is_that_of_the_last_record_and_the_number_stays_empty(
    desk: Client, patient: Patient
) -> None:
    included(patient)
    assert unit_of_fio2(desk, patient) == ("", "%")
    build.record(patient, "respiratory_support", {"support": "NIV", "fio2": IN_FRACTIONS}, draft=True)
    assert unit_of_fio2(desk, patient) == ("", "fraction")


def test_a_stored_number_keeps_its_own_unit(desk: Client, patient: Patient) -> None:
    included(patient)
    build.record(patient, "respiratory_support", {"fio2": IN_FRACTIONS}, draft=True)
    build.record(patient, "respiratory_support", {"fio2": "40"}, visit="INF1", draft=True)
    assert unit_of_fio2(desk, patient) == ("40", "%")


def test_what_was_struck_out_or_missing_says_no_unit(desk: Client, patient: Patient) -> None:
    included(patient)
    wrong = build.record(patient, "respiratory_support", {"fio2": IN_FRACTIONS}, draft=True)
    build.struck_out(wrong)
    build.record(patient, "respiratory_support", {"fio2": {"missing": "ND"}}, draft=True)
    assert unit_of_fio2(desk, patient) == ("", "%")
