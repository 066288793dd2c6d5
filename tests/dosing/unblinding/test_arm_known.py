"""What a person assesses in a patient whose arm they know is marked, on screens and on paper (BLD-04)."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from dosing.allocation.slots import arm_of
from exports.paper.audience import Audience
from exports.paper.patient import PatientPaper
from patients.models import Record
from patients.review import medical_review, signatures
from patients.review.marks import WHOLE, SeenVersion
from tests.support import build
from tests.support.study.deviations import added, classified

pytestmark = pytest.mark.django_db
MARK = "arm known since"


@pytest.fixture
def trial():
    return build.trial(build.COVID_MSV)


@pytest.fixture
def doctor(trial):
    return build.user("investigator", trial=trial, full_name="Doctor Night")


@pytest.fixture
def colleague(trial):
    return build.user("investigator", trial=trial, full_name="Doctor Day")


@pytest.fixture
def patient(trial, doctor):
    # The arm is known since a minute: what was signed within that minute would be marked too.
    with time_machine.travel(timezone.now() - timedelta(minutes=5)):
        found = build.eligible(trial=trial, investigator=doctor)
    address = reverse("dosing:unblinding", args=[trial.slug, found.code])
    fields = {"category": "emergency", "reason": "Shock", "password": build.PASSWORD, "save_key": "k1"}
    assert build.client(doctor).post(address, fields).status_code == 200
    return found


def assess(patient, person, form: str) -> Record:
    """Sign a form and mark it as reviewed."""
    record = Record.objects.get(patient=patient, form=form)
    with acting(user=person, role="investigator", origin="web"):
        seen = [SeenVersion(record.pk, record.version, (WHOLE,))]
        medical_review.review(patient=patient, seen=seen, by=person, role="investigator")
        signatures.sign_records(records=[record], meaning="review", password=build.PASSWORD, by=person)
    return record


def shown(reader, name: str, *arguments) -> str:
    return build.client(reader).get(reverse(name, args=arguments)).content.decode()


class TestWhoUnblinded:
    def test_form_and_review_carry_the_mark_for_every_reader(self, trial, patient, doctor):
        record = assess(patient, doctor, "demography")
        arm = arm_of(patient).title.in_language("en")
        for role in ("coordinator", "monitor", "investigator"):
            reader = build.user(role, trial=trial)
            form = shown(reader, "patients:form", trial.slug, patient.code, record.visit.key, record.form)
            review = shown(reader, "patients:review", trial.slug, patient.code)
            assert (form.count(MARK), review.count(f"Doctor Night: {MARK}")) == (1, 1)
            assert arm not in form + review

    def test_the_classification_of_a_deviation_carries_the_mark(self, trial, patient, doctor):
        row = added(patient, build.user("coordinator", trial=trial), category="other")
        classified(row, doctor)
        assert MARK in shown(doctor, "patients:deviation", trial.slug, patient.code, row.number)

    def test_the_casebook_on_paper_carries_the_mark_for_blinded_readers(self, trial, patient, doctor):
        assess(patient, doctor, "demography")
        part = PatientPaper(patient, Audience.nobody(trial)).content()
        form = next(
            form
            for visit in part["visits"]
            for form in visit["forms"]
            if any("Height" in row["label"] for group in form["groups"] for row in group["rows"])
        )
        assert MARK in dict(form["facts"])["Reviewed"]
        assert MARK in form["signatures"][0]["standing"]
        # The decision on eligibility was signed before.
        assert [MARK in each["standing"] for each in part["signatures"]] == [False, True]

    def test_a_casebook_signature_that_fell_carries_the_mark_on_the_list_of_what_is_to_be_signed(
        self, trial, patient, doctor
    ):
        with acting(user=doctor, role="investigator", origin="web"):
            rows = Record.objects.filter(patient=patient, state="complete")
            signatures.sign_casebook(
                patient=patient, seen={row.pk: row.version for row in rows}, meaning="review",
                password=build.PASSWORD, by=doctor,
            )  # fmt: skip
        build.struck_out(rows.get(form="ct_score") if rows.filter(form="ct_score") else rows.last())
        assert MARK in shown(doctor, "patients:to-sign", trial.slug)


class TestEverybodyElse:
    def test_carries_no_mark(self, trial, patient, colleague):
        record = assess(patient, colleague, "demography")
        form = shown(colleague, "patients:form", trial.slug, patient.code, record.visit.key, record.form)
        review = shown(colleague, "patients:review", trial.slug, patient.code)
        assert MARK not in form + review

    def test_nor_does_the_same_person_in_another_patient(self, trial, patient, doctor):
        other = build.assessable(trial=trial)
        record = assess(other, doctor, "demography")
        assert MARK not in shown(
            doctor, "patients:form", trial.slug, other.code, record.visit.key, record.form
        )
