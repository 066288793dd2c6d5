"""Identifying data as they may be stored: a date of birth that is a date, names without hidden signs (PRV-01)."""

import pytest
from django.core.exceptions import ValidationError

from audit.context import acting
from patients.models import Identity, Patient
from patients.participation.screening import correct_identity
from tests.support import build

pytestmark = [pytest.mark.django_db, pytest.mark.at("2026-03-02T09:00Z")]


def screening(trial, **typed):
    """Return the answer of the page to a screening."""
    sent = {
        "screened_on": "01-Mar-2026",
        "name": "",
        "hospital_number": "",
        "birth_date": "",
        "contact": "",
        **typed,
    }
    return build.client(build.user("coordinator", trial=trial)).post(
        f"/trials/{trial.slug}/patients/screen/", sent
    )


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("12-Mar-1956", "1956-03-12"),
        ("12/3/1956", "1956-03-12"),
        ("1956-03-12", "1956-03-12"),
        ("mar 1956", "1956-03"),
        ("1956", "1956"),
        ("02-Mar-2026", "2026-03-02"),
        ("", ""),
    ],
)
def test_a_date_of_birth_is_stored_as_far_as_it_is_known(trial, typed, stored):
    """DAT-05."""
    assert screening(trial, birth_date=typed).status_code == 302
    assert Identity.objects.get().birth_date == stored


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("NaN", "is not a date"),
        ('["a"]', "is not a date"),
        ("31-Feb-1956", "31"),
        ("03-Mar-2026", "has not come yet"),
        ("2027", "has not come yet"),
        ("12-Mar-1905", "Check the year"),
        ("12-Mar-1850", "1850"),
        ("1850", "1850"),
        ("12-Mar-2030", "has not come yet"),
        ("12-Mar-1956 14:05", "without a time"),
        ("<script>", "is not a date"),
    ],
)
def test_what_is_no_date_of_birth_is_refused_beside_its_field_and_stays_typed(trial, typed, sentence):
    answer = screening(trial, birth_date=typed, name="Anna")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page
    assert 'value="Anna"' in page
    assert not Patient.objects.exists()


@pytest.mark.parametrize("field", ["name", "hospital_number", "contact"])
@pytest.mark.parametrize(("sign", "name"), [("\u200b", "U+200B"), ("\u202e", "U+202E"), ("\x07", "U+0007")])
def test_a_sign_that_nobody_sees_is_refused_in_every_identifying_field(trial, field, sign, name):
    """Two names that look alike would be two people."""
    answer = screening(trial, **{field: f"An{sign}na"})
    assert answer.status_code == 422
    assert f"nobody can see ({name})" in answer.content.decode()
    assert not Patient.objects.exists()


def test_a_contact_may_have_several_lines(trial):
    assert screening(trial, contact="Her sister\r\n0475 12 34 56").status_code == 302
    assert Identity.objects.get().contact == "Her sister\r\n0475 12 34 56"


def test_a_correction_is_checked_like_a_screening_and_shows_the_date_as_people_write_it(trial):
    """AUD-04."""
    nurse = build.user("coordinator", trial=trial)
    patient = build.patient(trial=trial, by=nurse, birth_date="1956-03-12", name="Anna")
    browser, page = build.client(nurse), f"/trials/{trial.slug}/patients/{patient.code}/identity/"
    assert 'value="12-Mar-1956"' in browser.get(page).content.decode()
    typed = {"name": "Anna", "hospital_number": "", "contact": "", "reason": "misread"}
    assert browser.post(page, typed | {"birth_date": "NaN"}).status_code == 422
    assert browser.post(page, typed | {"birth_date": "13-Mar-1956"}).status_code == 302
    assert Identity.objects.get(patient=patient).birth_date == "1956-03-13"
    with acting(user=nurse), pytest.raises(ValidationError):
        correct_identity(patient=patient, identity={"name": "An\u200bna"}, reason="x", by=nurse)


def test_a_reader_sees_the_date_and_a_text_of_an_older_version_as_it_is(trial):
    patient = build.patient(trial=trial, birth_date="1956-03-12")
    browser = build.client(build.user("inspector", trial=trial))
    page = f"/trials/{trial.slug}/patients/{patient.code}/identity/"
    assert "12-Mar-1956" in browser.get(page).content.decode()
    with acting(system="test"):
        Identity.objects.update(birth_date="NaN")
    assert "NaN" in browser.get(page).content.decode()
