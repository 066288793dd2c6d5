"""Adverse events of two patients, and of two states: what counts for which one, at the edge of each condition."""

from datetime import timedelta

import pytest

from audit.context import acting
from patients.models import Patient
from patients.review.locks import freeze
from safety.event_questions import first_consent
from safety.listing.filters import AdverseEventFilter
from safety.models import AdverseEvent
from safety.reporting import mark_entered_in_error, report_event, report_to_sponsor
from tests.support import build
from tests.support.build import moment
from tests.support.study import amended_protocol
from tests.support.study.bedside import INCLUDED, NOW
from tests.support.study.refusals import asked, refused
from tests.support.study.reported_events import (
    amend_event_as,
    consented_patient,
    event_answers,
    serious_answers,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "doctor_acts")]


@pytest.fixture
def patient(trial, known_day) -> Patient:
    """A patient who consented on 10 March 2026 at 09:00. It is 12:00 on the 30th at the site."""
    return consented_patient(trial)


@pytest.fixture
def neighbour(patient) -> Patient:
    """Another patient of the trial, who consented at the same time."""
    return consented_patient(patient.trial)


class TestReporting:
    def test_the_key_of_a_page_counts_for_its_patient(self, patient, neighbour, doctor):
        first = report_event(patient=patient, by=doctor, save_key="k1", **event_answers())
        other = report_event(patient=neighbour, by=doctor, save_key="k1", **event_answers())
        assert (first.patient_id, other.patient_id) == (patient.pk, neighbour.pk)
        assert report_event(patient=neighbour, by=doctor, save_key="k1", **event_answers()) == other

    def test_two_pages_of_one_patient_are_two_events(self, patient, doctor):
        first = report_event(patient=patient, by=doctor, save_key="k1", **event_answers())
        second = report_event(patient=patient, by=doctor, save_key="k2", **event_answers(term="Cough"))
        assert (first.number, second.number) == (1, 2)
        assert (
            report_event(patient=patient, by=doctor, save_key="k2", **event_answers(term="Cough")) == second
        )

    def test_without_a_key_each_report_is_an_event(self, patient, doctor):
        assert report_event(patient=patient, by=doctor, **event_answers()) != report_event(
            patient=patient, by=doctor, **event_answers(term="Cough")
        )

    def test_the_consent_of_another_patient_is_none(self, trial, neighbour, doctor):
        """DAT-08: events count from the patient's own consent on."""
        waiting = build.patient(trial=trial, screened_on=neighbour.screened_on)
        questions = asked(report_event, patient=waiting, by=doctor, **event_answers())
        assert questions == ["There is no consent yet: adverse events are recorded from consent on."]

    def test_events_count_from_the_first_consent_on(self, patient, doctor):
        """A second consent on the 20th does not make the event of the 12th medical history."""
        build.consent(patient, given=moment("20-Mar-2026 09:00"))
        assert report_event(patient=patient, by=doctor, **event_answers()).number == 1
        (question,) = asked(
            report_event, patient=patient, by=doctor, **event_answers(onset=moment("10-Mar-2026 08:59"))
        )
        assert "before the consent (10-Mar-2026 09:00)" in question
        assert (
            report_event(
                patient=patient, by=doctor, **event_answers(onset=moment("10-Mar-2026 09:00"))
            ).number
            == 2
        )

    def test_the_first_consent_is_the_earliest_whatever_was_recorded_first(self, trial, doctor):
        patient = build.patient(trial=trial, screened_on=INCLUDED)
        for day in ("20-Mar-2026 09:00", "11-Mar-2026 09:00"):
            build.consent(patient, given=moment(day))
        assert report_event(patient=patient, by=doctor, **event_answers()).number == 1

    def test_of_two_consents_at_one_minute_the_one_recorded_first_is_the_first(self, patient):
        own = patient.consents.get()
        build.consent(patient, type="legal_representative", given=moment("10-Mar-2026 09:00"))
        assert patient.consents.count() == 2
        assert first_consent(patient) == own

    @pytest.mark.parametrize("name", ["onset", "end", "aware"])
    def test_this_minute_has_come_and_the_next_has_not(self, patient, doctor, name):
        given = serious_answers if name == "aware" else event_answers
        changes = {"ongoing": "Y", "end": None, "outcome": "recovering"} if name == "onset" else {}
        call = {**given(), **changes, name: moment("30-Mar-2026 12:01")}
        assert refused(report_event, patient=patient, by=doctor, **call) == {
            name: ["This time has not come yet. Check the date."]
        }
        call = {**given(), **changes, name: moment("30-Mar-2026 12:00")}
        assert report_event(patient=patient, by=doctor, **call).number == 1

    def test_each_time_of_awareness_is_checked_by_itself(self, patient, doctor):
        """CLK-04: also when the site knew that it is serious, while the other time is not entered."""
        later = {**serious_answers(), "serious_aware": moment("30-Mar-2026 12:01")}
        future = ["This time has not come yet. Check the date."]
        assert refused(report_event, patient=patient, by=doctor, **later) == {"serious_aware": future}
        assert refused(report_event, patient=patient, by=doctor, **{**later, "aware": None}) == {
            "aware": ["Enter when the site learned of the event: the 24 hours start then."],
            "serious_aware": future,
        }

    def test_questions_that_may_stay_open_are_stored_as_unanswered(self, doctor):
        """SAF-04: the causality. The trial WALK has no event of special interest."""
        walking = build.patient(trial=amended_protocol.trial(), screened_on=INCLUDED)
        build.consent(walking, given=moment("10-Mar-2026 09:00"))
        answers = event_answers()
        del answers["causality"], answers["aesi"]
        event = report_event(patient=walking, by=doctor, **answers)
        assert (event.description, event.causality, event.aesi) == ("", "", "")

    def test_an_event_may_end_and_become_known_in_the_minute_it_began(self, patient, doctor):
        at = moment("12-Mar-2026 18:30")
        event = report_event(
            patient=patient,
            by=doctor,
            **{**serious_answers(), "onset": at, "end": at, "aware": at, "serious_aware": at},
        )
        assert event.onset_earliest == event.end_earliest == event.aware_at == event.serious_aware_at

    @pytest.mark.parametrize(
        ("answers", "named"),
        [
            ({"ongoing": "", "end": None}, ["ongoing"]),
            ({"onset": None}, ["onset"]),
            ({"onset": None, "aware": moment("13-Mar-2026 08:00")}, ["onset"]),
            ({"seriousness": frozenset()}, ["seriousness"]),
            ({"grade": None}, ["grade"]),
        ],
    )
    def test_an_unanswered_question_is_asked_about_alone(self, patient, doctor, answers, named):
        """What depends on it is not refused a second time."""
        assert list(refused(report_event, patient=patient, by=doctor, **event_answers(**answers))) == named

    def test_when_an_event_that_is_not_serious_was_known_to_be_is_not_checked(self, patient, doctor):
        event = report_event(patient=patient, by=doctor, **event_answers(serious_aware=moment("2027")))
        assert event.serious_aware == ""

    def test_the_term_has_at_most_200_characters(self, patient, doctor):
        assert report_event(patient=patient, by=doctor, **event_answers(term="x" * 200)).number == 1
        assert list(refused(report_event, patient=patient, by=doctor, **event_answers(term="x" * 201))) == [
            "term"
        ]

    def test_when_it_became_serious_is_kept_only_for_a_serious_event(self, patient, doctor):
        event = report_event(
            patient=patient, by=doctor, **event_answers(aware=moment("13-Mar-2026 08:00"),
            serious_aware=moment("14-Mar-2026 08:00")),
        )  # fmt: skip
        assert (event.serious_aware, event.serious_aware_at, event.due_at) == ("", None, None)
        assert event.aware_at is not None

    def test_the_clock_runs_from_when_it_was_known_to_be_serious(self, patient, doctor):
        """CLK-04."""
        answers = {**serious_answers(), "serious_aware": moment("29-Mar-2026 14:00")}
        event = report_event(patient=patient, by=doctor, **answers)
        assert event.due_at - event.serious_aware_at == timedelta(hours=24)
        assert event.clock_starts_at == event.serious_aware_at


class TestReport:
    """CLK-05: the report to the sponsor is due 24 hours after the site was aware, on the 28th at 14:00."""

    @pytest.fixture
    def event(self, patient, doctor) -> AdverseEvent:
        return report_event(patient=patient, by=doctor, **serious_answers())

    def report(self, event: AdverseEvent, at: str, by, reason: str = "") -> AdverseEvent:
        return report_to_sponsor(event=event, at=moment(at), by=by, version=event.version, late_reason=reason)

    def test_at_the_deadline_it_is_in_time_and_a_minute_later_late(self, event, doctor):
        """The clocks change on the 29th: 24 hours end at 15:00."""
        assert list(refused(self.report, event, "29-Mar-2026 15:01", doctor)) == ["late_reason"]
        done = self.report(event, "29-Mar-2026 15:00", doctor, reason="  Line was busy ")
        assert (done.reported_at, done.late_reason) == (done.due_at, "")

    def test_a_late_report_keeps_its_reason_without_blanks(self, event, doctor):
        assert list(refused(self.report, event, "29-Mar-2026 15:01", doctor, "  ")) == ["late_reason"]
        assert (
            self.report(event, "29-Mar-2026 15:01", doctor, " Line was busy ").late_reason == "Line was busy"
        )

    def test_it_may_be_made_in_the_minute_the_site_became_aware_and_not_before(self, event, doctor):
        assert list(refused(self.report, event, "28-Mar-2026 13:59", doctor)) == ["at"]
        assert self.report(event, "28-Mar-2026 14:00", doctor).reported_at == event.aware_at

    def test_it_is_not_made_before_the_site_knew_that_the_event_is_serious(self, patient, doctor):
        """CLK-04."""
        answers = {**serious_answers(), "serious_aware": moment("29-Mar-2026 10:00")}
        event = report_event(patient=patient, by=doctor, **answers)
        assert refused(self.report, event, "29-Mar-2026 09:59", doctor) == {
            "at": ["This is before the site knew that the event is serious."]
        }
        assert self.report(event, "29-Mar-2026 10:00", doctor).reported_at == event.serious_aware_at

    def test_it_may_be_made_this_minute_and_not_in_the_next(self, event, doctor):
        assert refused(self.report, event, "30-Mar-2026 12:01", doctor, "Late") == {
            "at": ["This time has not come yet. Check the date."]
        }
        assert self.report(event, "30-Mar-2026 12:00", doctor, "Late").reported_at == NOW

    def test_the_events_that_wait_are_serious_standing_and_not_reported(
        self, trial, patient, neighbour, event, doctor
    ):
        mild = report_event(patient=patient, by=doctor, **event_answers(term="Cough"))
        done = report_event(patient=neighbour, by=doctor, **serious_answers())
        self.report(done, "28-Mar-2026 15:00", doctor)
        wrong = report_event(patient=neighbour, by=doctor, **serious_answers(term="Sepsis"))
        mark_entered_in_error(event=wrong, reason="Another patient", version=1, by=doctor)

        assert list(AdverseEvent.objects.awaiting_report()) == [event]
        assert set(AdverseEvent.objects.not_in_error()) == {event, mild, done}

    def test_the_filters_of_the_clock(self, trial, patient, neighbour, event, doctor):
        """SAF-14."""
        open_one = report_event(
            patient=neighbour, by=doctor, **{**serious_answers(), "aware": moment("30-Mar-2026 10:00")}
        )
        done = report_event(patient=neighbour, by=doctor, **serious_answers(term="Sepsis"))
        self.report(done, "28-Mar-2026 15:00", doctor)
        report_event(patient=patient, by=doctor, **event_answers(term="Cough"))

        def found(**query):
            return set(AdverseEventFilter(query, AdverseEvent.objects.all(), trial=trial).qs)

        assert found(clock="open") == {event, open_one}
        assert found(clock="overdue") == {event}
        assert found(clock="reported") == {done}
        assert found(patient=neighbour.code) == {open_one, done}
        assert found(patient=neighbour.code.lower()[-3:]) == {open_one, done}
        assert found(serious="yes") == {event, open_one, done}
        assert found(serious="no") == set(AdverseEvent.objects.all()) - {event, open_one, done}


class TestInError:
    def test_the_event_of_another_patient_stays(self, patient, neighbour, doctor):
        """SAF-09."""
        wrong, right = (
            report_event(patient=each, by=doctor, **event_answers()) for each in (patient, neighbour)
        )
        mark_entered_in_error(event=wrong, reason=" Another patient ", version=1, by=doctor)
        assert AdverseEvent.objects.get(pk=wrong.pk).in_error_reason == "Another patient"
        assert list(AdverseEvent.objects.not_in_error()) == [right]


class TestAfterTheLock:
    """SAF-11."""

    def test_the_event_of_a_locked_patient_is_not_amended(self, patient, doctor):
        event = report_event(patient=patient, by=doctor, **event_answers())
        Patient.objects.filter(pk=patient.pk).update(locked_at=NOW)
        locked = {"": [f"{patient.code} is locked: nothing can be changed."]}
        assert refused(amend_event_as, event, doctor, grade=3) == locked

    def test_without_the_criteria_a_report_asks_for_them(self, patient, doctor):
        Patient.objects.filter(pk=patient.pk).update(locked_at=NOW)
        locked = Patient.objects.get(pk=patient.pk)
        answers = serious_answers()
        del answers["seriousness"]
        told = refused(report_event, patient=locked, by=doctor, after_lock_reason="Told today", **answers)
        assert list(told) == ["seriousness"]


def test_a_frozen_patient_still_gets_events(trial, patient, manager, doctor):
    """A freeze stops forms, not safety."""
    with acting(user=manager, role="data_manager"):
        freeze(target=patient, reason="Interim", by=manager)
    assert report_event(patient=patient, by=doctor, **event_answers()).number == 1
