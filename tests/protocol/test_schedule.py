"""Due dates of visits and infusions: calendar days from anchors."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.document.schedule import (
    PlannedVisit,
    first_infusion_window,
    infusion_window,
    planned_visits,
    study_day,
)
from tests.support.protocols.shipped import COVID_MSV, LIEGE, THIRD, protocol

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


def test_the_second_infusion_in_liege_follows_the_first_by_three_to_four_days() -> None:
    dosing = protocol(LIEGE).dosing
    assert dosing
    assert infusion_window(dosing, date(2021, 2, 26)) == (date(2021, 3, 1), date(2021, 3, 2))


def test_a_single_infusion_has_no_next_one() -> None:
    dosing = protocol(COVID_MSV).dosing
    assert dosing
    with pytest.raises(ValueError, match="single infusion"):
        infusion_window(dosing, date(2021, 3, 1))


def test_the_first_infusion_is_counted_from_inclusion() -> None:
    dosing = protocol(THIRD).dosing
    assert dosing
    assert first_infusion_window(dosing, date(2024, 2, 25)) == (date(2024, 3, 3), date(2024, 3, 17))


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
