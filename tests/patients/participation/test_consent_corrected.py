"""A consent recorded wrongly is corrected or struck out, with a reason and its trail (AUD-04)."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from accounts.models import User
from audit.models import Meaning, Signature
from audit.trail import history_model
from patients.models import Consent, Patient
from patients.participation.consents import consent
from patients.participation.consents.consent_corrections import (
    correct_consent,
    strike_out_consent,
)
from patients.participation.enrolment import enrolment_refusals
from patients.participation.questions import Questioned
from patients.review.locks import freeze
from patients.review.signatures import in_force, sign_casebook
from safety.event_questions import first_consent
from tests.support import build
from tests.support.build import moment
from tests.support.study.refusals import refused
from trials.models import Trial

# 30 March 2026, half past midnight at the site: in UTC it is still the 29th.
NOW = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.usefixtures("doctor_acts")]
SCREENED = date(2026, 3, 10)


@pytest.fixture
def patient(trial: Trial) -> Patient:
    return build.patient(trial=trial, screened_on=SCREENED)


@pytest.fixture
def row(patient: Patient) -> Consent:
    """A consent of the representative, given on the 10th at 09:00."""
    return build.consent(patient, type="legal_representative", given=moment("10-Mar-2026 09:00"))


def correct(row: Consent, by: User, **changed: Any) -> Consent:
    told: dict[str, Any] = {"type": row.type, "version": "1.0", "given": moment(row.given), "reason": "Typo"}
    return correct_consent(consent=row, by=by, **{**told, **changed})


class TestCorrection:
    def test_every_fact_of_a_consent_is_corrected(self, row, doctor):
        correct(
            row, doctor, type="impartial_witness", given=moment("11-Mar-2026 08:30"), obtained_by=" Dr Roe ",
            representative_name="Ann Lee", representative_relation="Nurse of another ward",
        )  # fmt: skip
        row.refresh_from_db()
        assert (row.type, row.given_words, row.obtained_by) == (
            "impartial_witness",
            "11-Mar-2026 08:30",
            "Dr Roe",
        )
        assert row.given_at == datetime(2026, 3, 11, 7, 30, tzinfo=UTC)
        assert (row.representative_name, row.representative_relation) == ("Ann Lee", "Nurse of another ward")

    def test_what_is_not_mentioned_stays(self, row, doctor):
        correct(row, doctor, obtained_by="Dr Roe")
        assert correct(row, doctor, given=moment("10-Mar-2026 10:00")).obtained_by == "Dr Roe"

    def test_the_trail_keeps_the_earlier_facts_and_the_reason(self, row, doctor):
        correct(row, doctor, given=moment("11-Mar-2026 08:30"), reason="27 read as 72")
        past = history_model(Consent).objects.order_by("history_id")
        assert [(each.given[:10], each.history_change_reason or "") for each in past] == [
            ("2026-03-10", ""), ("2026-03-11", "27 read as 72"),
        ]  # fmt: skip

    def test_a_correction_has_a_reason(self, row, doctor):
        assert refused(correct, row, doctor, reason="  ") == {"reason": ["Say why this is changed."]}

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"given": moment("10-Mar-2026")}, "given"),
            ({"given": moment("30-Mar-2026 00:31")}, "given"),
            ({"type": "neighbour"}, "type"),
            ({"version": "9"}, "version"),
        ],
    )
    def test_what_could_not_be_recorded_is_no_correction_either(self, row, doctor, changed, field):
        assert list(refused(correct, row, doctor, **changed)) == [field]
        row.refresh_from_db()
        assert row.given_words == "10-Mar-2026 09:00"

    def test_capacity_regained_before_the_corrected_day_is_refused(self, row, doctor, patient):
        consent.record_capacity(patient=patient, regained_on=date(2026, 3, 12), by=doctor)
        told = refused(correct, row, doctor, given=moment("13-Mar-2026 00:10"))
        assert told == {"given": ["The patient could decide again on 12-Mar-2026, before this day."]}
        assert correct(row, doctor, given=moment("12-Mar-2026 23:50")).capacity_regained_on == date(
            2026, 3, 12
        )

    def test_a_consent_that_the_patient_gave_needs_no_confirmation(self, row, doctor, patient):
        consent.record_capacity(patient=patient, regained_on=date(2026, 3, 12), by=doctor)
        assert correct(row, doctor, type="patient").capacity_regained_on is None
        assert consent.reconsent_due_since(patient) is None

    def test_nothing_is_corrected_under_a_freeze(self, row, doctor, patient, manager):
        freeze(target=patient, reason="Interim analysis", by=manager)
        assert "frozen" in str(refused(correct, row, doctor))
        assert "frozen" in str(refused(strike_out_consent, consent=row, reason="Wrong patient", by=doctor))

    def test_the_signature_on_the_casebook_falls(self, row, doctor, patient):
        seen = {each.pk: each.version for each in in_force(patient)}
        sign_casebook(
            patient=patient, seen=seen, meaning=Meaning.APPROVAL, password=build.PASSWORD, by=doctor
        )
        correct(row, doctor, representative_relation="Daughter")
        assert Signature.objects.get(target_type="patients.patient").invalidated_at is not None


class TestCapacityRegained:
    def test_another_day_needs_a_reason(self, row, patient, doctor):
        regained = {"patient": patient, "by": doctor}
        consent.record_capacity(regained_on=date(2026, 3, 12), **regained)
        consent.record_capacity(regained_on=date(2026, 3, 12), **regained)
        told = refused(consent.record_capacity, regained_on=date(2026, 3, 13), **regained)
        assert told == {"reason": ["Say why this is changed."]}
        consent.record_capacity(regained_on=date(2026, 3, 13), reason="Typo", **regained)
        last = history_model(Consent).objects.order_by("history_id").last()
        assert (last.capacity_regained_on, last.history_change_reason) == (date(2026, 3, 13), "Typo")


class TestQuestions:
    @pytest.mark.parametrize(
        ("given", "asks"),
        [("10-Mar-2025 23:59", True), ("11-Mar-2025 00:00", False), ("10-Mar-2026 09:00", False)],
    )
    def test_a_consent_a_year_before_the_screening_asks(self, patient, given, asks):
        assert bool(consent.consent_questions(patient, moment(given))) == asks

    def test_a_screening_on_a_leap_day_has_a_year_too(self, patient):
        patient.screened_on = date(2024, 2, 29)
        assert consent.consent_questions(patient, moment("01-Mar-2023 10:00"))
        assert not consent.consent_questions(patient, moment("02-Mar-2023 10:00"))

    def test_a_consent_after_the_inclusion_asks(self, trial, doctor):
        included = build.enrolled(trial=trial, on=SCREENED)
        row = included.consents.get()
        assert correct(row, doctor, given=moment("10-Mar-2026 23:59"))
        with pytest.raises(Questioned) as asked:
            correct(row, doctor, given=moment("11-Mar-2026 00:00"))
        told = "The patient was included on 10-Mar-2026, before any consent: this is a deviation."
        assert [question.text for question in asked.value.questions] == [told]
        row.refresh_from_db()
        assert row.given_words == "10-Mar-2026 23:59"


class TestStrikingOut:
    def test_a_consent_struck_out_stays_visible_and_counts_no_more(self, row, patient, doctor):
        own = build.consent(patient, given=moment("12-Mar-2026 09:00"))
        strike_out_consent(consent=own, reason="Another patient", by=doctor)
        assert consent.consents_of(patient) == [row]
        assert consent.current_consent(Patient.objects.prefetch_related("consents").get()) == row
        own.refresh_from_db()
        assert own.struck_out_reason == "Another patient"
        strike_out_consent(consent=row, reason="Another patient", by=doctor)
        assert "No consent is recorded." in enrolment_refusals(patient)
        assert first_consent(patient) is None

    def test_the_same_consent_can_be_recorded_again(self, row, patient, doctor):
        strike_out_consent(consent=row, reason="Wrong", by=doctor)
        again = build.consent(patient, type="legal_representative", given=moment("10-Mar-2026 09:00"))
        assert again != row
        assert consent.current_consent(patient) == again

    def test_it_has_a_reason_and_happens_once(self, row, doctor):
        assert refused(strike_out_consent, consent=row, reason="", by=doctor) == {
            "reason": ["Say why this is changed."]
        }
        strike_out_consent(consent=row, reason="Wrong", by=doctor)
        told = {"": ["This consent is struck out: nothing in it changes any more."]}
        assert refused(strike_out_consent, consent=row, reason="Wrong", by=doctor) == told
        assert refused(correct, row, doctor) == told

    def test_the_only_consent_before_the_inclusion_stays(self, trial, doctor):
        included = build.enrolled(trial=trial, on=SCREENED)
        row = included.consents.get()
        build.consent(included, given=moment("11-Mar-2026 00:00"))
        told = refused(strike_out_consent, consent=row, reason="Wrong", by=doctor)
        assert told == {
            "": [
                "The inclusion on 10-Mar-2026 rests on this consent: correct it, or record the right one first."
            ]
        }
        build.consent(included, given=moment("10-Mar-2026 23:59"))
        assert strike_out_consent(consent=row, reason="Wrong", by=doctor).struck_out_reason == "Wrong"
