"""Consent, inclusion, screening and end of study: what counts when there are several, and what is stored (P11-06)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from patients import signals
from patients.models import Consent, Identity, Patient, Record, Visit
from patients.participation import disposition, screening
from patients.participation.consents import consent
from patients.participation.death import died_on
from patients.participation.enrolment import enrol, enrolment_refusals
from tests.support import build
from tests.support.build import moment
from tests.support.study import amended_protocol
from tests.support.study.refusals import asked, refused
from trials.models import Trial
from trials.versions.loading import load_protocol

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.usefixtures("doctor_acts")]
TODAY, TOMORROW, SCREENED = date(2026, 3, 30), date(2026, 3, 31), date(2026, 3, 10)


@pytest.fixture
def patient(trial: Trial) -> Patient:
    """A patient in screening since the 10th."""
    return build.patient(trial=trial, screened_on=SCREENED)


@pytest.fixture
def included(trial: Trial) -> Patient:
    """A patient included on the 10th."""
    return build.enrolled(trial=trial, on=SCREENED)


def again(patient: Patient) -> Patient:
    """Return the patient as stored, read with the consents."""
    return Patient.objects.prefetch_related("consents").get(pk=patient.pk)


class TestConsent:
    def test_the_same_minute_on_another_version_of_the_form_is_another_consent(self, doctor):
        """Version 1.1 of the trial WALK knows two versions of the consent form."""
        trial = amended_protocol.trial()
        amended_protocol.amendment()
        patient = build.patient(trial=trial, screened_on=SCREENED)
        told: dict[str, Any] = {"type": "patient", "given": moment("12-Mar-2026 09:00"), "by": doctor}
        first, second = (
            consent.record_consent(patient=patient, version=version, **told) for version in ("1.0", "2.0")
        )
        assert (first.version, second.version) == ("1.0", "2.0")
        assert consent.consents_of(patient) == [first, second]

    def test_consents_read_with_the_patient_are_in_the_order_in_which_they_were_given(self, patient):
        """No query more; of two at one minute the one recorded last counts."""
        later = build.consent(patient, given=moment("12-Mar-2026 09:00"))
        first = build.consent(patient, type="legal_representative")
        last = build.consent(patient, type="legal_representative", given=moment("12-Mar-2026 09:00"))
        assert consent.consents_of(patient) == [first, later, last]
        found = again(patient)
        found._prefetched_objects_cache["consents"] = [last, later, first]
        with CaptureQueriesContext(connection) as queries:
            assert consent.consents_of(found) == [first, later, last]
            assert consent.current_consent(found) == last
        assert len(queries) == 0

    def test_a_patient_without_a_consent_has_none_in_force_and_none_due(self, trial, patient):
        build.consent(build.patient(trial=trial, screened_on=SCREENED))
        for found in (Patient.objects.get(pk=patient.pk), again(patient)):
            assert consent.consents_of(found) == []
            assert consent.current_consent(found) is None
            assert consent.reconsent_due_since(found) is None


class TestInclusion:
    def test_whoever_is_not_in_screening_has_one_obstacle(self, included):
        assert enrolment_refusals(included) == [
            "The patient is not in screening: the status is “In follow-up”."
        ]

    def test_what_a_criterion_needs_is_named(self, patient):
        """Without a decision the criteria are evaluated for today."""
        build.consent(patient)
        found = enrolment_refusals(patient)
        age = "I1: Aged 18 to 70 years – Undetermined (needs Demography: Age at consent)"
        assert found[0].startswith("No investigator has signed the eligibility")
        assert age in found

    def test_the_infusions_are_planned_at_inclusion(self, trial, doctor):
        patient = build.eligible(trial=trial, screened_on=SCREENED)
        assert not patient.infusions.exists()
        done = enrol(patient=patient, on=SCREENED, by=doctor)
        assert done.infusions.count() == trial.rules.dosing.infusions


class TestScreening:
    def test_what_is_not_told_of_a_person_stays_empty(self, trial, doctor):
        patient = screening.screen(trial=trial, screened_on=SCREENED, identity={"name": "Anna"}, by=doctor)
        stored = Identity.objects.values(*screening.IDENTITY_FIELDS)
        assert list(stored) == [{"name": "Anna", "hospital_number": "", "birth_date": "", "contact": ""}]
        told: dict[str, Any] = {"patient": patient, "reason": "Misread", "by": doctor}
        screening.correct_identity(identity={"contact": "A sister"}, **told)
        assert list(stored.all()) == [
            {"name": "", "hospital_number": "", "birth_date": "", "contact": "A sister"}
        ]

    def test_two_persons_screened_without_a_page_are_two_patients(self, trial, doctor):
        told: dict[str, Any] = {"trial": trial, "screened_on": SCREENED, "identity": {}, "by": doctor}
        first, second = (screening.screen(**told) for _each in range(2))
        assert first != second
        assert {first.save_key, second.save_key} == {""}

    def test_a_trial_whose_first_version_is_to_come_screens_nobody(self, doctor):
        version = load_protocol(
            text=amended_protocol.text("1.0"), effective_from=TODAY + timedelta(days=5), system="test"
        )
        told = refused(screening.screen, trial=version.trial, screened_on=TODAY, identity={}, by=doctor)
        first = "Version 1.0 of the protocol is in force from 04-Apr-2026: nobody can be screened before."
        assert told == {"": [first]}

    def test_the_status_is_the_first_thing_that_is_refused(self, included, doctor):
        told = refused(screening.fail_screening, patient=included, on=TOMORROW, reason="", by=doctor)
        assert told == {"": ["LIE-001 cannot fail screening: the status is “In follow-up”."]}


class TestEnd:
    DIED = "2026-03-12"

    def end(self, patient: Patient, by: User, **changed: Any) -> Patient:
        told = {"on": date.fromisoformat(self.DIED), "reason": "death", "note": "", **changed}
        return disposition.end_study(patient=patient, by=by, **told)

    def form(self, patient: Patient, form: str, visit: str, **values: str) -> Record:
        return Record.objects.create(
            patient=patient, visit=Visit.objects.get(patient=patient, code=visit), protocol=patient.protocol,
            form=form, state="draft", values=values,
        )  # fmt: skip

    def test_the_status_is_the_first_thing_that_is_refused(self, patient, doctor):
        told = refused(self.end, patient, doctor, on=TOMORROW)
        assert told == {"": ["LIE-001 cannot end the study: the status is “Screening”."]}

    def test_a_death_ends_the_study_on_the_day_that_a_form_says(self, included, doctor):
        """DAT-08."""
        self.form(included, "vital_status", "D7", died_on=self.DIED)
        sentence = "A form says that the patient died on 12-Mar-2026: the end of study says otherwise."
        for day in (date(2026, 3, 11), date(2026, 3, 13)):
            assert asked(self.end, included, doctor, on=day) == [sentence]
        assert sentence in asked(self.end, included, doctor, reason="lost")
        done = self.end(included, doctor)
        assert (done.state, done.ended_on, done.end_reason) == ("ended", date(2026, 3, 12), "death")

    def test_the_rooms_above_hear_of_the_end(self, included, doctor):
        heard: list[tuple[Patient, User]] = []

        def listen(sender: Any, *, patient: Patient, by: User, **kwargs: Any) -> None:
            heard.append((patient, by))

        signals.study_ended.connect(listen)
        try:
            self.end(included, doctor)
        finally:
            signals.study_ended.disconnect(listen)
        assert heard == [(included, doctor)]

    def test_of_two_forms_the_last_that_has_a_day_counts(self, included, doctor):
        """The value of another form, and a day that is missing with a reason, are no day of death."""
        self.form(included, "vital_status", "D7", died_on="2026-03-11")
        self.form(included, "vital_status", "D14", died_on=self.DIED)
        self.form(included, "vital_status", "D28", survival_status="DEAD")
        self.form(included, "discharge", "D60", died_on="2026-03-20")
        assert died_on(included) == self.DIED

    def test_no_form_says_when_a_patient_died_whose_protocol_does_not_ask(self, doctor):
        trial = amended_protocol.trial()
        build.delegate(doctor, trial=trial, role="investigator")
        patient = amended_protocol.enrolled(trial, by=doctor, on=SCREENED)
        assert died_on(patient) is None
        assert self.end(patient, doctor).state == "ended"


def test_a_consent_by_another_person_stays_unconfirmed_until_capacity_is_regained(patient):
    build.consent(patient, type="legal_representative")
    assert consent.reconsent_due_since(patient) is None
    Consent.objects.update(capacity_regained_on=SCREENED)
    assert consent.reconsent_due_since(again(patient)) == SCREENED
