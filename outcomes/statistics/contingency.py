"""Tests of contingency tables: Fisher's exact test of any size, and the Mantel-Haenszel test over strata.

Sources: Fisher 1922; Freeman and Halton, Biometrika 1951 (beyond 2x2); Mantel and Haenszel, J Natl Cancer Inst 1959;
Robins, Breslow and Greenland, Biometrics 1986 (variance of the common odds ratio).
"""

import math
import operator
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from outcomes.statistics.estimates import LEVEL, Estimate, normal_quantile
from protocol.values.refusals import gettext_noop

FISHER = gettext_noop("Fisher's exact test, two-sided: every table with these totals is counted")
MANTEL_HAENSZEL = gettext_noop("Mantel-Haenszel test without continuity correction")
MANTEL_HAENSZEL_CORRECTED = gettext_noop("Mantel-Haenszel test with continuity correction")
COMMON_ODDS_RATIO = gettext_noop(
    "common odds ratio (Mantel-Haenszel), limits by Robins, Breslow and Greenland"
)
MOST_STEPS = 200_000
"""Steps of counting that a page waits for: about a second."""

Table = Sequence[Sequence[int]]
Stratum = tuple[int, int, int, int]
"""Events and no events of the first, then of the second group: a, b, c, d."""


class TooManyTables(ValueError):
    """The table is too large to count every table with its totals."""


def fisher_exact(table: Table, *, most_steps: int = MOST_STEPS) -> Fraction:
    """Return the two-sided p of a table of counts: the share of the tables that are not more likely.

    The counts are compared as whole numbers, so that tables of equal probability are never told apart by rounding.
    Raises ValueError if the table is not rectangular or has a negative count, TooManyTables beyond `most_steps`.
    """
    rows = [tuple(row) for row in table]
    if len({len(row) for row in rows}) != 1 or any(count < 0 for row in rows for count in row):
        raise ValueError("a table has rows of one length, and counts")
    columns = list(zip(*rows, strict=True))
    if len(columns) < len(rows):
        rows, columns = columns, rows
    observed = math.prod(_ways(column) for column in columns)
    totals = tuple(sum(row) for row in rows)
    # Large columns first: what they leave is decided sooner.
    counting = _Counting(sorted((sum(column) for column in columns), reverse=True), observed, most_steps)
    return Fraction(counting.as_rare(totals), _ways(totals))


class _Counting:
    """Counts the tables with given totals that are not more likely than the observed one, column by column.

    After each column, ways of filling it that leave the same rows are one state. A state is settled at once if even
    the likeliest, or not even the least likely, completion is as rare as the observed table (Mehta and Patel, J Am
    Stat Assoc 1983).
    """

    def __init__(self, columns: Sequence[int], observed: int, steps: int) -> None:
        self.columns, self.observed, self.steps = columns, observed, steps
        self._bounds: dict[tuple[int, tuple[int, ...]], tuple[int, int]] = {}

    def as_rare(self, rows: tuple[int, ...]) -> int:
        """Return in how many ways people fill such a table."""
        total = 0
        states: dict[tuple[int, ...], Counter[int]] = {rows: Counter({1: 1})}
        for place in range(len(self.columns)):
            following: dict[tuple[int, ...], Counter[int]] = {}
            for left, weights in states.items():
                for rest, ways in self._left_by(place, left):
                    least, most = self._completed(place + 1, rest)
                    for weight, times in weights.items():
                        reached = weight * ways
                        if reached * most <= self.observed:
                            total += reached * times * _ways(rest)
                        elif reached * least <= self.observed:
                            following.setdefault(rest, Counter())[reached] += times
                    self._spend(len(weights))
            states = following
        return total

    def _completed(self, place: int, left: tuple[int, ...]) -> tuple[int, int]:
        """Return the least and the greatest weight of the columns from `place` on that use up the rows."""
        if place >= len(self.columns) - 1:
            ways = _ways(left) if place < len(self.columns) else 1
            return ways, ways
        known = self._bounds.get((place, left))
        if known is None:
            found = [
                (ways * least, ways * most)
                for rest, ways in self._left_by(place, left)
                for least, most in (self._completed(place + 1, rest),)
            ]
            self._spend(len(found))
            known = min(least for least, _most in found), max(most for _least, most in found)
            self._bounds[place, left] = known
        return known

    def _left_by(self, place: int, left: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], int]]:
        for column in _fillings(left, self.columns[place]):
            yield tuple(map(operator.sub, left, column)), _ways(column)

    def _spend(self, work: int) -> None:
        self.steps -= work
        if self.steps < 0:
            raise TooManyTables("too many tables have these totals to count each of them")


def _fillings(rows: tuple[int, ...], total: int) -> Iterator[tuple[int, ...]]:
    """Yield the columns with a total whose counts do not exceed what is left in the rows."""
    if len(rows) == 1:
        if total <= rows[0]:
            yield (total,)
        return
    for first in range(max(0, total - sum(rows[1:])), min(rows[0], total) + 1):
        for rest in _fillings(rows[1:], total - first):
            yield (first, *rest)


def _ways(counts: Sequence[int]) -> int:
    """Return the multinomial coefficient of some counts."""
    ways, total = 1, 0
    for count in counts:
        total += count
        ways *= math.comb(total, count)
    return ways


@dataclass(frozen=True, slots=True)
class MantelHaenszel:
    """The test over strata. statistic: chi-square with one degree of freedom; None if no stratum decides anything."""

    statistic: float | None
    p: float | None
    odds_ratio: Estimate
    method: str


def mantel_haenszel(strata: Sequence[Stratum], *, corrected: bool, level: float = LEVEL) -> MantelHaenszel:
    """Return the Mantel-Haenszel test of 2x2 tables. corrected: by one half, as R does unless told otherwise."""
    method = MANTEL_HAENSZEL_CORRECTED if corrected else MANTEL_HAENSZEL
    used = [stratum for stratum in strata if sum(stratum) > 1]
    excess, variance = Fraction(0), Fraction(0)
    for a, b, c, d in used:
        n = a + b + c + d
        excess += a - Fraction((a + b) * (a + c), n)
        variance += Fraction((a + b) * (c + d) * (a + c) * (b + d), n * n * (n - 1))
    odds = _common_odds_ratio(used, level)
    if variance == 0:
        return MantelHaenszel(None, None, odds, method)
    distance = abs(excess)
    if corrected:
        # Never beyond zero: the correction must not turn a small difference into a larger one.
        distance = max(Fraction(0), distance - Fraction(1, 2))
    statistic = float(distance**2 / variance)
    return MantelHaenszel(statistic, math.erfc(math.sqrt(statistic / 2)), odds, method)


def _common_odds_ratio(strata: Sequence[Stratum], level: float) -> Estimate:
    parts = [
        (Fraction(a * d, n), Fraction(b * c, n), Fraction(a + d, n), Fraction(b + c, n))
        for a, b, c, d in strata
        if (n := a + b + c + d)
    ]
    for_first, for_second = sum(r for r, *_ in parts), sum(s for _, s, *_ in parts)
    if not for_first or not for_second:
        return Estimate(None, None, None, COMMON_ODDS_RATIO)
    ratio = float(for_first / for_second)
    variance = float(
        sum(p * r for r, _s, p, _q in parts) / (2 * for_first**2)
        + sum(p * s + q * r for r, s, p, q in parts) / (2 * for_first * for_second)
        + sum(q * s for _r, s, _p, q in parts) / (2 * for_second**2)
    )
    width = math.exp(normal_quantile(level) * math.sqrt(variance))
    return Estimate(ratio, ratio / width, ratio * width, COMMON_ODDS_RATIO)
