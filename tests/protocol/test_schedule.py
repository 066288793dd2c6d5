"""Due dates of visits and infusions: calendar days from anchors."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from protocol.document.dosing import InfusionWindow
from protocol.document.schedule import (
    Allowed,
    AnchorTime,
    PlannedVisit,
    allowed_by,
    planned_visits,
    study_day,
)
from tests.support.protocols.shipped import COVID_MSV, LIEGE, THIRD, protocol

BRUSSELS = ZoneInfo("Europe/Brussels")
DAYS = st.dates(date(2019, 1, 1), date(2031, 12, 31))


def plan(slug: str, **anchors: date) -> dict[str, PlannedVisit]:
    return {visit.code: visit for visit in planned_visits(protocol(slug), anchors)}


def test_day_28_in_liege_is_four_weeks_after_inclusion_within_two_days() -> None:
    visit = plan(LIEGE, inclusion=date(2021, 3, 1))["D28"]
    assert visit.planned_on == date(2021, 3, 29)
    assert (visit.window_from, visit.window_to) == (date(2021, 3, 27), date(2021, 3, 31))


def test_a_visit_has_no_day_until_its_anchor_is_known() -> None:
    known = plan(LIEGE, screening=date(2021, 2, 27), inclusion=date(2021, 3, 1))
    assert known["D28"].planned_on
    assert known["INF2"] == PlannedVisit("INF2")


def allowed(slug: str, number: int, *days: date) -> Allowed:
    """Return when an infusion may be given, counted from a day that is known, or from the first to the last of two."""
    rules = protocol(slug)
    assert rules.dosing
    zone = ZoneInfo(rules.trial.site.time_zone)
    return allowed_by(rules.dosing.window_of(number), AnchorTime.of_days(days[0], days[-1], zone), zone)


def test_the_second_infusion_in_liege_follows_the_first_by_three_to_four_days() -> None:
    assert allowed(LIEGE, 2, date(2021, 2, 26)) == Allowed(date(2021, 3, 1), date(2021, 3, 2))


def test_the_first_infusion_is_counted_from_inclusion() -> None:
    assert allowed(THIRD, 1, date(2024, 2, 25)) == Allowed(date(2024, 3, 3), date(2024, 3, 17))
    assert allowed(COVID_MSV, 1, date(2021, 3, 1)) == Allowed(date(2021, 3, 1), date(2021, 3, 2))


def test_while_an_infusion_is_awaited_the_next_has_the_days_of_its_whole_window() -> None:
    """CEL-11: infusion 3 in Liège, if infusion 2 may be given on one of two days."""
    assert allowed(LIEGE, 3, date(2021, 3, 1), date(2021, 3, 2)) == Allowed(
        date(2021, 3, 4), date(2021, 3, 6)
    )


@given(DAYS, st.integers(0, 72), st.integers(0, 72))
def test_a_window_in_hours_counts_elapsed_hours_whatever_the_clocks_do(
    begun: date, one: int, other: int
) -> None:
    first, last = sorted((one, other))
    window = InfusionWindow(infusion=2, after="infusion_1", hours=(first, last))
    at = datetime.combine(begun, time(1, 30), tzinfo=UTC)
    found = allowed_by(window, AnchorTime(at, at), BRUSSELS)
    assert found.moments == (at + timedelta(hours=first), at + timedelta(hours=last))
    assert found.first == (at + timedelta(hours=first)).astimezone(BRUSSELS).date()
    assert found.last == (at + timedelta(hours=last)).astimezone(BRUSSELS).date()


def test_a_day_of_23_hours_ends_a_window_of_24_hours_an_hour_later_on_the_wall() -> None:
    """Lanzoni: within 24 h of enrolment. In Brussels 28 March 2021 has 23 hours."""
    at = datetime(2021, 3, 27, 12, 0, tzinfo=BRUSSELS)
    window = InfusionWindow(infusion=1, after="inclusion", hours=(0, 24))
    found = allowed_by(window, AnchorTime(at, at), BRUSSELS)
    assert found.moments is not None
    assert found.moments[1] == datetime(2021, 3, 28, 13, 0, tzinfo=BRUSSELS)
    day = date(2021, 3, 28)
    assert found.holds(datetime(2021, 3, 28, 13, 0, tzinfo=BRUSSELS), day)
    assert not found.holds(datetime(2021, 3, 28, 13, 1, tzinfo=BRUSSELS), day)
    assert found.holds(at, at.date())
    assert not found.holds(at - timedelta(minutes=1), at.date())


def test_an_inclusion_known_by_its_day_never_makes_an_infusion_late_that_may_be_in_time() -> None:
    anchor = AnchorTime.of_days(date(2021, 3, 1), date(2021, 3, 1), BRUSSELS)
    assert anchor.earliest == datetime(2021, 3, 1, tzinfo=BRUSSELS)
    assert anchor.latest == datetime(2021, 3, 2, tzinfo=BRUSSELS) - timedelta(microseconds=1)
    window = InfusionWindow(infusion=1, after="inclusion", hours=(2, 24))
    found = allowed_by(window, anchor, BRUSSELS)
    assert found.holds(datetime(2021, 3, 2, 23, 59, tzinfo=BRUSSELS), date(2021, 3, 2))
    assert not found.holds(datetime(2021, 3, 3, 0, 0, tzinfo=BRUSSELS), date(2021, 3, 3))
    assert not found.holds(datetime(2021, 3, 1, 1, 59, tzinfo=BRUSSELS), date(2021, 3, 1))
    assert (found.first, found.last) == (date(2021, 3, 1), date(2021, 3, 2))


def test_a_window_in_days_is_judged_by_the_day_at_the_site() -> None:
    found = Allowed(date(2021, 3, 1), date(2021, 3, 2))
    at = datetime(2021, 3, 1, 23, 30, tzinfo=UTC)
    assert found.holds(at, date(2021, 3, 2))
    assert found.holds(at, date(2021, 3, 1))
    assert not found.holds(at, date(2021, 3, 3))
    assert not found.holds(at, date(2021, 2, 28))


def test_the_day_of_the_anchor_is_day_0() -> None:
    assert study_day(date(2024, 2, 29), date(2024, 2, 29)) == 0
    assert study_day(date(2024, 3, 1), date(2024, 2, 28)) == 2
    assert study_day(date(2023, 12, 31), date(2024, 1, 1)) == -1


@given(DAYS, st.sampled_from([LIEGE, COVID_MSV, THIRD]))
def test_every_planned_day_is_its_number_of_days_after_its_anchor(anchor: date, slug: str) -> None:
    """Whatever leap day or change of the clocks lies between."""
    rules = protocol(slug)
    anchors = {visit.anchor: anchor for visit in rules.visits}
    for visit, planned in zip(rules.visits, planned_visits(rules, anchors), strict=True):
        assert planned.code == visit.code
        assert planned.planned_on is not None
        assert planned.window_from is not None
        assert planned.window_to is not None
        assert study_day(planned.planned_on, anchor) == visit.day
        assert planned.window_from <= planned.planned_on <= planned.window_to
        assert (planned.window_to - planned.window_from).days == visit.window[1] - visit.window[0]


@given(DAYS, st.integers(-400, 400))
def test_a_study_day_counts_days_back_and_forth(anchor: date, days: int) -> None:
    assert study_day(anchor + timedelta(days=days), anchor) == days
