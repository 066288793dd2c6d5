"""A serious event reported after its deadline is a deviation, with the reason typed there."""

import pytest

from patients.models import Deviation, Patient
from safety.reporting import mark_entered_in_error, report_event, report_to_sponsor
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
