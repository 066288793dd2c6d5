"""The times of infusions: start and end, their order, the days between them."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from patients.models import Patient
from tests.support import build
from tests.support.bedside import FIRST, INCLUDED, SECOND, THIRD, give, on, stored
from tests.support.build import moment
from tests.support.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "nurse_acts")]


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


class TestTimes:
    @pytest.mark.parametrize("end", ["10-Mar-2026 10:00", "10-Mar-2026 09:59"])
    def test_the_end_comes_after_the_start(self, patient, nurse, end):
        """DAT-08."""
        told = refused(give, patient, FIRST, on("10-Mar-2026", ended=moment(end)), nurse)
        assert told == {"ended": ["The end must be after the start (10-Mar-2026 10:00)."]}

    def test_an_infusion_across_the_hour_that_repeats_is_measured_in_elapsed_time(self, trial, nurse):
        """TIM: 02:30 summer time comes before 02:10 winter time."""
        with time_machine.travel(datetime(2026, 10, 27, tzinfo=UTC), tick=False):
            patient = build.enrolled(trial=trial, on=date(2026, 10, 25))
            told = on(
                "25-Oct-2026",
                weight_measured=moment("25-Oct-2026 01:00"),
                started=moment("25-Oct-2026 02:30 +02:00"),
                ended=moment("25-Oct-2026 02:10 +01:00"),
            )
            row = give(patient, FIRST, told, nurse)
        assert row.ended_at - row.started_at == timedelta(minutes=40)

    def test_nothing_ends_in_the_future(self, patient, nurse):
        facts = on("30-Mar-2026", started=moment("30-Mar-2026 11:30"), ended=moment("30-Mar-2026 12:01"))
        told = refused(give, patient, FIRST, {**facts, "timing_deviation_reason": "late"}, nurse)
        assert told == {"ended": ["This time has not come yet. Check the date."]}

    def test_a_second_infusion_before_the_first_is_refused(self, patient, nurse):
        told = refused(give, patient, SECOND, on("13-Mar-2026"), nurse)
        assert told == {"": ["Infusion 1 is still planned: record it first."]}

    def test_a_second_infusion_during_the_first_is_refused(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        told = refused(give, patient, SECOND, on("10-Mar-2026", timing_deviation_reason="?"), nurse)
        assert "Infusion 1 was given from 10-Mar-2026 10:00 to 10-Mar-2026 11:00" in told["started"][0]

    def test_the_first_infusion_is_not_moved_behind_the_second(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        give(patient, SECOND, on("13-Mar-2026"), nurse)
        facts = on("14-Mar-2026", timing_deviation_reason="late")
        told = refused(give, patient, FIRST, facts, nurse, reason="wrong day")
        assert "Infusion 2 was given" in told["ended"][0]


class TestDaysBetween:
    """CEL-11: three to four days apart; any other interval is a deviation with its reason."""

    @pytest.mark.parametrize(("day", "fits"), [(12, False), (13, True), (14, True), (15, False)])
    def test_the_interval_counts_calendar_days_from_what_was_given(self, patient, nurse, day, fits):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        facts = on(f"{day}-Mar-2026")
        if fits:
            assert give(patient, SECOND, facts, nurse).timing_deviation_reason == ""
            return
        told = refused(give, patient, SECOND, facts, nurse)
        assert told == {
            "timing_deviation_reason": [
                (
                    f"The protocol allows 13-Mar-2026 to 14-Mar-2026. Say why it was given on {day}-Mar-2026:"
                    " this is a deviation."
                )
            ]
        }
        given = give(patient, SECOND, {**facts, "timing_deviation_reason": "No cells"}, nurse)
        assert given.timing_deviation_reason == "No cells"

    @pytest.mark.parametrize(("day", "fits"), [(10, True), (12, True), (13, False)])
    def test_the_first_infusion_follows_inclusion_within_the_days_of_the_protocol(
        self, patient, nurse, day, fits
    ):
        if fits:
            assert give(patient, FIRST, on(f"{day}-Mar-2026"), nurse).state == "given"
        else:
            told = refused(give, patient, FIRST, on(f"{day}-Mar-2026"), nurse)
            assert list(told) == ["timing_deviation_reason"]

    def test_a_blank_reason_is_no_reason(self, patient, nurse):
        facts = on("20-Mar-2026", timing_deviation_reason="  \n ")
        assert list(refused(give, patient, FIRST, facts, nurse)) == ["timing_deviation_reason"]

    def test_the_clocks_changing_does_not_change_the_days(self, trial, nurse):
        """TIM: 28 to 31 March is three days although it is 71 hours."""
        with time_machine.travel(datetime(2026, 4, 2, tzinfo=UTC), tick=False):
            patient = build.enrolled(trial=trial, on=date(2026, 3, 28))
            give(patient, FIRST, on("28-Mar-2026"), nurse)
            early = on("31-Mar-2026", started=moment("31-Mar-2026 08:30"), ended=moment("31-Mar-2026 09:00"))
            assert give(patient, SECOND, early, nurse).timing_deviation_reason == ""

    def test_what_follows_is_planned_from_what_was_given(self, patient, nurse):
        before = [stored(patient, number).planned_on for number in (FIRST, SECOND, THIRD)]
        give(patient, FIRST, on("12-Mar-2026"), nurse)
        after = [stored(patient, number) for number in (SECOND, THIRD)]

        assert before == [date(2026, 3, 10), date(2026, 3, 13), date(2026, 3, 16)]
        assert [(row.window_from, row.window_to) for row in after] == [
            (date(2026, 3, 15), date(2026, 3, 16)),
            (date(2026, 3, 18), date(2026, 3, 20)),
        ]

    def test_moving_an_infusion_asks_for_the_reason_of_the_one_that_no_longer_fits(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        give(patient, SECOND, on("13-Mar-2026"), nurse)
        told = refused(give, patient, FIRST, on("11-Mar-2026"), nurse, reason="wrong day")
        assert told == {
            "started": [
                "Infusion 2, on 13-Mar-2026, would be outside 14-Mar-2026 to 15-Mar-2026: give its reason first."
            ]
        }
        give(
            patient,
            SECOND,
            on("13-Mar-2026", timing_deviation_reason="early"),
            nurse,
            reason="explained",
        )
        assert give(patient, FIRST, on("11-Mar-2026"), nurse, reason="wrong day").state == "given"
        assert Patient.objects.get(pk=patient.pk).first_infusion_on == date(2026, 3, 11)
        assert stored(patient, FIRST).visit.held_on == date(2026, 3, 11)
