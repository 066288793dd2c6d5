"""Statistics of the outcomes against published tables, exact counts and identities.

Printed values are from the publications named in each test; the rest is counted or computed by hand.
"""

import itertools
import math
import time
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.statistics.contingency import TooManyTables, fisher_exact, mantel_haenszel
from outcomes.statistics.means import mean, median, standard_deviation, student_quantile
from outcomes.statistics.proportions import clopper_pearson, newcombe, wilson
from outcomes.statistics.rates import poisson_limits, poisson_rate
from outcomes.statistics.survival import (
    ObservedTime,
    at_risk_on,
    curve,
    incidence_at,
    median_time,
    share_at,
)
from outcomes.statistics.welch import student_limit, student_tails, welch

COUNTS = st.integers(0, 60).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


def limits(estimate, digits: int = 4) -> tuple[float, float]:
    return round(estimate.low, digits), round(estimate.high, digits)


def at_least(successes: int, of: int, share: float) -> float:
    return math.fsum(math.comb(of, n) * share**n * (1 - share) ** (of - n) for n in range(successes, of + 1))


@pytest.mark.parametrize(
    ("counts", "exact", "score"),
    [
        ((81, 263), (0.2527, 0.3676), (0.2553, 0.3662)),
        ((15, 148), (0.0578, 0.1617), (0.0624, 0.1605)),
        ((0, 20), (0.0, 0.1684), (0.0, 0.1611)),
        ((1, 29), (0.0009, 0.1776), (0.0061, 0.1718)),
    ],
)
def test_limits_of_a_proportion_are_those_of_newcombe_1998(counts, exact, score):
    """OUT-03: Newcombe, Stat Med 1998;17:857, table I: methods 3 (Wilson) and 5 (Clopper-Pearson)."""
    assert limits(clopper_pearson(*counts)) == exact
    assert limits(wilson(*counts)) == score


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)), ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((6, 7), (2, 7), (0.0582, 0.8062)), ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((0, 10), (0, 20), (-0.1611, 0.2775)), ((0, 10), (0, 10), (-0.2775, 0.2775)),
        ((10, 10), (0, 20), (0.6791, 1.0)), ((10, 10), (0, 10), (0.6075, 1.0)),
    ],
)  # fmt: skip
def test_limits_of_a_difference_are_those_of_newcombe_1998(first, second, expected):
    """OUT-03: Newcombe, Stat Med 1998;17:873, table II, method 10."""
    assert limits(newcombe(first, second)) == expected


@given(COUNTS)
def test_exact_limits_leave_the_stated_probability_in_each_tail(counts):
    successes, of = counts
    found = clopper_pearson(successes, of)
    if of == 0:
        assert found.value is found.low is found.high is None
        return
    assert found.low <= successes / of <= found.high
    if successes:
        assert at_least(successes, of, found.low) == pytest.approx(0.025, abs=1e-10)
    if successes < of:
        assert 1 - at_least(successes + 1, of, found.high) == pytest.approx(0.025, abs=1e-10)
    other = clopper_pearson(of - successes, of)
    assert (found.low, found.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-12)


def test_no_event_has_the_limit_that_can_be_computed_by_hand():
    """0 of n: the upper limit is 1 - 0.025^(1/n)."""
    assert clopper_pearson(0, 24).high == pytest.approx(1 - 0.025 ** (1 / 24), abs=1e-14)
    assert clopper_pearson(24, 24).low == pytest.approx(0.025 ** (1 / 24), abs=1e-14)
    with pytest.raises(ValueError, match="3 of 2"):
        clopper_pearson(3, 2)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(0, 0, 3.6889), (1, 0.0253, 5.5716), (5, 1.6235, 11.6683), (20, 12.2165, 30.8884)],
)
def test_limits_of_a_count_are_those_of_garwoods_table(count, low, high):
    """OUT-03: table of the limits of a Poisson count (Garwood 1936), as epidemiology books print it."""
    assert tuple(round(each, 4) for each in poisson_limits(count)) == (low, high)


def test_a_rate_is_per_hundred_patient_days_and_needs_time_at_risk():
    found = poisson_rate(5, 250, per=100)
    assert (found.value, limits(found)) == (2.0, (0.6494, 4.6673))
    assert poisson_rate(0, 0, per=100).value is None
    with pytest.raises(ValueError, match="time at risk"):
        poisson_rate(1, -1)


@given(st.integers(1, 300))
def test_limits_of_a_count_leave_the_stated_probability_in_each_tail(count):
    low, high = poisson_limits(count)

    def fewer(mean: float, than: int) -> float:
        return math.fsum(math.exp(n * math.log(mean) - mean - math.lgamma(n + 1)) for n in range(than))

    assert 1 - fewer(low, count) == pytest.approx(0.025, abs=1e-9)
    assert fewer(high, count + 1) == pytest.approx(0.025, abs=1e-9)


def test_fishers_test_counts_the_lady_and_the_tea():
    """OUT-03: Fisher 1935: 3 of 4 cups right: 34 of 70 tables are not more likely. Two-sided 0.4857."""
    assert fisher_exact([[3, 1], [1, 3]]) == Fraction(34, 70)
    assert fisher_exact([[4, 0], [0, 4]]) == Fraction(2, 70)


def test_fishers_test_beyond_two_by_two_is_counted_and_always_the_same():
    """OUT-03: job satisfaction by income (Agresti 2002, p. 57), as R's fisher.test documents it: p = 0.7827."""
    job = [[1, 2, 1, 0], [3, 3, 6, 1], [10, 10, 14, 9], [6, 7, 12, 11]]
    found = fisher_exact(job, most_steps=2_000_000)
    assert round(float(found), 4) == 0.7827
    with pytest.raises(TooManyTables):
        fisher_exact(job)


SMALL = st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=2, max_size=3)


@given(SMALL)
def test_fishers_test_is_the_share_of_arrangements_of_the_people(table):
    rows = [number for number, row in enumerate(table) for _ in range(sum(row))]
    columns = [number for row in table for number, count in enumerate(row) for _ in range(count)]
    if len(rows) > 7:
        assert 0 < fisher_exact(table) <= 1
        assert fisher_exact(table) == fisher_exact(list(zip(*table, strict=True)))
        return

    def shape(order):
        counts = [[0] * 3 for _ in table]
        for row, column in zip(rows, order, strict=True):
            counts[row][column] += 1
        return tuple(map(tuple, counts))

    arrangements = list(itertools.permutations(columns))
    found: dict = {}
    for order in arrangements:
        found[shape(order)] = found.get(shape(order), 0) + 1
    observed = found[tuple(map(tuple, table))]
    as_rare = sum(times for times in found.values() if times <= observed)
    assert fisher_exact(table) == Fraction(as_rare, len(arrangements))


def test_a_table_that_is_no_table_is_refused():
    with pytest.raises(ValueError, match="rows of one length"):
        fisher_exact([[1, 2], [3]])


BERKELEY = [
    (512, 313, 89, 19), (353, 207, 17, 8), (120, 205, 202, 391),
    (138, 279, 131, 244), (53, 138, 94, 299), (22, 351, 24, 317),
]  # fmt: skip


def test_mantel_haenszel_names_its_correction_and_gives_r_s_figures():
    """OUT-03: admissions at Berkeley (Bickel 1975): as R's mantelhaen.test prints it."""
    corrected = mantel_haenszel(BERKELEY, corrected=True)
    assert (round(corrected.statistic, 4), round(corrected.p, 4)) == (1.4269, 0.2323)
    assert round(corrected.odds_ratio.value, 7) == 0.9046968
    assert limits(corrected.odds_ratio, 7) == (0.7719074, 1.0603298)
    plain = mantel_haenszel(BERKELEY, corrected=False)
    assert round(plain.statistic, 4) == 1.5246
    assert "without" in plain.method
    assert "with continuity" in corrected.method


def test_mantel_haenszel_without_any_event_gives_no_figure():
    found = mantel_haenszel([(0, 5, 0, 5)], corrected=True)
    assert (found.statistic, found.p, found.odds_ratio.value) == (None, None, None)


def numbers(text: str) -> list[Decimal]:
    return [Decimal(each) for each in text.split()]


def test_welch_compares_two_means_as_r_does():
    """OUT-03: the figures of R 4.2.2, `t.test(x, y)`, whose degrees of freedom are no whole number."""
    first = numbers("27.5 21.0 19.0 23.6 17.0 17.9 16.9 20.1 21.9 22.6 23.1 19.6 19.0 21.7 21.4")
    second = numbers("27.1 22.0 20.8 23.4 23.4 23.5 25.8 22.0 24.8 20.2 21.9 22.1 22.9 30.5 31.3")
    found = welch(first, second)
    assert found.statistic == pytest.approx(-2.94923683731311, rel=1e-12)
    assert found.degrees == pytest.approx(27.3116104722203, rel=1e-12)
    assert found.p == pytest.approx(0.00646040802746038, rel=1e-11)
    assert found.difference.low == pytest.approx(-5.58333463197632, rel=1e-11)
    assert found.difference.high == pytest.approx(-1.00333203469034, rel=1e-11)
    turned = welch(second, first)
    assert (turned.p, turned.difference.value) == (found.p, -found.difference.value)


@pytest.mark.parametrize(
    ("statistic", "degrees", "tails"),
    [
     (0.0, 3.3, 1.0), (1.0, 1.0, 0.5), (2.2, 2.7, 0.125068731231306), (80.0, 10.2, 1.30652362333097e-15),
     (1e-6, 4000.3, 0.99999920217)],
)  # fmt: skip
def test_the_tails_of_student_s_t_need_no_whole_number_of_degrees(statistic, degrees, tails):
    """OUT-03: of R 4.2.2, `2 * pt(-t, df)`."""
    assert student_tails(statistic, degrees) == pytest.approx(tails, rel=1e-8)


def test_the_limit_of_student_s_t_is_that_of_the_table():
    assert student_limit(10) == pytest.approx(student_quantile(10), rel=1e-13)
    assert student_limit(1.5) == pytest.approx(6.01666310442793, rel=1e-12)


@pytest.mark.parametrize(("first", "second"), [("", "1 2"), ("1", "1 2"), ("1 2", "3"), ("2 2", "2 2")])
def test_means_of_too_few_values_are_not_compared(first, second):
    """OUT-03: two values in each group, and some spread in one of them."""
    found = welch(numbers(first), numbers(second))
    assert (found.p, found.difference.value) == (None, None)


def test_a_tail_without_degrees_of_freedom_is_refused():
    with pytest.raises(ValueError, match="degrees of freedom"):
        student_tails(1.0, 0)


SIX_MP = [ObservedTime(day, 1) for day in (6, 6, 6, 7, 10, 13, 16, 22, 23)] + [
    ObservedTime(day, 0) for day in (6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35)
]
PLACEBO = [
    ObservedTime(day, 1) for day in (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)
]


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


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (23, 2.069), (120, 1.980)],
)
def test_student_s_t_is_that_of_the_printed_tables(degrees, expected):
    """OUT-03: the 0.975 quantiles of every textbook."""
    assert round(student_quantile(degrees), 3) == expected


def test_a_mean_has_limits_from_two_values_on():
    values = [Decimal(text) for text in ("1.2", "1.4", "1.9")]
    found = mean(values)
    assert found.value == pytest.approx(1.5)
    assert standard_deviation(values) == pytest.approx(math.sqrt(0.13))
    assert found.high - found.value == pytest.approx(4.302652729911275 * math.sqrt(0.13 / 3))
    assert (mean(values[:1]).value, mean(values[:1]).low) == (1.2, None)
    assert mean([]).value is None
    assert standard_deviation(values[:1]) is None


@pytest.mark.parametrize("size", ["1e154", "1e200", "1e308", "1e400", "1e-160", "1e-300"])
def test_numbers_beyond_a_double_give_no_figure_instead_of_an_error(size):
    """OUT-03: a typing error of two hundred digits in one patient takes no page away."""
    values = [Decimal(size), 2 * Decimal(size), Decimal(-3)]
    huge = Decimal(size) > Decimal("1e155")
    if huge:
        assert standard_deviation(values) is None
        assert mean(values).low is None
    assert median([Decimal(size)]).value == (None if size == "1e400" else float(size))
    for pair in ((values, [Decimal(1), Decimal(2)]), ([Decimal(size), 2 * Decimal(size)], [Decimal(0)] * 2)):
        found = welch(*pair)
        assert found.p is None or 0 <= found.p <= 1


def test_a_median_averages_at_steps():
    assert median([Decimal(n) for n in (4, 1, 3, 2)]).value == 2.5
    found = median([Decimal(n) for n in (7, 1, 3, 5, 9)])
    assert (found.low, found.value, found.high) == (3, 5, 7)
    assert median([]).value is None
