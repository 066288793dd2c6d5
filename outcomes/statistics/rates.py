"""Rates of events per time at risk, with exact limits of a Poisson count (Garwood, Biometrika 1936)."""

import math
from functools import lru_cache

from outcomes.statistics.estimates import LEVEL, Estimate, root, tail_of
from protocol.values.refusals import gettext_noop

POISSON = gettext_noop("exact limits of a Poisson count (Garwood)")


def poisson_limits(count: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the exact limits of the expected count. Raises ValueError for a negative count."""
    if count < 0:
        raise ValueError(f"{count} is no count")
    tail = tail_of(level)
    low = _mean_with(count, 1 - tail) if count else 0.0
    return low, _mean_with(count + 1, tail)


def poisson_rate(count: int, exposure: float, *, per: float = 1.0, level: float = LEVEL) -> Estimate:
    """Return events per `per` units of exposure. Without exposure there is no rate. Raises ValueError if negative."""
    if exposure < 0:
        raise ValueError(f"{exposure} is no time at risk")
    low, high = poisson_limits(count, level)
    if exposure == 0:
        return Estimate(None, None, None, POISSON)
    unit = per / exposure
    return Estimate(count * unit, low * unit, high * unit, POISSON)


@lru_cache(maxsize=4096)
def _mean_with(count: int, fewer: float) -> float:
    """Return the mean for which a count below `count` has the probability `fewer`."""

    def excess(mean: float) -> tuple[float, float]:
        # By logarithms: the first term of a large mean is below the smallest double.
        terms = [math.exp(n * math.log(mean) - mean - math.lgamma(n + 1)) for n in range(count)]
        return fewer - math.fsum(terms), terms[-1]

    return root(excess, 0.0, count + 10 * math.sqrt(count) + 30)
