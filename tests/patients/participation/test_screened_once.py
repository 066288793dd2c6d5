"""A person is in a trial once, recognised by the hospital number, which is stored in the identity table only."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client

from audit.context import acting
from patients.models import Identity, Patient
from patients.participation.screening import correct_identity, fail_screening, screen
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


@pytest.mark.parametrize(
    "written", ["HN-00123", "HN 00123", "hn00123", "ＨＮ００１２３", "HN–001.23", "HN/00123"]
)
def test_a_hospital_number_is_the_same_however_it_is_written(
    trial: Trial, desk: Client, written: str
) -> None:
    build.patient(trial=trial, hospital_number="HN-00123")
    assert screened(desk, trial, hospital_number=written) == 422
    assert screened(desk, trial, hospital_number="HN-00124") == 302


def test_a_number_with_a_sign_without_width_is_refused(trial: Trial, desk: Client) -> None:
    assert screened(desk, trial, hospital_number="HN\u200b00123") == 422
    assert not Patient.objects.exists()


def test_a_number_without_a_letter_or_digit_is_refused(trial: Trial, desk: Client) -> None:
    assert screened(desk, trial, hospital_number="–") == 422
    assert screened(desk, trial, hospital_number="") == 302


def test_the_database_keeps_a_hospital_number_once_in_a_trial(trial: Trial) -> None:
    build.patient(trial=trial, hospital_number="H-0042")
    other = build.patient(trial=trial, hospital_number="H-0043")
    with acting(system="test"), pytest.raises(IntegrityError), transaction.atomic():
        Identity.objects.filter(patient=other).update(number_key="h0042")


def test_a_number_corrected_after_a_failed_screening_stays_free(trial: Trial, desk: Client) -> None:
    first = build.patient(trial=trial, hospital_number="H-0041")
    nurse = build.user(trial=trial)
    with acting(user=nurse):
        fail_screening(patient=first, on=first.screened_on, reason="Fever", by=nurse)
        typed = {"name": "", "hospital_number": "H-0042", "birth_date": "", "contact": ""}
        correct_identity(patient=first, identity=typed, reason="Misread", by=nurse)
    assert screened(desk, trial) == 302


class TestNameAndBirthDate:
    KNOWN = {"name": "Jeanne Dubois", "birth_date": "1956-03-12"}
    TYPED = {"name": "DUBOIS, Jéanne", "birth_date": "12-Mar-1956", "hospital_number": ""}

    def test_the_same_name_and_date_of_birth_ask_before_anything_is_stored(self, trial, desk):
        known = build.patient(trial=trial, **self.KNOWN)
        sent = desk.post(f"/trials/{trial.slug}/patients/screen/", {**SENT, **self.TYPED})
        page = sent.content.decode()
        assert sent.status_code == 422
        assert f"{known.code} has this name and date of birth" in page
        assert 'name="another_person"' in page
        assert 'value="DUBOIS, Jéanne"' in page
        assert Patient.objects.get() == known
        assert screened(desk, trial, **self.TYPED, another_person="on") == 302

    @pytest.mark.parametrize(
        ("changed", "status"),
        [
            ({"birth_date": "1956"}, 422),
            ({"birth_date": "13-Mar-1956"}, 302),
            ({"birth_date": ""}, 302),
            ({"name": "Jeanne Duboix"}, 302),
            ({"name": ""}, 302),
        ],
    )
    def test_it_asks_only_if_both_can_be_the_same(self, trial, desk, changed, status):
        build.patient(trial=trial, **self.KNOWN)
        assert screened(desk, trial, **{**self.TYPED, **changed}) == status

    def test_the_box_stands_on_the_page_only_when_it_is_asked(self, trial, desk):
        page = desk.get(f"/trials/{trial.slug}/patients/screen/").content.decode()
        assert 'name="another_person"' not in page

    def test_the_verb_names_the_patient_only_to_those_who_may_know(self, trial):
        known = build.patient(trial=trial, hospital_number="H-0042", **self.KNOWN)
        nurse = build.user(trial=trial)
        for typed in ({"hospital_number": "H-0042"}, self.KNOWN):
            for may_identify in (True, False):
                with pytest.raises(ValidationError) as refused, acting(user=nurse):
                    screen(
                        trial=trial,
                        screened_on=trial.today,
                        identity=typed,
                        by=nurse,
                        may_identify=may_identify,
                    )
                assert (known.code in str(refused.value)) is may_identify

    def test_a_corrected_identity_is_compared_too(self, trial):
        build.patient(trial=trial, **self.KNOWN)
        other = build.patient(trial=trial, name="Anna")
        web = build.client(build.user("coordinator", trial=trial))
        address = f"/trials/{trial.slug}/patients/{other.code}/identity/"
        sent = {**self.TYPED, "reason": "Misread"}
        assert web.post(address, sent).status_code == 422
        assert web.post(address, {**sent, "another_person": "on"}).status_code == 302
