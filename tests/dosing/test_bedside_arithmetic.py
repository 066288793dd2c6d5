"""The grid of planned observations, the course of an infusion and the tablet's clock, on plain values."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosing.bedside.course import CourseStep, ImpossibleStep, Running, StepName, cells_per_minute, course_of
from dosing.bedside.grid import PointState, grid, next_due
from dosing.bedside.tablet_clock import is_future, tap_of

START = datetime(2026, 3, 10, 10, 0, tzinfo=UTC)
MINUTES = st.integers(-600, 600)


@dataclass(frozen=True)
class Planned:
    code: str
    after: str
    minutes: int
    window: tuple[int, int] = (-5, 5)


PLAN = (
    Planned("before", "start", -15, (-30, 15)), Planned("start", "start", 0), Planned("start_15", "start", 15),
    Planned("end", "end", 0), Planned("end_60", "end", 60),
)  # fmt: skip


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def state_of(code: str, *, at: float, ended: float | None = None, **taken: float) -> PointState:
    points = grid(
        PLAN,
        started=START,
        ended=None if ended is None else minute(ended),
        taken={name: minute(when) for name, when in taken.items()},
        now=minute(at),
    )
    return next(point.state for point in points if point.code == code)


class TestTheGrid:
    """CEL-15."""

    @pytest.mark.parametrize(
        ("now", "state"),
        [(9.99, "waiting"), (10, "open"), (15, "open"), (20, "open"), (20.01, "missed"), (600, "missed")],
    )
    def test_a_planned_time_is_open_in_its_window_and_missed_after_it(self, now, state):
        assert state_of("start_15", at=now) == state

    @pytest.mark.parametrize(
        ("taken", "state"), [(9.9, "early"), (10, "taken"), (20, "taken"), (20.1, "late")]
    )
    def test_an_observation_is_judged_by_its_own_time(self, taken, state):
        assert state_of("start_15", at=600, start_15=taken) == state

    def test_what_hangs_on_the_end_waits_for_the_end(self):
        assert state_of("end_60", at=600) == "waiting"
        assert state_of("end_60", at=95, ended=40) == "open"
        assert state_of("end_60", at=106, ended=40) == "missed"

    def test_before_the_start_only_what_belongs_before_it_can_be_taken(self):
        points = grid(PLAN, started=None, ended=None, taken={}, now=START)
        assert {point.code for point in points if point.state is PointState.OPEN} == {"before"}
        assert points[0].code == "before"

    def test_nothing_is_missed_after_the_death(self):
        points = grid(PLAN, started=START, ended=None, taken={}, now=minute(600), died=minute(10))
        assert [point.state for point in points if point.code in ("start", "start_15")] == ["missed", "void"]

    @pytest.mark.parametrize(
        ("ended", "at", "state"),
        [
            (14.99, 14.99, "void"),
            (14.99, 600, "void"),
            (15, 15, "open"),
            (15.01, 12, "open"),
            (60, 600, "missed"),
        ],
    )
    def test_after_an_early_end_what_counts_from_the_start_is_not_due_any_more(self, ended, at, state):
        """The times after the end take over."""
        assert state_of("start_15", at=at, ended=ended) == state
        assert state_of("end_60", at=at, ended=600) == "waiting"

    def test_what_was_taken_before_an_early_end_stays_taken(self):
        assert state_of("start_15", at=600, ended=12, start_15=11) == "taken"

    def test_a_plan_without_times_after_the_end_goes_on_after_an_early_end(self):
        points = grid(PLAN[:3], started=START, ended=minute(5), taken={}, now=minute(12))
        assert [point.state for point in points if point.code == "start_15"] == ["open"]

    def test_after_the_death_nothing_is_due_from_the_end_either(self):
        points = grid(PLAN, started=START, ended=minute(40), taken={}, now=minute(600), died=minute(50))
        assert [point.state for point in points if point.code in ("end", "end_60")] == ["missed", "void"]

    def test_death_and_end_void_what_is_due_after_the_first_of_them(self):
        for died, ended in ((10, 40), (40, 10)):
            points = grid(
                PLAN, started=START, ended=minute(ended), taken={}, now=minute(600), died=minute(died)
            )
            assert next(point.state for point in points if point.code == "start_15") == "void"

    def test_planned_times_stand_in_the_order_in_which_they_are_due_and_those_without_a_time_last(self):
        plan = (*reversed(PLAN), Planned("before_end", "end", -5), Planned("just_before", "start", -1))
        running = grid(plan, started=START, ended=None, taken={}, now=START)
        dated = ["before", "just_before", "start", "start_15"]
        assert [point.code for point in running] == [*dated, "end_60", "end", "before_end"]
        waiting = grid(plan, started=None, ended=None, taken={}, now=START)
        assert [point.code for point in waiting[:2]] == ["before", "just_before"]
        assert {point.state for point in waiting[:2]} == {PointState.OPEN}
        assert {point.state for point in waiting[2:]} == {PointState.WAITING}
        assert [point.code for point in waiting[2:]] == ["end_60", "end", "start_15", "start", "before_end"]

    def test_what_was_taken_before_the_start_is_taken(self):
        points = grid(PLAN, started=None, ended=None, taken={"before": minute(-20)}, now=minute(-10))
        assert {point.code: point.state for point in points}["before"] == "taken"

    def test_what_is_open_comes_before_what_is_due_earlier_but_not_open_yet(self):
        plan = (Planned("narrow", "start", 20, (-1, 1)), Planned("wide", "start", 30, (-30, 5)))
        points = grid(plan, started=START, ended=None, taken={}, now=minute(12))
        assert [(point.code, point.is_due) for point in points] == [("narrow", False), ("wide", True)]
        assert next_due(points).code == "wide"
        taken = grid(plan, started=START, ended=None, taken={"wide": minute(5)}, now=minute(12))
        assert next_due(taken).code == "narrow"

    @given(st.lists(st.integers(1, 50), max_size=5), MINUTES)
    def test_a_pause_moves_no_planned_time(self, pauses, now):
        steps, at = [("started", 0)], 0
        for length in pauses:
            steps += [("paused", at + 1), ("resumed", at + 1 + length)]
            at += 1 + length
        points = grid(PLAN, started=course(*steps).started, ended=None, taken={}, now=minute(now))
        assert [point.due for point in points if point.due] == [minute(-15), minute(0), minute(15)]

    @given(
        st.sampled_from(["2026-03-29T01:30", "2026-10-25T01:30", "2026-12-31T23:55", "2028-02-29T12:00"]),
        MINUTES,
    )
    def test_the_change_of_clocks_and_midnight_do_not_move_it(self, wall, now):
        here = datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo("Europe/Brussels"))
        absolute = here.astimezone(UTC)
        at = absolute + timedelta(minutes=now)
        local = grid(PLAN, started=here, ended=None, taken={}, now=at.astimezone(here.tzinfo))
        assert local == grid(PLAN, started=absolute, ended=None, taken={}, now=at)
        assert next(p.due for p in local if p.code == "start_15") - absolute == timedelta(minutes=15)

    @given(MINUTES, st.integers(1, 300))
    def test_each_planned_time_is_in_exactly_one_state_and_the_next_is_due_first(self, now, ended):
        points = grid(PLAN, started=START, ended=minute(ended), taken={}, now=minute(now))
        coming = next_due(points)
        left = [point for point in points if point.state in (PointState.OPEN, PointState.WAITING)]
        assert (coming is None) == (not left)
        if coming is not None:
            opened = [point for point in left if point.is_due]
            assert coming == (opened or left)[0]


def course(*steps: tuple[str, float] | tuple[str, float, str]):
    return course_of(
        CourseStep(StepName(step[0]), minute(step[1]), Decimal(step[2]) if len(step) > 2 else None)
        for step in steps
    )


class TestTheCourse:
    """CEL-12."""

    def test_pauses_are_no_running_time(self):
        made = course(("started", 0, "60"), ("paused", 10), ("resumed", 25), ("stopped", 45))
        assert made.elapsed(minute(600)) == timedelta(minutes=30)
        assert (made.state, made.pauses, made.volume(minute(600))) == (Running.STOPPED, 1, Decimal(30))

    def test_the_volume_follows_each_rate_for_its_time(self):
        made = course(("started", 0, "60"), ("rate", 10, "120"))
        assert made.volume(minute(20)) == Decimal(30)
        assert course(("started", 0), ("rate", 10, "120")).volume(minute(20)) is None

    def test_a_rate_changed_during_a_pause_counts_from_the_resumption(self):
        made = course(("started", 0, "60"), ("paused", 10), ("rate", 12, "120"), ("resumed", 20))
        assert made.volume(minute(30)) == Decimal(10) + Decimal(20)

    @pytest.mark.parametrize(
        "steps",
        [
            [("paused", 0)], [("stopped", 0)], [("rate", 0)], [("resumed", 0)],
            [("started", 0), ("started", 5)], [("started", 0), ("resumed", 5)], [("started", 0), ("stopped", 0)],
            [("started", 0), ("paused", 5), ("paused", 6)], [("started", 0), ("stopped", 9), ("paused", 10)],
            [("started", 5), ("paused", 4)],
        ],
    )  # fmt: skip
    def test_an_impossible_order_is_refused(self, steps):
        with pytest.raises(ImpossibleStep):
            course(*steps)

    @given(st.lists(st.integers(1, 120), min_size=2, max_size=12), st.integers(0, 2000), st.integers(1, 500))
    def test_running_time_and_pauses_make_up_the_whole_time(self, gaps, more, rate):
        """The ledger sorts itself: steps may come in any order, such as sent later."""
        names, at, steps = ("paused", "resumed"), 0, [("started", 0, str(rate))]
        paused = 0
        for place, gap in enumerate(gaps):
            if place % 2:
                paused += gap
            at += gap
            steps.append((names[place % 2], at))
        made, now = course(*reversed(steps)), minute(at + more)
        if made.state is Running.PAUSED:
            paused += more
        assert made.elapsed(now) == timedelta(minutes=at + more - paused)
        assert made.volume(now) == Decimal(rate) * (at + more - paused) / 60 or abs(
            made.volume(now) - Decimal(rate) * (at + more - paused) / 60
        ) < Decimal("1e-15")

    def test_cells_per_minute(self):
        assert cells_per_minute(Decimal(60), Decimal(240), Decimal(100)) == Decimal("2.4")


class TestTheTabletsClock:
    """The observation's time is the tablet's, corrected by the offset."""

    @given(st.integers(-10_000_000, 10_000_000), st.integers(0, 100_000))
    def test_the_offset_is_taken_off_whatever_the_clock_says(self, offset_ms, ago_ms):
        happened = minute(60) - timedelta(milliseconds=ago_ms)
        says = int(happened.timestamp() * 1000) + offset_ms
        tap = tap_of(says, offset_ms, minute(60))
        assert abs(tap.at - happened) < timedelta(seconds=1)
        assert tap.at.microsecond == 0
        assert tap.offset == round(offset_ms / 1000)
        assert tap.sent_later == (minute(60) - tap.at > timedelta(seconds=30))

    @pytest.mark.parametrize(("tapped", "offset"), [(0, 0), (-5, 0), (10**15, 0), (10**12, 10**15)])
    def test_no_moment_of_a_tablet_is_refused(self, tapped, offset):
        with pytest.raises(ValueError, match="no moment"):
            tap_of(tapped, offset, START)

    def test_ninety_seconds_ahead_is_now_and_more_is_the_future(self):
        assert not is_future(START + timedelta(seconds=90), START)
        assert is_future(START + timedelta(seconds=91), START)
