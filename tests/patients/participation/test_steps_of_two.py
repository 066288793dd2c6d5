"""Steps of participation at their edges, with a second patient beside the first (P11-06, DAT-08)."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.models import User
from patients.models import Consent, Identity, Patient, Record, Visit
from patients.participation import disposition, screening, visits
from patients.participation.consents import consent
from patients.participation.enrolment import enrol, enrolment_refusals
from patients.review.locks import freeze
from tests.support import build
from tests.support.build import moment
from tests.support.study import amended_protocol
from tests.support.study.refusals import asked, refused
from trials.models import Trial

# 30 March 2026, half past midnight at the site: in UTC it is still the 29th.
NOW = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.usefixtures("doctor_acts")]
TODAY, TOMORROW = date(2026, 3, 30), date(2026, 3, 31)
SCREENED, BEFORE = date(2026, 3, 10), date(2026, 3, 9)
NOT_COME = "This day has not come yet. Check the year."


@pytest.fixture
def patient(trial: Trial) -> Patient:
    """A patient in screening since the 10th."""
    return build.patient(trial=trial, screened_on=SCREENED)


@pytest.fixture
def included(trial: Trial) -> Patient:
    """A patient included on the 10th."""
    return build.enrolled(trial=trial, on=SCREENED)


def visit_of(patient: Patient, code: str = "SCR") -> Visit:
    return Visit.objects.select_related("patient").get(patient=patient, code=code)


class TestConsent:
    def give(self, patient: Patient, by: User, **changed: Any) -> Consent:
        told = {"type": "patient", "version": "1.0", "given": moment("10-Mar-2026 09:00"), **changed}
        return consent.record_consent(patient=patient, by=by, **told)

    def test_a_consent_has_a_day_and_a_time(self, patient, doctor):
        told = refused(self.give, patient, doctor, given=moment("10-Mar-2026"))
        assert told == {"given": ["Enter the day and the time of the consent."]}

    def test_a_consent_of_this_minute_is_taken_and_one_of_the_next_is_not(self, patient, doctor):
        told = refused(self.give, patient, doctor, given=moment("30-Mar-2026 00:31"))
        assert told == {"given": ["This time has not come yet. Check the date."]}
        assert self.give(patient, doctor, given=moment("30-Mar-2026 00:30")).given_at == NOW

    @pytest.mark.parametrize(
        "other", [{"version": "1.0", "type": "legal_representative"}, {"given": moment("10-Mar-2026 09:01")}]
    )
    def test_only_the_same_consent_is_a_repetition(self, patient, doctor, other):
        first = self.give(patient, doctor)
        assert self.give(patient, doctor) == first
        assert self.give(patient, doctor, **other) != first
        assert patient.consents.count() == 2

    def test_the_same_consent_of_another_patient_is_none(self, trial, patient, doctor):
        other = build.patient(trial=trial, screened_on=SCREENED)
        first = self.give(other, doctor)
        assert self.give(patient, doctor).patient_id == patient.pk
        assert consent.current_consent(other) == first

    def test_the_latest_consent_is_in_force_whatever_was_recorded_last(self, patient, doctor):
        later = self.give(patient, doctor, given=moment("12-Mar-2026 09:00"))
        self.give(patient, doctor, type="legal_representative")
        assert consent.current_consent(Patient.objects.get(pk=patient.pk)) == later

    def test_of_two_at_one_minute_the_one_recorded_last_is_in_force(self, patient, doctor):
        self.give(patient, doctor, type="legal_representative")
        last = self.give(patient, doctor)
        assert consent.current_consent(Patient.objects.get(pk=patient.pk)) == last

    def test_nobody_consents_after_screening_failed(self, patient, doctor):
        screening.fail_screening(patient=patient, on=SCREENED, reason="Fever", by=doctor)
        told = refused(self.give, patient, doctor)
        assert told == {"": ["LIE-001 cannot consent: the status is “Screen failure”."]}

    def test_a_patient_in_follow_up_can_consent_again(self, included, doctor):
        assert self.give(included, doctor, given=moment("12-Mar-2026 09:00")).patient_id == included.pk


class TestCapacity:
    def regain(self, patient: Patient, on: date, by: User) -> Consent:
        return consent.record_capacity(patient=patient, regained_on=on, reason="Typo", by=by)

    def test_without_a_consent_there_is_nothing_to_confirm(self, patient, doctor):
        assert "nothing needs confirming" in refused(self.regain, patient, SCREENED, doctor)[""][0]

    def test_the_day_lies_between_the_consent_and_today_at_the_site(self, patient, doctor):
        """The consent of 00:05 on the 10th was given on the 9th in UTC; today is the 29th there."""
        build.consent(patient, type="legal_representative")
        assert refused(self.regain, patient, BEFORE, doctor) == {
            "regained_on": ["This day is before the consent that needs confirming."]
        }
        assert refused(self.regain, patient, TOMORROW, doctor) == {"regained_on": [NOT_COME]}
        for day in (SCREENED, TODAY):
            assert self.regain(patient, day, doctor).capacity_regained_on == day

    def test_the_consent_of_another_patient_stays_as_it_is(self, trial, patient, doctor):
        other = build.patient(trial=trial, screened_on=SCREENED)
        for each in (patient, other):
            build.consent(each, type="legal_representative")
        self.regain(patient, SCREENED, doctor)
        assert consent.reconsent_due_since(Patient.objects.get(pk=patient.pk)) == SCREENED
        assert consent.reconsent_due_since(Patient.objects.get(pk=other.pk)) is None

    def test_nobody_regains_capacity_after_screening_failed(self, patient, doctor):
        build.consent(patient, type="legal_representative")
        screening.fail_screening(patient=patient, on=SCREENED, reason="Fever", by=doctor)
        told = refused(self.regain, patient, SCREENED, doctor)
        assert told == {"": ["LIE-001 cannot regain capacity: the status is “Screen failure”."]}


class TestScreening:
    def screen(self, trial: Trial, by: User, on: date = SCREENED, key: str = "", **identity: str) -> Patient:
        return screening.screen(trial=trial, screened_on=on, identity=identity, by=by, save_key=key)

    def test_today_at_the_site_is_no_day_to_come(self, trial, doctor):
        assert self.screen(trial, doctor, TODAY).screened_on == TODAY
        assert refused(self.screen, trial, doctor, TOMORROW) == {"screened_on": [NOT_COME]}

    def test_the_key_of_a_page_sent_twice_makes_one_patient_in_its_trial(self, trial, doctor):
        first = self.screen(trial, doctor, key="k1")
        assert self.screen(trial, doctor, key="k1") == first
        assert self.screen(trial, doctor, key="k2") != first
        other = build.trial(build.COVID_MSV)
        assert self.screen(other, doctor, key="k1").trial == other

    def test_pages_without_a_key_make_a_patient_each(self, trial, doctor):
        assert self.screen(trial, doctor) != self.screen(trial, doctor)

    @pytest.mark.parametrize("column", ["frozen_at", "locked_at"])
    def test_a_closed_trial_screens_nobody(self, trial, doctor, column):
        Trial.objects.filter(pk=trial.pk).update(**{column: NOW})
        told = refused(self.screen, Trial.objects.get(pk=trial.pk), doctor)
        assert told == {"": ["This trial does not recruit at present: nobody can be screened."]}

    def test_a_new_patient_has_the_visits_counted_from_screening(self, trial, doctor):
        patient = self.screen(trial, doctor)
        planned = {row.code: row.planned_on for row in patient.visits.all()}
        assert planned["SCR"] == SCREENED
        assert planned["D28"] is None

    def test_numbers_run_in_each_trial(self, trial, doctor):
        other = build.trial(build.COVID_MSV)
        codes = [self.screen(each, doctor).code for each in (trial, other, trial)]
        assert codes == ["LIE-001", "VAL-001", "LIE-002"]

    def test_an_identity_is_corrected_with_a_reason_and_alone(self, trial, patient, doctor):
        """AUD-04, PRV-01."""
        other = build.patient(trial=trial, screened_on=SCREENED, name="Anna")
        told = refused(
            screening.correct_identity, patient=patient, identity={"name": "Jeanne"}, reason=" ", by=doctor
        )
        assert told == {"reason": ["Say why this is changed."]}
        screening.correct_identity(
            patient=patient, identity={"name": "Jeanne"}, reason=" Misread ", by=doctor
        )
        assert Identity.objects.get(patient=patient).name == "Jeanne"
        assert Identity.objects.get(patient=other).name == "Anna"
        trail = Identity.history.filter(patient_id=patient.pk).order_by("-history_id").first()
        assert trail.history_change_reason == "Misread"


class TestFailing:
    def fail(self, patient: Patient, on: date, by: User) -> Patient:
        return screening.fail_screening(patient=patient, on=on, reason=" Fever ", by=by)

    def test_the_day_lies_between_screening_and_today_at_the_site(self, trial, patient, doctor):
        assert refused(self.fail, patient, BEFORE, doctor) == {
            "on": ["A screening cannot fail before it began."]
        }
        assert refused(self.fail, patient, TOMORROW, doctor) == {"on": [NOT_COME]}
        done = self.fail(patient, SCREENED, doctor)
        assert (done.failed_on, done.failure_reason) == (SCREENED, "Fever")
        other = build.patient(trial=trial, screened_on=SCREENED)
        assert self.fail(other, TODAY, doctor).failed_on == TODAY

    def test_only_screening_fails(self, included, doctor):
        told = refused(self.fail, included, SCREENED, doctor)
        assert told == {"": ["LIE-001 cannot fail screening: the status is “In follow-up”."]}

    def test_a_frozen_patient_stays_in_screening(self, patient, doctor):
        freeze(target=patient, reason="Interim", by=doctor)
        assert "is frozen" in refused(self.fail, patient, SCREENED, doctor)[""][0]


class TestInclusion:
    def test_the_day_lies_between_screening_consent_and_today_at_the_site(self, doctor):
        """In the trial WALK no criterion asks for the day. The consent of 00:30 was given the day before in UTC."""
        patient = build.patient(trial=amended_protocol.trial(), screened_on=SCREENED)
        build.consent(patient, given=moment("12-Mar-2026 00:30"))
        build.record(patient, "intake", {"age": "54", "weight": "80"})
        build.decision(patient)
        for day, sentence in (
            (BEFORE, "The inclusion cannot be before the screening."),
            (date(2026, 3, 11), "The inclusion cannot be before the consent."),
        ):
            assert refused(enrol, patient=patient, on=day, by=doctor) == {"on": [sentence]}
        assert enrol(patient=patient, on=date(2026, 3, 12), by=doctor).enrolled_on == date(2026, 3, 12)

    def test_nobody_is_included_tomorrow(self, trial, doctor):
        """The scan of two days before screening is no obstacle: the patient was screened today."""
        patient = build.eligible(trial=trial, screened_on=TODAY)
        assert refused(enrol, patient=patient, on=TOMORROW, by=doctor) == {"on": [NOT_COME]}
        assert enrol(patient=patient, on=TODAY, by=doctor).state == "enrolled"

    def test_every_obstacle_is_a_sentence_of_its_own(self, trial, doctor):
        patient = build.assessable(trial=trial, screened_on=SCREENED, respiratory_support={"ecmo": "Y"})
        found = enrolment_refusals(patient, SCREENED)
        assert found == [
            "No investigator has signed the eligibility, or the signature is no longer valid.",
            "E2: On ECMO – Present",
        ]
        with pytest.raises(ValidationError) as told:
            enrol(patient=patient, on=SCREENED, by=doctor)
        assert told.value.messages == found

    def test_a_patient_of_the_trial_who_is_included_is_no_obstacle_to_another(self, trial, included, doctor):
        other = build.eligible(trial=trial, screened_on=SCREENED)
        done = enrol(patient=other, on=SCREENED, by=doctor)
        assert (done.state, done.group) == ("enrolled", "A")
        assert Patient.objects.get(pk=included.pk).enrolled_at == included.enrolled_at
        assert Visit.objects.filter(patient=other).exclude(planned_on=None).exists()


class TestVisits:
    def test_a_visit_is_held_between_screening_and_today_at_the_site(self, patient, doctor):
        visit = visit_of(patient)
        assert refused(visits.hold_visit, visit=visit, on=BEFORE, by=doctor) == {
            "on": ["This day is before the screening."]
        }
        assert refused(visits.hold_visit, visit=visit, on=TOMORROW, by=doctor) == {"on": [NOT_COME]}
        assert visits.hold_visit(visit=visit, on=TODAY, by=doctor).held_on == TODAY
        assert (
            visits.hold_visit(visit=visit_of(patient), on=SCREENED, reason="Typo", by=doctor).held_on
            == SCREENED
        )

    def test_a_visit_missed_and_then_held_has_no_reason_any_more(self, patient, doctor):
        visits.miss_visit(visit=visit_of(patient), reason="Abroad", by=doctor)
        row = visits.hold_visit(visit=visit_of(patient), on=SCREENED, reason="Came late", by=doctor)
        assert (row.state, row.missed_reason) == ("held", "")

    def test_a_visit_held_and_then_missed_has_no_day_any_more(self, patient, doctor):
        visits.hold_visit(visit=visit_of(patient), on=SCREENED, by=doctor)
        row = visits.miss_visit(visit=visit_of(patient), reason=" Abroad ", by=doctor)
        assert (row.state, row.held_on, row.missed_reason) == ("missed", None, "Abroad")
        assert row.protocol_id == patient.protocol_id

    def test_a_visit_whose_only_form_was_entered_in_error_can_be_missed(self, patient, doctor):
        build.consent(patient)
        build.struck_out(build.record(patient, "demography", {"age": "54"}, draft=True))
        assert visits.miss_visit(visit=visit_of(patient), reason="Abroad", by=doctor).state == "missed"

    def test_the_forms_of_another_patient_are_not_those_of_this_visit(self, trial, patient, doctor):
        build.assessable(trial=trial, screened_on=SCREENED)
        assert visits.miss_visit(visit=visit_of(patient), reason="Abroad", by=doctor).state == "missed"

    @pytest.mark.parametrize("level", ["visit", "patient"])
    def test_what_is_frozen_is_neither_held_nor_missed(self, patient, doctor, level):
        visit = visit_of(patient)
        freeze(target=visit if level == "visit" else patient, reason="Interim", by=doctor)
        for verb, more in ((visits.hold_visit, {"on": SCREENED}), (visits.miss_visit, {"reason": "Abroad"})):
            assert "is frozen" in refused(verb, visit=visit_of(patient), by=doctor, **more)[""][0]

    def test_a_visit_no_longer_planned_is_neither_held_nor_missed(self, patient, doctor):
        Visit.objects.filter(patient=patient, code="SCR").update(state="cancelled")
        for verb, more in ((visits.hold_visit, {"on": SCREENED}), (visits.miss_visit, {"reason": "Abroad"})):
            told = refused(verb, visit=visit_of(patient), by=doctor, **more)
            assert told == {
                "": ["SCR is no longer planned. Add an unscheduled visit if the patient was seen."]
            }

    def test_after_screening_failed_no_visit_is_held_or_missed(self, patient, doctor):
        screening.fail_screening(patient=patient, on=SCREENED, reason="Fever", by=doctor)
        for verb, more in ((visits.hold_visit, {"on": SCREENED}), (visits.miss_visit, {"reason": "Abroad"})):
            assert "Screen failure" in refused(verb, visit=visit_of(patient), by=doctor, **more)[""][0]


class TestUnscheduled:
    def add(self, patient: Patient, by: User, on: date = SCREENED, reason: str = "Fever") -> Visit:
        return visits.add_unscheduled(patient=patient, on=on, reason=reason, by=by)

    def test_it_lies_between_screening_and_today_at_the_site(self, patient, doctor):
        sentence = {"on": ["The day must be between the screening and today."]}
        assert refused(self.add, patient, doctor, BEFORE) == sentence
        assert refused(self.add, patient, doctor, TOMORROW) == sentence
        assert [self.add(patient, doctor, day).held_on for day in (SCREENED, TODAY)] == [SCREENED, TODAY]

    def test_the_same_day_and_reason_twice_are_one_visit_of_one_patient(self, trial, patient, doctor):
        first = self.add(patient, doctor)
        assert self.add(patient, doctor, reason=" Fever ") == first
        assert self.add(patient, doctor, date(2026, 3, 11)).key == "UNS-2"
        assert self.add(patient, doctor, reason="Cough").key == "UNS-3"
        other = build.patient(trial=trial, screened_on=SCREENED)
        assert (self.add(other, doctor).key, self.add(other, doctor).patient_id) == ("UNS", other.pk)

    def test_it_is_held_and_keeps_its_version_and_its_order(self, patient, doctor):
        rows = [self.add(patient, doctor, reason=reason) for reason in ("Fever", "Cough")]
        assert {(row.state, row.protocol_id) for row in rows} == {("held", patient.protocol_id)}
        assert rows[0].position < rows[1].position


class TestEnd:
    def end(self, patient: Patient, by: User, on: date = TODAY, **changed: str) -> Patient:
        told = {"reason": "withdrawal", "note": "All of it", **changed}
        return disposition.end_study(patient=patient, on=on, by=by, **told)

    def test_the_day_lies_between_inclusion_and_today_at_the_site(self, included, doctor):
        assert refused(self.end, included, doctor, TOMORROW) == {"on": [NOT_COME]}
        assert refused(self.end, included, doctor, BEFORE) == {
            "on": ["The study cannot end before the inclusion."]
        }
        assert self.end(included, doctor, SCREENED).ended_on == SCREENED

    def test_it_may_end_today(self, included, doctor):
        assert self.end(included, doctor, note=" All of it ").end_note == "All of it"

    def test_a_reason_that_is_none_is_refused(self, included, doctor):
        assert refused(self.end, included, doctor, reason="tired") == {
            "reason": ["Choose why the study ended."]
        }

    def test_only_a_withdrawal_needs_words(self, included, doctor):
        assert list(refused(self.end, included, doctor, note="  ")) == ["note"]
        assert asked(self.end, included, doctor, reason="lost", note="") == [
            "No failed attempt to reach the patient is recorded. Lost to follow-up needs at least one."
        ]

    def test_a_patient_in_screening_has_no_end(self, patient, doctor):
        told = refused(self.end, patient, doctor)
        assert told == {"": ["LIE-001 cannot end the study: the status is “Screening”."]}

    def test_the_planned_visits_of_another_patient_hold_up_no_completion(self, trial, included, doctor):
        build.neighbour(included)
        Visit.objects.filter(patient=included).update(state="held", held_on=SCREENED)
        assert self.end(included, doctor, reason="completed", note="").state == "ended"

    def test_each_visit_that_waits_is_named(self, included, doctor):
        Visit.objects.filter(patient=included).exclude(code__in=["D60", "D90"]).update(
            state="held", held_on=SCREENED
        )
        told = refused(self.end, included, doctor, reason="completed", note="")
        assert told == {
            "": ["These visits are neither held nor missed: D60, D90. Record each as held or missed first."]
        }

    def test_the_death_of_another_patient_contradicts_no_end(self, trial, included, doctor):
        other = build.neighbour(included)
        Record.objects.create(
            patient=other, visit=visit_of(other, "D7"), protocol=other.protocol, form="vital_status",
            state="draft", values={"died_on": "2026-03-12"},
        )  # fmt: skip
        assert self.end(included, doctor).state == "ended"
        (question,) = asked(self.end, other, doctor)
        assert "died on 12-Mar-2026" in question

    def test_a_death_entered_in_error_contradicts_no_end(self, included, doctor):
        record = Record.objects.create(
            patient=included, visit=visit_of(included, "D7"), protocol=included.protocol,
            form="vital_status", state="draft", values={"died_on": "2026-03-12"},
        )  # fmt: skip
        assert len(asked(self.end, included, doctor)) == 1
        build.struck_out(record)
        assert self.end(included, doctor).state == "ended"
