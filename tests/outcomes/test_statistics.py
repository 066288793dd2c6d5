"""Statistics of the outcomes against published tables, exact counts and identities.

Printed values are from the publications named in each test; the rest is counted or computed by hand.
"""

import itertools
import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.statistics.contingency import TooManyTables, fisher_exact, mantel_haenszel
from outcomes.statistics.means import mean, median, standard_deviation, student_quantile
from outcomes.statistics.proportions import clopper_pearson, newcombe, wilson
from outcomes.statistics.rates import poisson_limits, poisson_rate
from outcomes.statistics.welch import student_limit, student_tails, welch
from tests.support.published_figures import BERKELEY, limits, numbers

COUNTS = st.integers(0, 60).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


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
