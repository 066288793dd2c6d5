"""Study days and times of a replayed table, and the places dealt to published arms."""

from datetime import date, time
from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.replay.arms import dealt, sealed_places
from demo.replay.times import CellRefused, StudyDays
from dosing.allocation.sealed_list import read_sealed_list

BRUSSELS = "Europe/Brussels"
DAYS = StudyDays(date(2021, 3, 28), BRUSSELS)
CDISC = StudyDays(date(2021, 3, 28), BRUSSELS, first=1)


@pytest.mark.parametrize(
    ("days", "text", "day"),
    [
        (DAYS, "0", "2021-03-28"), (DAYS, "+28", "2021-04-25"), (DAYS, "-1", "2021-03-27"),
        (DAYS, "3 14:30", "2021-03-31"),
        (DAYS, "2020-02-29", "2020-02-29"), (CDISC, "1", "2021-03-28"), (CDISC, "29", "2021-04-25"),
        (CDISC, "-1", "2021-03-27"),
    ],
)  # fmt: skip
def test_a_study_day_counts_from_day_0_or_as_cdisc_from_day_1(days, text, day):
    """DAT-05: CDISC has no day 0; the day before day 1 is day -1."""
    assert str(days.day(text)) == day


@pytest.mark.parametrize(
    ("days", "text"),
    [(CDISC, "0"), (DAYS, "2020"), (DAYS, "28.5"), (DAYS, "2021-02-29"), (DAYS, "5/4/2020"), (DAYS, "3 25:00"),
     (DAYS, "-99999"), (StudyDays(None, BRUSSELS), "3"), (StudyDays(date(1, 1, 1), BRUSSELS), "-9")],
)  # fmt: skip
def test_no_other_text_is_a_day(days, text):
    with pytest.raises(CellRefused):
        days.day(text)


def test_a_day_alone_gets_the_time_that_the_replay_states():
    """DAT-05: never that of the machine."""
    assert DAYS.minute("-1").iso == "2021-03-27T12:00+01:00[Europe/Brussels]"
    morning = StudyDays(date(2021, 3, 28), BRUSSELS, time(8, 15))
    assert morning.minute("0").iso == "2021-03-28T08:15+02:00[Europe/Brussels]"
    assert morning.minute("0 23:59").iso == "2021-03-28T23:59+02:00[Europe/Brussels]"


def test_a_time_that_the_change_of_clocks_leaves_out_is_refused():
    with pytest.raises(CellRefused, match="the clocks went forward"):
        DAYS.minute("0 02:30")


@pytest.mark.parametrize(
    ("text", "iso"),
    [("2020", "2020"), ("2020-04", "2020-04"), ("5", "2021-04-02"),
     ("2020-04-25 09:00", "2020-04-25T09:00+02:00[Europe/Brussels]")],
)  # fmt: skip
def test_an_onset_keeps_the_precision_of_the_table(text, iso):
    """DAT-05: a month is not its first day."""
    assert DAYS.moment(text).iso == iso


RATIOS = st.sampled_from([{"cells": 1, "control": 1}, {"cells": 2, "control": 1}, {"a": 1, "b": 1, "c": 2}])


@given(RATIOS, st.integers(1, 12), st.randoms())
def test_arms_in_any_order_become_a_list_that_an_upload_accepts(ratio, blocks, random):
    """RND-01: patients of whole blocks, in any order of the table."""
    arms = [arm for arm, share in ratio.items() for _patient in range(share * blocks)]
    random.shuffle(arms)
    order = dealt(arms, ratio)
    assert sorted(order) == list(range(len(arms)))
    data = sealed_places({"": [arms[index] for index in order]}, ratio, len(arms) + 3)
    whole = sum(ratio.values())
    places = read_sealed_list(data, strata=[""], ratio=ratio, largest_block=whole, target=len(arms) + 3)
    assert [place.arm for place in places[: len(arms)]] == [arms[index] for index in order]


@given(RATIOS, st.lists(st.integers(0, 30), min_size=3, max_size=3))
def test_patients_of_an_arm_keep_the_order_of_the_table(ratio, counts):
    """RND-02: also where one arm has more patients than its share."""
    arms = [arm for arm, count in zip(ratio, counts, strict=False) for _patient in range(count)]
    order = dealt(arms, ratio)
    for arm in ratio:
        taken = [index for index in order if arms[index] == arm]
        assert taken == sorted(taken)
    # No arm waits while it lags behind its share by a whole patient and has one left.
    for arm, share in ratio.items():
        seen = accumulate(arms[index] == arm for index in order)
        for place, count in enumerate(seen, start=1):
            lag = Fraction(share * place, sum(ratio.values())) - count
            assert lag < 1 or count == arms.count(arm)
