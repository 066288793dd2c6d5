"""The 24-hour clock of a serious event: what starts, moves and stops it."""

from datetime import UTC, datetime

import pytest

from safety.models import AdverseEvent
from safety.reporting import amend_event, report_event, report_to_sponsor
from safety.reporting_clocks.clocks import Stage
from tests.support.build import moment
from tests.support.study.refusals import refused
from tests.support.study.reported_events import (
    IN_HOSPITAL,
    NOT_SERIOUS,
    amend_event_as,
    consented_patient,
    event_answers,
    serious_answers,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "doctor_acts")]


@pytest.fixture
def patient(trial, known_day):
    return consented_patient(trial)


class TestClock:
    def test_the_24_hours_run_over_the_change_of_the_clocks(self, patient, doctor):
        """TIM: aware on 28 March 2026 at 14:00 in Brussels, due on the 29th at 15:00."""
        event = report_event(patient=patient, by=doctor, **serious_answers())

        assert event.due_at == datetime(2026, 3, 29, 13, 0, tzinfo=UTC)
        assert event.clock(datetime(2026, 3, 29, 12, 59, tzinfo=UTC)).stage is Stage.CLOSE
        assert event.clock(datetime(2026, 3, 29, 13, 1, tzinfo=UTC)).stage is Stage.OVERDUE

    def test_a_serious_event_needs_the_minute_at_which_the_site_knew(self, patient, doctor):
        """CLK-01."""
        without, by_day = serious_answers(), serious_answers()
        del without["aware"]
        by_day["aware"] = moment("28-Mar-2026")

        assert "aware" in refused(report_event, patient=patient, by=doctor, **without)
        assert "the time" in refused(report_event, patient=patient, by=doctor, **by_day)["aware"][0]

    def test_nobody_knows_of_an_event_before_its_onset(self, patient, doctor):
        answers = {**serious_answers(), "aware": moment("12-Mar-2026 18:00")}
        assert "before its onset" in refused(report_event, patient=patient, by=doctor, **answers)["aware"][0]

    def test_an_event_that_is_not_serious_has_no_clock(self, patient, doctor):
        event = report_event(patient=patient, by=doctor, **event_answers(aware=moment("13-Mar-2026 08:00")))

        assert event.due_at is None
        assert event.clock() is None
        assert not AdverseEvent.objects.awaiting_report().exists()

    def test_an_event_that_becomes_serious_starts_a_clock_and_keeps_when_the_site_first_knew(
        self, patient, doctor
    ):
        """CLK-04: the clock starts at the awareness of seriousness; both times are kept."""
        event = report_event(patient=patient, by=doctor, **event_answers(aware=moment("13-Mar-2026 08:00")))
        event = amend_event_as(
            event, doctor, seriousness=IN_HOSPITAL, serious_aware=moment("29-Mar-2026 20:00")
        )

        assert event.aware == "2026-03-13T08:00+01:00[Europe/Brussels]"
        assert event.serious_aware == "2026-03-29T20:00+02:00[Europe/Brussels]"
        assert event.due_at == datetime(2026, 3, 30, 18, 0, tzinfo=UTC)

    def test_an_upgrade_needs_the_time_at_which_it_became_known(self, patient, doctor):
        """CLK-04."""
        event = report_event(patient=patient, by=doctor, **event_answers(aware=moment("13-Mar-2026 08:00")))
        answer = refused(
            amend_event,
            event=event,
            changes={"seriousness": IN_HOSPITAL},
            reason="Admitted",
            version=1,
            by=doctor,
        )
        assert list(answer) == ["serious_aware"]

    def test_seriousness_is_not_known_before_the_event_is(self, patient, doctor):
        answers = {**serious_answers(), "serious_aware": moment("28-Mar-2026 13:59")}
        assert "serious_aware" in refused(report_event, patient=patient, by=doctor, **answers)

    def test_a_second_upgrade_asks_for_a_new_report(self, patient, doctor):
        """CLK-04: the earlier clock and report stay in the trail."""
        event = report_event(patient=patient, by=doctor, **serious_answers())
        event = report_to_sponsor(event=event, at=moment("28-Mar-2026 20:00"), version=1, by=doctor)
        event = amend_event_as(event, doctor, seriousness=NOT_SERIOUS)
        assert event.due_at is None
        event = amend_event_as(
            event, doctor, seriousness=IN_HOSPITAL, serious_aware=moment("30-Mar-2026 11:00")
        )

        assert event.reported_at is None
        assert event.clock().open
        assert event.history.filter(reported_at__isnull=False).exists()

    def test_a_changed_awareness_moves_the_deadline_and_the_trail_keeps_the_old_one(self, patient, doctor):
        """CLK-02, CLK-06: the clock is that of the site's awareness, as it was entered."""
        event = report_event(patient=patient, by=doctor, **serious_answers())
        event = amend_event_as(
            event, doctor, reason="Read from the ward's note", aware=moment("28-Mar-2026 09:00")
        )

        dues = [row.due_at for row in event.history.order_by("history_id")]
        assert dues == [datetime(2026, 3, 29, 13, 0, tzinfo=UTC), datetime(2026, 3, 29, 8, 0, tzinfo=UTC)]


class TestReportToTheSponsor:
    def test_the_report_stops_the_clock_with_its_time(self, patient, doctor):
        event = report_event(patient=patient, by=doctor, **serious_answers())
        event = report_to_sponsor(event=event, at=moment("29-Mar-2026 14:59"), version=1, by=doctor)

        assert event.clock().stage is Stage.IN_TIME
        assert event.late_reason == ""
        assert not AdverseEvent.objects.awaiting_report().exists()

    def test_a_late_report_needs_its_reason(self, patient, doctor):
        """CLK-05."""
        event = report_event(patient=patient, by=doctor, **serious_answers())
        late = {"event": event, "at": moment("29-Mar-2026 15:01"), "version": 1, "by": doctor}

        assert "late_reason" in refused(report_to_sponsor, **late)
        event = report_to_sponsor(**late, late_reason="Found on the ward round")
        assert event.clock().stage is Stage.LATE
        assert event.clock().span.minutes == 1

    def test_a_reason_is_kept_only_when_the_report_was_late(self, patient, doctor):
        event = report_event(patient=patient, by=doctor, **serious_answers())
        event = report_to_sponsor(
            event=event, at=moment("28-Mar-2026 16:00"), version=1, by=doctor, late_reason="none"
        )
        assert event.late_reason == ""

    @pytest.mark.parametrize("at", ["28-Mar-2026 13:59", "30-Mar-2026 12:01", "29-Mar-2026"])
    def test_the_report_is_after_awareness_in_the_past_and_to_the_minute(self, patient, doctor, at):
        event = report_event(patient=patient, by=doctor, **serious_answers())
        assert "at" in refused(report_to_sponsor, event=event, at=moment(at), version=1, by=doctor)

    def test_nothing_is_owed_twice_or_for_an_event_that_is_not_serious(self, patient, doctor):
        mild = report_event(patient=patient, by=doctor, **event_answers())
        told_already = report_event(patient=patient, by=doctor, **serious_answers(term="Sepsis"))
        at = moment("28-Mar-2026 16:00")
        told_already = report_to_sponsor(event=told_already, at=at, version=1, by=doctor)

        assert "not serious" in refused(report_to_sponsor, event=mild, at=at, version=1, by=doctor)[""][0]
        again = refused(report_to_sponsor, event=told_already, at=at, version=2, by=doctor)
        assert "already" in again[""][0]

    def test_an_earlier_awareness_can_make_a_report_late_and_then_asks_why(self, patient, doctor):
        """CLK-05, CLK-06."""
        event = report_event(patient=patient, by=doctor, **serious_answers())
        event = report_to_sponsor(event=event, at=moment("29-Mar-2026 14:00"), version=1, by=doctor)
        earlier = {"aware": moment("28-Mar-2026 09:00")}
        answer = refused(
            amend_event, event=event, changes=earlier, reason="Ward's note", version=2, by=doctor
        )

        assert list(answer) == ["late_reason"]
        event = amend_event_as(event, doctor, **earlier, late_reason="The ward did not call")
        assert event.clock().stage is Stage.LATE
