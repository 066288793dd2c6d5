"""Time from an infusion to an event: exact if the minute is known, else an interval."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.values.moments import Moment, parse_moment
from safety.timing import since, treatment_emergent

ZONE = "Europe/Brussels"
INFUSION = parse_moment("28-Mar-2026 14:00", ZONE)


@pytest.mark.parametrize(
    ("onset", "days", "minutes", "after"),
    [
        ("28-Mar-2026 14:00", (0, 0), (0, 0), True),
        ("28-Mar-2026 14:45", (0, 0), (45, 45), True),
        ("28-Mar-2026 13:59", (0, 0), (-1, -1), False),
        ("29-Mar-2026 14:00", (1, 1), (23 * 60, 23 * 60), True),
        ("28-Mar-2026", (0, 0), (-14 * 60, 10 * 60 - 1), None),
        ("29-Mar-2026", (1, 1), (10 * 60, 33 * 60 - 1), True),
        ("27-Mar-2026", (-1, -1), (-38 * 60, -14 * 60 - 1), False),
        ("apr 2026", (4, 33), (81 * 60, 801 * 60 - 1), True),
    ],
)
def test_the_time_since_an_infusion_over_the_change_of_the_clocks(onset, days, minutes, after):
    """SAF-15, TIM: the night to 29 March has 23 hours."""
    found = since(INFUSION, parse_moment(onset, ZONE), ZONE)

    assert (found.days, found.minutes, found.after) == (days, minutes, after)


@pytest.mark.parametrize("onset", ["mar 2026", "2026"])
def test_a_partial_onset_around_the_infusion_is_neither_before_nor_after_it(onset):
    """SAF-15: treatment-emergence stays undetermined; nothing is imputed."""
    found = since(INFUSION, parse_moment(onset, ZONE), ZONE)

    assert found.after is None
    assert not found.exact
    assert not found.same_day_known


def test_the_minute_or_the_day_of_an_onset_may_be_known():
    """SAF-15: hours are told if the minute is known, days if the day is."""
    known = {
        onset: since(INFUSION, parse_moment(onset, ZONE), ZONE)
        for onset in ("29-Mar-2026 14:00", "29-Mar-2026")
    }

    assert [found.exact for found in known.values()] == [True, False]
    assert [found.same_day_known for found in known.values()] == [True, True]


@given(minutes=st.integers(min_value=-200_000, max_value=200_000))
def test_what_is_known_of_a_day_holds_every_minute_of_it(minutes):
    """SAF-15: the interval of a day contains the exact time of any event on it."""
    instant = Moment.from_datetime(INFUSION.earliest + timedelta(minutes=minutes), ZONE)
    exact = since(INFUSION, instant, ZONE)
    by_day = since(INFUSION, Moment.from_date(instant.first_day, ZONE), ZONE)

    assert exact.minutes == (minutes, minutes)
    assert by_day.minutes[0] <= minutes <= by_day.minutes[1]
    assert by_day.days == exact.days
    assert by_day.after in {None, exact.after}


@pytest.mark.parametrize(
    ("infusions", "onset", "emergent"),
    [
        ([], "28-Mar-2026 14:00", False),
        (["28-Mar-2026 14:00"], "28-Mar-2026 14:00", True),
        (["28-Mar-2026 14:00"], "28-Mar-2026 13:59", False),
        (["28-Mar-2026 14:00"], "28-Mar-2026", None),
        (["28-Mar-2026 14:00"], "mar 2026", None),
        (["28-Mar-2026 14:00"], "feb 2026", False),
        (["28-Mar-2026 14:00"], "2026", None),
        (["28-Mar-2026 14:00"], "2027", True),
        (["28-Mar-2026 14:00", "31-Mar-2026 14:00"], "30-Mar-2026", True),
        (["31-Mar-2026 14:00", "28-Mar-2026 14:00"], "30-Mar-2026", True),
        (["31-Mar-2026 14:00", "28-Mar-2026 14:00"], "27-Mar-2026", False),
        (["31-Mar-2026 14:00", "28-Mar-2026 14:00"], "28-Mar-2026", None),
    ],
)
def test_an_event_is_treatment_emergent_from_the_first_infusion_on(infusions, onset, emergent):
    """SAF-15: a partial date decides only if all of its days do."""
    given_at = [parse_moment(each, ZONE) for each in infusions]
    assert treatment_emergent(given_at, parse_moment(onset, ZONE)) is emergent
