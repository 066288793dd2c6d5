"""The same signature sent twice, by a double click or a page sent again, is one signature (SIG-01, SIG-02)."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.urls import reverse

from audit.models import Meaning, Signature
from dosing.models import AllocationSlot
from patients.models import EligibilityDecision
from patients.participation.eligibility_decisions.eligibility import sign_eligibility
from patients.review import signatures
from tests.support import build
from tests.support.study.refusals import refused

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.usefixtures("doctor_acts")]
APPROVED: dict[str, Any] = {"meaning": Meaning.APPROVAL, "password": build.PASSWORD}


def numbers(kind: str) -> int:
    return Signature.objects.filter(target_type=kind).count()


@pytest.fixture
def signed(trial):
    """A patient with complete forms of the screening."""
    return build.assessable(trial=trial)


def test_forms_sent_twice_have_one_signature_each(signed, doctor):
    records = signatures.unsigned(signed)
    first = signatures.sign_records(records=records, by=doctor, **APPROVED)
    second = signatures.sign_records(records=records, by=doctor, **APPROVED)
    assert first == second
    assert numbers("patients.record") == len(records)


def test_the_page_sent_twice_answers_both_times_alike(signed, web):
    url = reverse("patients:sign", args=[signed.trial.slug, signed.code])
    chosen = [f"{record.pk}:{record.version}" for record in signatures.unsigned(signed)]
    sent = {**APPROVED, "chosen": chosen, "reviewed": ["SCR"]}
    answers = [web.post(url, sent) for _click in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert numbers("patients.record") == len(chosen)


def test_a_form_that_a_colleague_signed_meanwhile_is_refused(signed, trial, web):
    url = reverse("patients:sign", args=[signed.trial.slug, signed.code])
    chosen = [f"{record.pk}:{record.version}" for record in signatures.unsigned(signed)]
    other = build.user("investigator", trial=trial)
    sent = {**APPROVED, "chosen": chosen, "reviewed": ["SCR"]}
    build.client(other).post(url, sent)
    answer = web.post(url, sent)
    assert answer.status_code == 422
    assert numbers("patients.record") == len(chosen)


def test_a_casebook_sent_twice_has_one_signature(signed, doctor):
    seen = {record.pk: record.version for record in signatures.in_force(signed)}
    first, second = (
        signatures.sign_casebook(patient=signed, seen=seen, by=doctor, **APPROVED) for _click in range(2)
    )
    assert first == second
    assert numbers("patients.patient") == 1


def test_another_meaning_another_person_or_other_content_is_another_signature(signed, trial, doctor):
    (record, *_rest) = signatures.unsigned(signed)
    signatures.sign_records(records=[record], by=doctor, **APPROVED)
    review = {**APPROVED, "meaning": Meaning.REVIEW}
    signatures.sign_records(records=[record], by=doctor, **review)
    assert numbers("patients.record") == 2
    build.struck_out(record)
    record.refresh_from_db()
    type(record).objects.filter(pk=record.pk).update(state="complete", struck_out_reason="")
    record.refresh_from_db()
    signatures.sign_records(records=[record], by=doctor, **APPROVED)
    assert numbers("patients.record") == 3


def test_the_password_is_asked_for_every_time(signed, doctor):
    records = signatures.unsigned(signed)
    signatures.sign_records(records=records, by=doctor, **APPROVED)
    wrong = {**APPROVED, "password": "a wrong one"}
    assert "password" in refused(signatures.sign_records, records=records, by=doctor, **wrong)


class TestEligibility:
    def sign(self, patient, by, **changed: Any) -> EligibilityDecision:
        told = {"conclusion": "eligible", "inclusion_on": patient.screened_on, "password": build.PASSWORD}
        return sign_eligibility(patient=patient, by=by, **{**told, **changed})

    def test_a_decision_sent_twice_is_one_decision_with_one_signature(self, signed, doctor):
        assert self.sign(signed, doctor) == self.sign(signed, doctor)
        assert EligibilityDecision.objects.count() == numbers("patients.eligibilitydecision") == 1
        assert not AllocationSlot.objects.filter(patient=signed).exists()

    def test_another_conclusion_or_person_is_another_decision(self, signed, trial, doctor):
        first = self.sign(signed, doctor)
        assert self.sign(signed, doctor, conclusion="not_eligible") != first
        assert self.sign(signed, doctor) != first
        assert EligibilityDecision.objects.count() == 3

    def test_the_password_is_asked_for_every_time(self, signed, doctor):
        self.sign(signed, doctor)
        assert "password" in refused(self.sign, signed, doctor, password="a wrong one")
