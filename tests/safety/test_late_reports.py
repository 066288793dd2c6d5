"""A serious event reported after its deadline is a deviation, with the reason typed there."""

import pytest
from time_machine import travel

from audit.context import acting
from audit.trail import history_model
from operation import due_work
from operation.due import registered
from patients.models import Deviation, Patient
from patients.participation.deviation_log.deviation_decisions import strike_out_deviation
from safety.late_reports import note_overdue_reports
from safety.reporting import mark_entered_in_error, report_event, report_to_sponsor
from tests.support import build
from tests.support.build import moment
from tests.support.study.bedside import NOW
from tests.support.study.reported_events import amend_event_as, consented_patient, serious_answers

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("known_day", "doctor_acts"),
    pytest.mark.one_engine,
]


@pytest.fixture
def patient(trial, known_day) -> Patient:
    return consented_patient(trial)


@pytest.fixture
def event(patient, doctor):
    """Due on 29 March 2026 at 15:00, as the clocks change."""
    return report_event(patient=patient, by=doctor, **serious_answers())


def reported(event, by, at: str, late_reason: str = ""):
    given = {"event": event, "at": moment(at), "by": by, "version": event.version}
    return report_to_sponsor(**given, late_reason=late_reason)


def log() -> list[tuple[str, str, str, bool]]:
    rows = Deviation.objects.order_by("number")
    return [(row.category, row.place_key, str(row.description), row.struck_out) for row in rows]


def test_a_report_at_the_deadline_is_none(event, doctor):
    """CLK-05."""
    reported(event, doctor, "29-Mar-2026 15:00")
    assert log() == []


def test_a_report_a_minute_late_is_one_with_its_reason(event, doctor):
    reported(event, doctor, "29-Mar-2026 15:01", "Nobody on duty")
    assert log() == [("safety_report", "1", "Nobody on duty", False)]
    row = Deviation.objects.get()
    assert (row.place, row.occurred_on) == ("adverse_event", "2026-03-29")


def test_an_amended_reason_changes_its_text(event, doctor):
    late = reported(event, doctor, "29-Mar-2026 15:01", "Nobody on duty")
    amend_event_as(late, doctor, late_reason="The line was down")
    assert [row[2] for row in log()] == ["The line was down"]


def test_a_clock_that_starts_later_takes_it_back(event, doctor):
    """The report was in time for the hour at which the site really knew."""
    late = reported(event, doctor, "29-Mar-2026 15:01", "Nobody on duty")
    amend_event_as(late, doctor, aware=moment("28-Mar-2026 14:01"))
    assert [row[3] for row in log()] == [True]


def test_an_event_entered_in_error_takes_it_back(event, doctor):
    late = reported(event, doctor, "29-Mar-2026 15:01", "Nobody on duty")
    mark_entered_in_error(event=late, reason="Other patient", version=late.version, by=doctor)
    assert [row[3] for row in log()] == [True]


def test_one_of_an_event_after_the_lock_carries_its_reason(patient, doctor):
    """SAF-11: the deviation may be opened and decided on although the patient is locked."""
    Patient.objects.filter(pk=patient.pk).update(locked_at=NOW)
    event = report_event(
        patient=patient, by=doctor, after_lock_reason="The ward told us", **serious_answers()
    )
    reported(event, doctor, "29-Mar-2026 16:00", "Told late")
    assert Deviation.objects.get().after_lock_reason == "The ward told us"


class TestNeverReported:
    """The deadline passes without a report: the deviation is opened by the work that `manage.py due` starts."""

    def run(self, clock: str) -> str:
        with travel(f"2026-03-29T{clock}:00+00:00", tick=False):
            return due_work.event_reports()

    def test_nothing_is_opened_up_to_the_deadline(self, event):
        """CLK-05: it is 15:00 at the site."""
        assert self.run("13:00") == "0 deviations opened for events that were not reported in time"
        assert log() == []

    def test_it_is_opened_when_the_deadline_passes_and_once(self, event):
        assert self.run("13:01") == "1 deviations opened for events that were not reported in time"
        assert self.run("13:11") == "0 deviations opened for events that were not reported in time"
        sentence = "The event was not reported to the sponsor by 29-Mar-2026, 15:00."
        assert log() == [("safety_report", "1", sentence, False)]
        row = Deviation.objects.get()
        assert (row.occurred_on, row.recorded_by, row.version) == ("2026-03-29", None, 1)
        last = history_model(Deviation).objects.get()
        assert (last.history_user_name, last.history_type) == ("system:deviations", "+")

    def test_a_late_report_gives_the_same_deviation_its_reason(self, event, doctor):
        self.run("13:30")
        reported(event, doctor, "29-Mar-2026 16:00", "Nobody on duty")
        assert log() == [("safety_report", "1", "Nobody on duty", False)]
        self.run("15:00")
        assert len(log()) == 1

    def test_a_report_in_time_that_is_entered_late_takes_it_back(self, event, doctor):
        self.run("13:30")
        reported(event, doctor, "29-Mar-2026 14:59")
        assert [row[3] for row in log()] == [True]

    def test_an_amendment_of_an_overdue_event_keeps_it(self, event, doctor):
        self.run("13:30")
        with travel("2026-03-29T13:40:00+00:00", tick=False):
            amend_event_as(event, doctor, term="Fever of unknown origin")
        assert [row[3] for row in log()] == [False]

    def test_one_that_a_person_struck_out_is_not_opened_again(self, event, doctor):
        self.run("13:30")
        row = Deviation.objects.get()
        strike_out_deviation(deviation=row, reason="Reported by telephone", version=row.version, by=doctor)
        self.run("14:30")
        assert [row[3] for row in log()] == [True]

    def test_an_event_entered_in_error_or_without_a_clock_opens_none(self, patient, event, doctor):
        mark_entered_in_error(event=event, reason="Other patient", version=event.version, by=doctor)
        build.event(patient=patient)
        self.run("13:30")
        assert log() == []

    def test_a_locked_patient_is_left_alone(self, patient, event):
        Patient.objects.filter(pk=patient.pk).update(locked_at=NOW)
        self.run("13:30")
        assert log() == []

    def test_one_of_an_event_after_the_lock_is_opened(self, patient, doctor):
        """SAF-11."""
        Patient.objects.filter(pk=patient.pk).update(locked_at=NOW)
        report_event(patient=patient, by=doctor, after_lock_reason="Told late", **serious_answers())
        self.run("13:30")
        assert Deviation.objects.get().after_lock_reason == "Told late"

    def test_without_work_it_costs_one_query(self, event, django_assert_num_queries):
        self.run("13:30")
        with acting(system="deviations"), django_assert_num_queries(1):
            assert note_overdue_reports() == 0

    def test_it_is_among_the_work_that_is_started(self):
        assert "operation.due_work.event_reports" in {work.function for work in registered()}
