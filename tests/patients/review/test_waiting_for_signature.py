"""What waits for a signature: forms never signed or changed since, visits and casebooks that lost theirs (SIG-02)."""

from datetime import UTC, date, datetime

import pytest
import time_machine

from accounts.models import User
from audit.context import acting
from audit.models import Signature
from audit.signatures import sign
from patients.models import Patient, Record, Visit
from patients.review.unsigned import TO_SIGN_COLUMNS, invalidated_signatures, with_last_signature
from tests.support import build
from tests.support.study.entered_forms import DEMOGRAPHY
from trials.access import access_to
from trials.models import Trial

pytestmark = [pytest.mark.django_db, pytest.mark.at(datetime(2026, 3, 30, 8, 0, tzinfo=UTC))]

SCREENED = date(2026, 3, 10)


def screened(trial: Trial, form: str = "demography") -> Patient:
    patient = build.patient(trial=trial, screened_on=SCREENED)
    build.consent(patient)
    build.record(patient, form, DEMOGRAPHY)
    return patient


@pytest.fixture
def patient(trial: Trial) -> Patient:
    return screened(trial)


@pytest.fixture
def neighbour(patient: Patient) -> Patient:
    """Another patient of the trial, with the same form."""
    return screened(patient.trial)


def signed(target: Record | Visit | Patient, by: User, hour: int) -> Signature:
    """Sign at an hour of 30 March."""
    with (
        time_machine.travel(datetime(2026, 3, 30, hour, 0, tzinfo=UTC), tick=False),
        acting(user=by, role="investigator"),
    ):
        return sign(target=target, meaning="review", password=build.PASSWORD, by=by, zone="Europe/Brussels")


def changed(patient: Patient, weight: str, hour: int = 10) -> None:
    """Change the form: its signatures, and those of its visit and casebook, no longer hold."""
    with (
        time_machine.travel(datetime(2026, 3, 30, hour, 0, tzinfo=UTC), tick=False),
        acting(system="test", reason="Misread"),
    ):
        record = Record.objects.get(patient=patient)
        record.values = {**record.values, "weight": weight}
        record.save()


def shown(record: Record) -> dict[str, object]:
    row = with_last_signature(Record.objects.filter(pk=record.pk).select_related("patient", "visit")).get()
    return {column.name: column.value(row) for column in TO_SIGN_COLUMNS}


class TestForms:
    def test_a_form_never_signed_says_so_though_others_were(self, patient, neighbour, doctor):
        record, other = (Record.objects.get(patient=each) for each in (patient, neighbour))
        signed(other, doctor, 9)
        told = shown(record)
        assert (told["why"], told["signed_at"], told["signed_by"]) == ("never", None, "")
        assert (told["changed_at"], told["changed_by"], told["reason"]) == (None, "", "")

    def test_the_last_of_several_signatures_is_the_one_told(self, patient, doctor):
        second = build.user("investigator", trial=patient.trial, full_name="Second Reader")
        record = Record.objects.get(patient=patient)
        signed(record, doctor, 9)
        changed(patient, "71")
        record.refresh_from_db()
        last = signed(record, second, 11)
        changed(patient, "72", 12)

        told = shown(record)
        assert told["why"] == "invalidated"
        assert (told["signed_at"], told["signed_by"]) == (last.signed_at, "Second Reader")
        assert told["reason"] == "Misread"

    def test_the_last_signature_is_the_one_stored_last_whatever_the_clock_said(self, patient, doctor):
        """REL-10: the clock of the server may have been set back between the two."""
        second = build.user("investigator", trial=patient.trial, full_name="Second Reader")
        record = Record.objects.get(patient=patient)
        signed(record, second, 11)
        signed(record, doctor, 9)
        assert shown(record)["signed_by"] == doctor.full_name

    def test_the_reason_is_told_in_words(self, patient, doctor):
        record = Record.objects.get(patient=patient)
        why = next(column for column in TO_SIGN_COLUMNS if column.name == "why")
        assert why.text is not None
        rows = with_last_signature(Record.objects.filter(pk=record.pk))
        assert why.text(rows.get()) == "Never signed"
        signed(record, doctor, 9)
        assert why.text(rows.get()) == "Changed since it was signed"


class TestWholes:
    def titles(self, trial: Trial) -> list[str]:
        access = access_to(user=build.user("investigator", trial=trial), slug=trial.slug)
        assert access is not None
        return [each.title for each in invalidated_signatures(access)]

    def visit(self, patient: Patient) -> Visit:
        return Visit.objects.get(patient=patient, code="SCR")

    def test_what_is_still_signed_does_not_wait(self, patient, doctor):
        signed(self.visit(patient), doctor, 9)
        signed(patient, doctor, 9)
        assert self.titles(patient.trial) == []

    def test_what_lost_its_signature_waits_the_newest_first(self, patient, neighbour, doctor):
        for each in (patient, neighbour):
            signed(self.visit(each), doctor, 9)
        changed(neighbour, "71", 10)
        changed(patient, "71", 11)
        assert self.titles(patient.trial) == ["LIE-001, visit SCR", "LIE-002, visit SCR"]

    def test_signed_again_it_waits_no_more_and_the_other_still_does(self, patient, neighbour, doctor):
        for hour, each in ((10, patient), (11, neighbour)):
            signed(each, doctor, 9)
            changed(each, "71", hour)
        assert self.titles(patient.trial) == ["Casebook of LIE-002", "Casebook of LIE-001"]
        signed(Patient.objects.get(pk=patient.pk), doctor, 12)
        assert self.titles(patient.trial) == ["Casebook of LIE-002"]

    def test_the_signature_stored_last_decides_whatever_the_clock_said(self, patient, doctor):
        """REL-10: a signature of nine o'clock that holds, given after that of eleven which fell, is the last."""
        signed(patient, doctor, 11)
        changed(patient, "71")
        signed(Patient.objects.get(pk=patient.pk), doctor, 9)
        assert self.titles(patient.trial) == []

    def test_the_patients_of_another_trial_do_not_wait_here(self, patient, doctor):
        other = screened(build.trial(build.COVID_MSV))
        reader = build.user("investigator", trial=other.trial)
        signed(other, reader, 9)
        changed(other, "71")
        assert self.titles(patient.trial) == []
        assert self.titles(other.trial) == ["Casebook of VAL-001"]
