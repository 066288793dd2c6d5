"""The 24-hour clock of a serious event: what starts it, what moves it, what stops it."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError

from audit.context import acting
from safety.clocks import Stage
from safety.models import AdverseEvent
from safety.reporting import (
    amend_event,
    report_event,
    report_to_sponsor,
)
from tests import build
from tests.build import moment

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
NOT_SERIOUS = frozenset({"none_of_these"})
IN_HOSPITAL = frozenset({"hospitalisation"})


@pytest.fixture(autouse=True)
def _on_a_known_day():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def trial():
    return build.trial()


@pytest.fixture
def patient(trial):
    patient = build.patient(trial=trial, screened_on=NOW.date() - timedelta(days=20))
    build.consent(patient, given=moment("10-Mar-2026 09:00"))
    return patient


@pytest.fixture
def investigator(trial):
    return build.user("investigator", trial=trial)


@pytest.fixture(autouse=True)
def _investigator_acts(investigator):
    with acting(user=investigator, role="investigator", origin="web"):
        yield


def told(**answers) -> dict:
    return {
        "term": "Fever",
        "onset": moment("12-Mar-2026 18:30"),
        "ongoing": "N",
        "end": moment("13-Mar-2026"),
        "grade": 2,
        "seriousness": NOT_SERIOUS,
        "causality": "possible",
        "outcome": "recovered",
        "action_taken": "none",
        "aesi": "none",
        **answers,
    }


def serious(**answers) -> dict:
    return told(seriousness=IN_HOSPITAL, aware=moment("28-Mar-2026 14:00"), **answers)


def refusal(verb, **arguments) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as refused:
        verb(**arguments)
    return (
        refused.value.message_dict if hasattr(refused.value, "error_dict") else {"": refused.value.messages}
    )


def amend(event, investigator, reason="New information", **changes):
    return amend_event(event=event, changes=changes, reason=reason, version=event.version, by=investigator)


class TestClock:
    def test_the_24_hours_run_over_the_change_of_the_clocks(self, patient, investigator):
        """TIM: aware on 28 March 2026 at 14:00 in Brussels, due on the 29th at 15:00."""
        event = report_event(patient=patient, by=investigator, **serious())

        assert event.due_at == datetime(2026, 3, 29, 13, 0, tzinfo=UTC)
        assert event.clock(datetime(2026, 3, 29, 12, 59, tzinfo=UTC)).stage is Stage.CLOSE
        assert event.clock(datetime(2026, 3, 29, 13, 1, tzinfo=UTC)).stage is Stage.OVERDUE

    def test_a_serious_event_needs_the_minute_at_which_the_site_knew(self, patient, investigator):
        """CLK-01."""
        without, by_day = serious(), serious()
        del without["aware"]
        by_day["aware"] = moment("28-Mar-2026")

        assert "aware" in refusal(report_event, patient=patient, by=investigator, **without)
        assert "the time" in refusal(report_event, patient=patient, by=investigator, **by_day)["aware"][0]

    def test_nobody_knows_of_an_event_before_its_onset(self, patient, investigator):
        answers = {**serious(), "aware": moment("12-Mar-2026 18:00")}
        assert (
            "before its onset"
            in refusal(report_event, patient=patient, by=investigator, **answers)["aware"][0]
        )

    def test_an_event_that_is_not_serious_has_no_clock(self, patient, investigator):
        event = report_event(patient=patient, by=investigator, **told(aware=moment("13-Mar-2026 08:00")))

        assert event.due_at is None
        assert event.clock() is None
        assert not AdverseEvent.objects.awaiting_report().exists()

    def test_an_event_that_becomes_serious_starts_a_clock_and_keeps_when_the_site_first_knew(
        self, patient, investigator
    ):
        """CLK-04: the clock starts from the awareness of seriousness; both times are kept."""
        event = report_event(patient=patient, by=investigator, **told(aware=moment("13-Mar-2026 08:00")))
        event = amend(event, investigator, seriousness=IN_HOSPITAL, serious_aware=moment("29-Mar-2026 20:00"))

        assert event.aware == "2026-03-13T08:00+01:00[Europe/Brussels]"
        assert event.serious_aware == "2026-03-29T20:00+02:00[Europe/Brussels]"
        assert event.due_at == datetime(2026, 3, 30, 18, 0, tzinfo=UTC)

    def test_an_upgrade_needs_the_time_at_which_it_became_known(self, patient, investigator):
        """CLK-04."""
        event = report_event(patient=patient, by=investigator, **told(aware=moment("13-Mar-2026 08:00")))
        refused = refusal(
            amend_event,
            event=event,
            changes={"seriousness": IN_HOSPITAL},
            reason="Admitted",
            version=1,
            by=investigator,
        )
        assert list(refused) == ["serious_aware"]

    def test_seriousness_is_not_known_before_the_event_is(self, patient, investigator):
        answers = {**serious(), "serious_aware": moment("28-Mar-2026 13:59")}
        assert "serious_aware" in refusal(report_event, patient=patient, by=investigator, **answers)

    def test_a_second_upgrade_asks_for_a_new_report(self, patient, investigator):
        """CLK-04: the old clock and its report stay in the trail."""
        event = report_event(patient=patient, by=investigator, **serious())
        event = report_to_sponsor(event=event, at=moment("28-Mar-2026 20:00"), version=1, by=investigator)
        event = amend(event, investigator, seriousness=NOT_SERIOUS)
        assert event.due_at is None
        event = amend(event, investigator, seriousness=IN_HOSPITAL, serious_aware=moment("30-Mar-2026 11:00"))

        assert event.reported_at is None
        assert event.clock().open
        assert event.history.filter(reported_at__isnull=False).exists()

    def test_a_changed_awareness_moves_the_deadline_and_the_trail_keeps_the_old_one(
        self, patient, investigator
    ):
        """CLK-06."""
        event = report_event(patient=patient, by=investigator, **serious())
        event = amend(
            event, investigator, reason="Read from the ward's note", aware=moment("28-Mar-2026 09:00")
        )

        dues = [row.due_at for row in event.history.order_by("history_id")]
        assert dues == [datetime(2026, 3, 29, 13, 0, tzinfo=UTC), datetime(2026, 3, 29, 8, 0, tzinfo=UTC)]


class TestReportToTheSponsor:
    def test_the_report_stops_the_clock_with_its_time(self, patient, investigator):
        event = report_event(patient=patient, by=investigator, **serious())
        event = report_to_sponsor(event=event, at=moment("29-Mar-2026 14:59"), version=1, by=investigator)

        assert event.clock().stage is Stage.IN_TIME
        assert event.late_reason == ""
        assert not AdverseEvent.objects.awaiting_report().exists()

    def test_a_late_report_needs_its_reason(self, patient, investigator):
        """CLK-05."""
        event = report_event(patient=patient, by=investigator, **serious())
        late = {"event": event, "at": moment("29-Mar-2026 15:01"), "version": 1, "by": investigator}

        assert "late_reason" in refusal(report_to_sponsor, **late)
        event = report_to_sponsor(**late, late_reason="Found on the ward round")
        assert event.clock().stage is Stage.LATE
        assert event.clock().span.minutes == 1

    def test_a_reason_is_kept_only_when_the_report_was_late(self, patient, investigator):
        event = report_event(patient=patient, by=investigator, **serious())
        event = report_to_sponsor(
            event=event, at=moment("28-Mar-2026 16:00"), version=1, by=investigator, late_reason="none"
        )
        assert event.late_reason == ""

    @pytest.mark.parametrize("at", ["28-Mar-2026 13:59", "30-Mar-2026 12:01", "29-Mar-2026"])
    def test_the_report_is_after_awareness_in_the_past_and_to_the_minute(self, patient, investigator, at):
        event = report_event(patient=patient, by=investigator, **serious())
        assert "at" in refusal(report_to_sponsor, event=event, at=moment(at), version=1, by=investigator)

    def test_nothing_is_owed_twice_or_for_an_event_that_is_not_serious(self, patient, investigator):
        mild = report_event(patient=patient, by=investigator, **told())
        told_already = report_event(patient=patient, by=investigator, **serious())
        at = moment("28-Mar-2026 16:00")
        told_already = report_to_sponsor(event=told_already, at=at, version=1, by=investigator)

        assert (
            "not serious" in refusal(report_to_sponsor, event=mild, at=at, version=1, by=investigator)[""][0]
        )
        again = refusal(report_to_sponsor, event=told_already, at=at, version=2, by=investigator)
        assert "already" in again[""][0]

    def test_an_earlier_awareness_can_make_a_report_late_and_then_asks_why(self, patient, investigator):
        """CLK-05, CLK-06."""
        event = report_event(patient=patient, by=investigator, **serious())
        event = report_to_sponsor(event=event, at=moment("29-Mar-2026 14:00"), version=1, by=investigator)
        earlier = {"aware": moment("28-Mar-2026 09:00")}
        refused = refusal(
            amend_event, event=event, changes=earlier, reason="Ward's note", version=2, by=investigator
        )

        assert list(refused) == ["late_reason"]
        event = amend(event, investigator, **earlier, late_reason="The ward did not call")
        assert event.clock().stage is Stage.LATE
