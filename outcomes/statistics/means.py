"""Means and medians. Student's t is summed exactly for whole degrees of freedom.

Source of the sum: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from outcomes.statistics.estimates import LEVEL, Estimate, root, tail_of
from protocol.values.refusals import gettext_noop

STUDENT = gettext_noop("limits of the mean by Student's t")
QUARTILES = gettext_noop("median with quartiles (averages at steps)")


def mean(values: Sequence[Decimal], level: float = LEVEL) -> Estimate:
    """Return the mean with its limits; none from fewer than two values, or beyond the numbers of a double."""
    centre, deviation = _moments(values)
    if centre is None or deviation is None:
        return Estimate(centre, None, None, STUDENT)
    half = student_quantile(len(values) - 1, level) * deviation / math.sqrt(len(values))
    return Estimate(centre, centre - half, centre + half, STUDENT)


def standard_deviation(values: Sequence[Decimal]) -> float | None:
    """Return the standard deviation of a sample, None from fewer than two values or beyond the numbers of a double."""
    return _moments(values)[1]


def _moments(values: Sequence[Decimal]) -> tuple[float | None, float | None]:
    """Return mean and standard deviation, summed in whole numbers of the last decimal: nothing is rounded before.

    None is a figure that the values do not give, or that no double holds: one patient's typing error of two hundred
    digits must not take the outcomes of all others away.
    """
    if not values:
        return None, None
    places = min(_exponent(value) for value in values)
    whole = [_whole(value, places) for value in values]
    count, total = len(whole), sum(whole)
    unit = Fraction(10) ** places
    centre = _double(Fraction(total, count) * unit)
    if count < 2:
        return centre, None
    spread = Fraction(count * sum(each * each for each in whole) - total * total, count * (count - 1))
    variance = _double(spread * unit * unit)
    return centre, None if variance is None else math.sqrt(variance)


def _double(number: Fraction) -> float | None:
    """Return a number as a double, None if it is too large for one."""
    try:
        return float(number)
    except OverflowError:
        return None


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"{value} is no number")  # noqa: TRY004  it is a Decimal, but infinite or no number
    return exponent


def _whole(value: Decimal, places: int) -> int:
    """Return a value in units of 10 to the power of places, which is at most its own exponent."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} is no number")  # noqa: TRY004  as above
    size = int("".join(map(str, digits))) * 10 ** (exponent - places)
    return -size if sign else size


def median(values: Sequence[Decimal]) -> Estimate:
    """Return the median; its limits are the quartiles. Where a step is exactly at the share, its two sides average."""
    if not values:
        return Estimate(None, None, None, QUARTILES)
    ordered = sorted(values)
    low, centre, high = (_double(_quantile(ordered, Fraction(part, 4))) for part in (1, 2, 3))
    return Estimate(centre, low, high, QUARTILES)


def _quantile(ordered: Sequence[Decimal], share: Fraction) -> Fraction:
    place = share * len(ordered)
    first = ordered[max(0, math.ceil(place) - 1)]
    second = ordered[min(len(ordered) - 1, math.floor(place))]
    return (Fraction(first) + Fraction(second)) / 2


@lru_cache(maxsize=1024)
def student_quantile(degrees: int, level: float = LEVEL) -> float:
    """Return t of a two-sided level. Raises ValueError for less than one degree of freedom."""
    if degrees < 1:
        raise ValueError("Student's t needs at least one degree of freedom")
    within = 1 - 2 * tail_of(level)

    def excess(angle: float) -> tuple[float, float]:
        return _within(angle, degrees) - within, 0.0

    return math.sqrt(degrees) * math.tan(root(excess, 0.0, math.pi / 2))


def _within(angle: float, degrees: int) -> float:
    """Return the probability of |t| <= sqrt(degrees) * tan(angle)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2 == 1
    term = cosine if odd else 1.0
    total = 0.0 if degrees == 1 else term
    for number in range(3 if odd else 2, degrees - 1, 2):
        term *= cosine * cosine * (number - 1) / number
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
