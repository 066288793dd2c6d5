"""A form that would ask this patient nothing is not listed."""

import pytest

from patients.casebook.asked_forms import asked_forms
from patients.casebook.casebook import Casebook
from patients.models import Patient
from tests.support import build
from tests.support.pages.entry_pages import address, save, words

pytestmark = pytest.mark.one_engine
FORM = {"form": "pregnancy_test"}


def listed(patient: Patient) -> bool:
    person = build.user("coordinator", trial=patient.trial)
    book = Casebook.open(user=person, trial=patient.trial, code=patient.code)
    return "pregnancy_test" in [entry.form for entry in asked_forms(book, patient.visits.get(code="SCR"))]


@pytest.mark.parametrize(("answers", "is_listed"), [({}, True), ({"sex": "F"}, True), ({"sex": "M"}, False)])
def test_a_man_is_not_asked_about_pregnancy(desk, patient, answers, is_listed) -> None:
    """DAT-04: as long as the sex is not known, the form stays."""
    if answers:
        save(desk, patient, answers, form="demography")
    assert listed(patient) is is_listed
    assert ("Pregnancy and contraception" in words(desk.get(address(patient)))) is is_listed
    assert desk.get(address(patient, **FORM)).status_code == 200


def test_a_form_that_was_begun_stays_listed(desk, patient) -> None:
    """DAT-09: what is stored is never out of sight."""
    save(desk, patient, {"sex": "F"}, form="demography")
    save(desk, patient, {"childbearing_potential": "N"}, **FORM)
    save(desk, patient, {"sex": "M"}, form="demography")
    assert listed(patient)
