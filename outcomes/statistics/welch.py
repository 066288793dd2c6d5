"""The difference of two means where the spreads may differ: Welch's test and its limits.

Sources: Welch, Biometrika 1947; Satterthwaite, Biometrics Bulletin 1946 (degrees of freedom). The tail of Student's t
for degrees of freedom that are no whole number is an incomplete beta function (Abramowitz and Stegun, Handbook of
Mathematical Functions, 26.5.8 and 26.7.1).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from outcomes.statistics.estimates import LEVEL, Estimate, root, tail_of
from outcomes.statistics.means import mean, standard_deviation
from protocol.values.refusals import gettext_noop

WELCH = gettext_noop("Welch's t test, two-sided")
WELCH_LIMITS = gettext_noop("limits of the difference of two means by Welch")
MOST_TERMS = 10_000
SMALL = 1e-300


@dataclass(frozen=True, slots=True)
class WelchTest:
    """The test of two means. degrees: of freedom, seldom whole. All None without both spreads, or beyond a double."""

    statistic: float | None
    degrees: float | None
    p: float | None
    difference: Estimate


NO_TEST = WelchTest(None, None, None, Estimate(None, None, None, WELCH_LIMITS))


def welch(first: Sequence[Decimal], second: Sequence[Decimal], level: float = LEVEL) -> WelchTest:
    """Return the test of the means of two samples, first less second. Without two values in each there is none."""
    spreads = standard_deviation(first), standard_deviation(second)
    centres = mean(first).value, mean(second).value
    if spreads[0] is None or spreads[1] is None or centres[0] is None or centres[1] is None:
        return NO_TEST
    # The variances are finite: `standard_deviation` has none beyond the numbers of a double.
    parts = spreads[0] * spreads[0] / len(first), spreads[1] * spreads[1] / len(second)
    error = math.sqrt(sum(parts))
    # The degrees of freedom take the square of the variance.
    if error == 0 or not math.isfinite(sum(parts) * sum(parts)):
        return NO_TEST
    within = parts[0] * parts[0] / (len(first) - 1) + parts[1] * parts[1] / (len(second) - 1)
    if within == 0:
        return NO_TEST
    degrees = sum(parts) * sum(parts) / within
    difference = centres[0] - centres[1]
    half = student_limit(degrees, level) * error
    statistic = difference / error
    limits = Estimate(difference, difference - half, difference + half, WELCH_LIMITS)
    return WelchTest(statistic, degrees, student_tails(statistic, degrees), limits)


def student_tails(statistic: float, degrees: float) -> float:
    """Return the probability that |t| is at least this. degrees: of freedom, above 0, whole or not."""
    if degrees <= 0:
        raise ValueError(f"{degrees} is no number of degrees of freedom")
    square = statistic * statistic
    return _incomplete_beta(degrees / (degrees + square), square / (degrees + square), degrees / 2, 0.5)


def student_limit(degrees: float, level: float = LEVEL) -> float:
    """Return t of a two-sided level: 2.2281 for 10 degrees and 0.95. degrees: whole or not."""
    outside = 2 * tail_of(level)

    def excess(angle: float) -> tuple[float, float]:
        return outside - student_tails(math.sqrt(degrees) * math.tan(angle), degrees), 0.0

    return math.sqrt(degrees) * math.tan(root(excess, 0.0, math.pi / 2))


def _incomplete_beta(share: float, rest: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function of a share. rest: 1 - share, without its rounding."""
    if share <= 0:
        return 0.0
    if rest <= 0:
        return 1.0
    # The fraction converges fast on this side of the mean only.
    if share > (a + 1) / (a + b + 2):
        return 1.0 - _incomplete_beta(rest, share, b, a)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(share) + b * math.log(rest)
    return math.exp(front) / (a * _fraction(share, a, b))


def _fraction(share: float, a: float, b: float) -> float:
    """Return the continued fraction 26.5.8 from its convergents, which are scaled so that none grows too large."""
    above, above_before, below, below_before = 1.0, 1.0, 1.0, 0.0
    value = 1.0
    for term in range(1, MOST_TERMS):
        step = term // 2
        if term % 2:
            part = -(a + step) * (a + b + step) * share / ((a + 2 * step) * (a + 2 * step + 1))
        else:
            part = step * (b - step) * share / ((a + 2 * step - 1) * (a + 2 * step))
        above, above_before = above + part * above_before, above
        below, below_before = below + part * below_before, below
        scale = abs(below) or SMALL
        above, above_before, below, below_before = (
            each / scale for each in (above, above_before, below, below_before)
        )
        if abs(below) > SMALL and abs(above / below - value) <= 1e-16 * abs(value):
            return above / below
        value = above / below if abs(below) > SMALL else value
    return value
