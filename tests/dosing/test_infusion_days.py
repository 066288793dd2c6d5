"""The times of infusions: start and end, their order, the days between them."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from audit.context import acting
from dosing.infusions.administration import mark_not_given
from dosing.models import Infusion
from patients.models import Patient
from patients.review import locks
from tests.support import build
from tests.support.build import moment
from tests.support.pages import infusions
from tests.support.study.bedside import FIRST, INCLUDED, SECOND, THIRD, give, on, stored
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "nurse_acts")]


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


class TestTimes:
    @pytest.mark.parametrize("end", ["10-Mar-2026 10:00", "10-Mar-2026 09:59"])
    def test_the_end_comes_after_the_start(self, patient, nurse, end):
        """CEL-12, DAT-08."""
        messages = refused(give, patient, FIRST, on("10-Mar-2026", ended=moment(end)), nurse)
        assert messages == {"ended": ["The end must be after the start (10-Mar-2026 10:00)."]}

    def test_an_infusion_across_the_hour_that_repeats_is_measured_in_elapsed_time(self, trial, nurse):
        """TIM: 02:30 summer time comes before 02:10 winter time."""
        with time_machine.travel(datetime(2026, 10, 27, tzinfo=UTC), tick=False):
            patient = build.enrolled(trial=trial, on=date(2026, 10, 25))
            result = on(
                "25-Oct-2026",
                weight_measured=moment("25-Oct-2026 01:00"),
                started=moment("25-Oct-2026 02:30 +02:00"),
                ended=moment("25-Oct-2026 02:10 +01:00"),
            )
            row = give(patient, FIRST, result, nurse)
        assert row.ended_at - row.started_at == timedelta(minutes=40)

    def test_nothing_ends_in_the_future(self, patient, nurse):
        facts = on("30-Mar-2026", started=moment("30-Mar-2026 11:30"), ended=moment("30-Mar-2026 12:01"))
        messages = refused(give, patient, FIRST, {**facts, "timing_deviation_reason": "late"}, nurse)
        assert messages == {"ended": ["This time has not come yet. Check the date."]}

    def test_a_second_infusion_before_the_first_is_refused(self, patient, nurse):
        messages = refused(give, patient, SECOND, on("13-Mar-2026"), nurse)
        assert messages == {"": ["Infusion 1 is still planned: record it first."]}

    def test_of_two_infusions_that_are_still_planned_the_first_is_named(self, patient, nurse):
        messages = refused(give, patient, THIRD, on("16-Mar-2026"), nurse)
        assert messages == {"": ["Infusion 1 is still planned: record it first."]}

    def test_a_second_infusion_during_the_first_is_refused(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        messages = refused(give, patient, SECOND, on("10-Mar-2026", timing_deviation_reason="?"), nurse)
        assert "Infusion 1 was given from 10-Mar-2026 10:00 to 10-Mar-2026 11:00" in messages["started"][0]

    def test_an_infusion_may_begin_in_the_minute_in_which_the_one_before_it_ended(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        at_once = on(
            "10-Mar-2026",
            started=moment("10-Mar-2026 11:00"),
            ended=moment("10-Mar-2026 12:00"),
            timing_deviation_reason="Same day",
        )
        assert give(patient, SECOND, at_once, nurse).state == "given"
        slower = on("10-Mar-2026", started=moment("10-Mar-2026 09:00"))
        assert give(patient, FIRST, slower, nurse, reason="read again").started == slower["started"].iso

    def test_the_first_infusion_is_not_moved_behind_the_second(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        give(patient, SECOND, on("13-Mar-2026"), nurse)
        facts = on("14-Mar-2026", timing_deviation_reason="late")
        messages = refused(give, patient, FIRST, facts, nurse, reason="wrong day")
        assert "Infusion 2 was given" in messages["ended"][0]


class TestDaysBetween:
    """CEL-11: three to four days apart; any other interval is a deviation with its reason."""

    @pytest.mark.parametrize(("day", "fits"), [(12, False), (13, True), (14, True), (15, False)])
    def test_the_interval_counts_calendar_days_from_what_was_given(self, patient, nurse, day, fits):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        facts = on(f"{day}-Mar-2026")
        if fits:
            assert give(patient, SECOND, facts, nurse).timing_deviation_reason == ""
            return
        messages = refused(give, patient, SECOND, facts, nurse)
        assert messages == {
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
            messages = refused(give, patient, FIRST, on(f"{day}-Mar-2026"), nurse)
            assert list(messages) == ["timing_deviation_reason"]

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
        messages = refused(give, patient, FIRST, on("11-Mar-2026"), nurse, reason="wrong day")
        assert messages == {
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


def skip(patient: Patient, number: int, by) -> Infusion:
    row = stored(patient, number)
    return mark_not_given(infusion=row, reason="No cells", version=row.version, by=by)


def days_of(patient: Patient, number: int) -> tuple[date, date]:
    row = stored(patient, number)
    return row.window_from, row.window_to


class TestEveryLaterInfusion:
    """CEL-11: an infusion is counted from the one before, also across one that was not given."""

    @pytest.fixture
    def across(self, patient, nurse):
        """Infusion 1 given on the 10th, 2 not given, 3 given on the first day allowed for it, the 16th."""
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        skip(patient, SECOND, nurse)
        give(patient, THIRD, on("16-Mar-2026"), nurse)
        return patient

    def test_moving_the_first_asks_for_the_reason_of_the_third_if_the_second_was_not_given(
        self, across, nurse
    ):
        told = refused(give, across, FIRST, on("12-Mar-2026"), nurse, reason="wrong day")
        assert told == {
            "started": [
                "Infusion 3, on 16-Mar-2026, would be outside 18-Mar-2026 to 20-Mar-2026: give its reason first."
            ]
        }
        assert days_of(across, THIRD) == (date(2026, 3, 16), date(2026, 3, 18))

    def test_with_its_reason_the_first_is_moved_and_the_days_of_the_others_are_stored_anew(
        self, across, nurse
    ):
        early = on("16-Mar-2026", timing_deviation_reason="Last bag")
        give(across, THIRD, early, nurse, reason="explained")
        give(across, FIRST, on("12-Mar-2026"), nurse, reason="wrong day")

        assert days_of(across, SECOND) == (date(2026, 3, 15), date(2026, 3, 16))
        assert days_of(across, THIRD) == (date(2026, 3, 18), date(2026, 3, 20))
        last = stored(across, THIRD).history.latest("history_id")
        assert last.history_user_name == f"system:schedule for {nurse.username}"

    def test_a_move_that_leaves_the_third_within_its_days_needs_no_reason(self, across, nurse):
        facts = on("16-Mar-2026", started=moment("16-Mar-2026 07:00"), ended=moment("16-Mar-2026 08:30"))
        give(across, THIRD, {**facts, "weight_measured": moment("16-Mar-2026 06:30")}, nurse, reason="hour")
        assert stored(across, THIRD).timing_deviation_reason == ""

    def test_a_change_that_leaves_the_second_on_its_last_day_needs_no_reason(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        give(patient, SECOND, on("14-Mar-2026"), nurse)
        longer = on("10-Mar-2026", ended=moment("10-Mar-2026 11:30"))
        assert give(patient, FIRST, longer, nurse, reason="read again").ended == longer["ended"].iso
        assert stored(patient, SECOND).timing_deviation_reason == ""

    def test_what_is_given_after_all_between_two_others_is_checked_against_the_later_one(self, across, nurse):
        """The third is then counted from the second: on the 14th it would be due on the 17th or 18th."""
        told = refused(give, across, SECOND, on("14-Mar-2026"), nurse, reason="given after all")
        assert "Infusion 3, on 16-Mar-2026, would be outside 17-Mar-2026 to 18-Mar-2026" in told["started"][0]
        assert give(across, SECOND, on("13-Mar-2026"), nurse, reason="given after all").state == "given"
        assert days_of(across, THIRD) == (date(2026, 3, 16), date(2026, 3, 17))

    def test_the_second_alone_is_named_if_the_third_is_counted_from_it(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        give(patient, SECOND, on("13-Mar-2026"), nurse)
        give(patient, THIRD, on("16-Mar-2026"), nurse)
        told = refused(give, patient, FIRST, on("12-Mar-2026"), nurse, reason="wrong day")
        assert [line.count("would be outside") for line in told["started"]] == [1]

    def test_days_of_an_infusion_whose_visit_is_locked_do_not_change(self, across, nurse, manager):
        early = on("16-Mar-2026", timing_deviation_reason="Last bag")
        give(across, THIRD, early, nurse, reason="explained")
        visit = stored(across, THIRD).visit
        with acting(user=manager, role="data_manager"):
            locks.freeze(target=visit, reason="Interim analysis", by=manager)
        told = refused(give, across, FIRST, on("12-Mar-2026"), nurse, reason="wrong day")
        assert told == {"": [f"{visit.key} is frozen: nothing is entered until it is released."]}
        assert days_of(across, THIRD) == (date(2026, 3, 16), date(2026, 3, 18))

    def test_the_page_says_which_infusion_needs_a_reason(self, across, ward):
        row = stored(across, FIRST)
        typed = infusions.bedside(
            "12-Mar-2026", reason="other", reason_text="wrong day", version=str(row.version)
        )
        answer = ward.post(infusions.page(across), typed)
        assert "Infusion 3, on 16-Mar-2026" in infusions.errors_of(answer)["started"]


def shifted(days: tuple[date, date], by: tuple[int, int]) -> tuple[date, date]:
    return days[0] + timedelta(days=by[0]), days[1] + timedelta(days=by[1])


def test_the_stored_days_are_those_of_the_rule_whatever_was_given(patient, nurse):
    """The days are counted again here, from what is stored, after each step."""
    dosing = patient.protocol.rules.dosing
    steps = [
        lambda: give(patient, FIRST, on("11-Mar-2026"), nurse),
        lambda: skip(patient, SECOND, nurse),
        lambda: give(patient, THIRD, on("18-Mar-2026", timing_deviation_reason="Fever"), nurse),
        lambda: give(patient, FIRST, on("10-Mar-2026"), nurse, reason="wrong day"),
        lambda: give(
            patient, SECOND, on("15-Mar-2026", timing_deviation_reason="Late"), nurse, reason="given"
        ),
        lambda: skip(patient, THIRD, nurse),
    ]
    for step in steps:
        step()
        allowed = shifted((INCLUDED, INCLUDED), dosing.first_infusion_within_days)
        for number in (FIRST, SECOND, THIRD):
            row = stored(patient, number)
            assert (row.window_from, row.window_to) == allowed
            given = row.started_at.astimezone(patient.trial.zone).date() if row.started_at else None
            ends = (given, given) if given else allowed
            allowed = shifted(ends, dosing.interval_days)
