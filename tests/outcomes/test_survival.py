"""Curves of survival and incidence against published tables, exact counts and identities.

Printed values are from the publications named in each test; the rest is counted or computed by hand.
"""

import math
import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.statistics.survival import ObservedTime, at_risk_on, curve, incidence_at, median_time, share_at
from tests.support.published_figures import PLACEBO, SIX_MP, limits


def test_kaplan_meier_gives_the_published_curve_of_mercaptopurine():
    """OUT-03: remission of leukaemia (Freireich 1963; Gehan 1965), the example of many textbooks."""
    steps = [step for step in curve(SIX_MP) if step.events]
    assert [(step.day, step.at_risk, step.events) for step in steps] == [
        (6, 21, 3), (7, 17, 1), (10, 15, 1), (13, 12, 1), (16, 11, 1), (22, 7, 1), (23, 6, 1),
    ]  # fmt: skip
    assert [round(float(step.share), 4) for step in steps] == [
        0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482,
    ]  # fmt: skip
    assert limits(steps[0]) == (0.6197, 0.9516)
    assert median_time(curve(SIX_MP)).value == 23
    assert median_time(curve(PLACEBO)).value == 8
    assert at_risk_on(SIX_MP, (0, 7, 23, 36)) == [21, 17, 6, 0]


def test_the_median_has_the_limits_of_the_curve_on_the_log_log_scale():
    """OUT-03: Stata's stci prints 8 (4 to 11) for placebo, and 23 (13 to no limit) for mercaptopurine."""
    placebo, treated = median_time(curve(PLACEBO)), median_time(curve(SIX_MP))
    assert (placebo.low, placebo.high) == (4, 11)
    assert (treated.low, treated.high) == (13, None)


def test_a_share_on_a_day_is_that_of_the_last_step_before_it_with_its_limits():
    steps = curve(SIX_MP)
    by_day = {step.day: step for step in steps}
    for day, step in ((9, by_day[9]), (12, by_day[11]), (22, by_day[22]), (35, by_day[35])):
        found, incidence = share_at(steps, day), incidence_at(steps, day)
        assert (found.value, found.low, found.high) == (float(step.share), step.low, step.high)
        expected = (float(step.incidence), step.incidence_low, step.incidence_high)
        assert (incidence.value, incidence.low, incidence.high) == expected
    assert share_at(steps, 36).value is None
    assert incidence_at(steps, 36).value is None
    assert share_at([], 0).value is None
    assert incidence_at([], 0).value is None
    ended = curve([ObservedTime(5, 1), ObservedTime(6, 2)])
    assert incidence_at(ended, 28).value == 0.5


def test_the_median_of_a_stretch_at_one_half_is_its_middle():
    """OUT-03: the curve is one half from day 4 to day 9. In doubles 0.8 * 0.625 is not always one half."""
    times = [ObservedTime(1, 1), ObservedTime(4, 1), ObservedTime(9, 1), ObservedTime(12, 1)]
    assert median_time(curve(times)).value == 6.5
    tenths = [ObservedTime(day, 1) for day in range(1, 11)]
    assert median_time(curve(tenths)).value == 5.5
    # The curve stays at one half: the first day on which it does, as R says.
    assert median_time(curve([ObservedTime(3, 1), ObservedTime(9, 0)])).value == 3
    assert median_time(curve([ObservedTime(3, 0), ObservedTime(9, 0)])).value is None
    assert median_time([]).value is None


TIMES = st.lists(st.builds(ObservedTime, st.integers(0, 30), st.integers(0, 2)), min_size=1, max_size=25)


@given(TIMES)
def test_the_incidences_of_both_kinds_and_the_share_without_event_sum_to_one(times):
    steps = curve(times)
    exchanged = curve([ObservedTime(each.day, (0, 2, 1)[each.cause]) for each in times])
    for step, other in zip(steps, exchanged, strict=True):
        assert step.incidence + other.incidence + step.share == 1
        assert step.at_risk == other.at_risk
    assert sum(step.events + step.competing + step.censored for step in steps) == len(times)
    shares = [step.share for step in steps]
    assert shares == sorted(shares, reverse=True)


@given(st.lists(st.integers(0, 12), min_size=2, max_size=25), st.data())
def test_without_censoring_the_incidence_is_a_proportion_with_its_variance(days, data):
    causes = data.draw(st.lists(st.sampled_from([1, 2]), min_size=len(days), max_size=len(days)))
    steps = curve([ObservedTime(day, cause) for day, cause in zip(days, causes, strict=True)])
    for step in steps:
        events = sum(day <= step.day and cause == 1 for day, cause in zip(days, causes, strict=True))
        share = Fraction(events, len(days))
        assert step.incidence == share
        if 0 < share < 1:
            left = 1 - float(share)
            spread = 1.959963984540054 * math.sqrt(float(share) / (left * len(days))) / abs(math.log(left))
            assert step.incidence_low == pytest.approx(1 - left ** math.exp(-spread))
            assert step.incidence_high == pytest.approx(1 - left ** math.exp(spread))


def test_without_competing_events_incidence_and_survival_complement_each_other():
    for step in curve(SIX_MP):
        assert step.incidence == 1 - step.share
        assert step.incidence_low == pytest.approx(1 - step.high)
        assert step.incidence_high == pytest.approx(1 - step.low)


def test_the_limits_of_an_incidence_are_those_of_the_sum_over_all_days_before():
    """OUT-08: the delta method as Marubini and Valsecchi print it, a sum over the days for each day."""
    times = [(1, 1), (2, 2), (2, 0), (3, 1), (5, 1), (5, 2), (8, 0), (9, 1), (12, 2), (13, 0)]
    steps = curve(ObservedTime(day, cause) for day, cause in times)
    share, past = Fraction(1), []
    for step in steps:
        ended, now = step.events + step.competing, step.incidence
        past.append((step.at_risk, step.events, ended, share, now))
        share = step.share
        variance = Fraction(0)
        for n, events, gone, before, then in past:
            if later := now - then:
                variance += later**2 * Fraction(gone, n * (n - gone))
            variance += before**2 * Fraction((n - events) * events, n**3)
            variance -= 2 * later * before * Fraction(events, n**2)
        spread = 1.959963984540054 * math.sqrt(variance / (1 - now) ** 2) / -math.log(1 - now)
        assert step.incidence_low == pytest.approx(1 - float(1 - now) ** math.exp(-spread), rel=1e-12)
        assert step.incidence_high == pytest.approx(1 - float(1 - now) ** math.exp(spread), rel=1e-12)


def test_a_curve_of_many_patients_is_computed_in_one_pass():
    """OUT-08: of 500 patients, each with a day of its own; it took ten seconds of a page before."""
    began = time.process_time()
    steps = curve(ObservedTime(day, day % 3) for day in range(1, 501))
    assert len(steps) == 500
    assert time.process_time() - began < 3
    assert steps[-1].incidence + steps[-1].share < 1


def test_a_curve_says_nothing_of_days_after_the_last_observation():
    steps = curve([ObservedTime(5, 1), ObservedTime(20, 0)])
    assert share_at(steps, 4).value == 1
    assert share_at(steps, 5).value == 0.5
    assert share_at(steps, 20).value == 0.5
    assert share_at(steps, 21).value is None
    assert incidence_at(steps, 4).value == 0
    assert incidence_at(steps, 20).value == 0.5
    assert incidence_at(steps, 21).value is None
    assert share_at(curve([ObservedTime(5, 1)]), 28).value == 0
    with pytest.raises(ValueError, match="unknown cause"):
        curve([ObservedTime(1, 3)])
