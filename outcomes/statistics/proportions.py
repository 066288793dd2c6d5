"""Proportions: exact (Clopper-Pearson) and score (Wilson) limits, and Newcombe's limits of a difference.

Sources: Clopper and Pearson, Biometrika 1934; Wilson, J Am Stat Assoc 1927; Newcombe, Stat Med 1998;17:873, method 10.
"""

import math
from functools import lru_cache

from outcomes.statistics.estimates import LEVEL, Estimate, normal_quantile, root, tail_of
from protocol.values.refusals import gettext_noop

CLOPPER_PEARSON = gettext_noop("exact limits (Clopper-Pearson)")
WILSON = gettext_noop("score limits (Wilson)")
NEWCOMBE = gettext_noop("limits of the difference by Newcombe's score method (no. 10)")


def clopper_pearson(successes: int, of: int, level: float = LEVEL) -> Estimate:
    """Return a proportion with exact limits. Raises ValueError unless 0 <= successes <= of; none of 0 has no value."""
    _refuse(successes, of)
    if of == 0:
        return Estimate(None, None, None, CLOPPER_PEARSON)
    low = _lower(successes, of, tail_of(level))
    high = 1 - _lower(of - successes, of, tail_of(level))
    return Estimate(successes / of, low, high, CLOPPER_PEARSON)


def wilson(successes: int, of: int, level: float = LEVEL) -> Estimate:
    """Return a proportion with score limits, without continuity correction. Raises ValueError as above."""
    _refuse(successes, of)
    if of == 0:
        return Estimate(None, None, None, WILSON)
    z = normal_quantile(level)
    share = successes / of
    centre = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    low = 0.0 if successes == 0 else centre - half
    return Estimate(share, low, 1.0 if successes == of else centre + half, WILSON)


def newcombe(first: tuple[int, int], second: tuple[int, int], level: float = LEVEL) -> Estimate:
    """Return the difference of two proportions (successes, of), first less second, with its limits."""
    one, other = wilson(*first, level=level), wilson(*second, level=level)
    if one.value is None or one.low is None or one.high is None:
        return Estimate(None, None, None, NEWCOMBE)
    if other.value is None or other.low is None or other.high is None:
        return Estimate(None, None, None, NEWCOMBE)
    difference = one.value - other.value
    below = math.hypot(one.value - one.low, other.high - other.value)
    above = math.hypot(one.high - one.value, other.value - other.low)
    return Estimate(difference, difference - below, difference + above, NEWCOMBE)


def _refuse(successes: int, of: int) -> None:
    if not 0 <= successes <= of:
        raise ValueError(f"{successes} of {of} is no proportion")


@lru_cache(maxsize=4096)
def _lower(successes: int, of: int, tail: float) -> float:
    """Return the proportion under which `successes` or more have the probability `tail`; 0 for no success."""
    if successes == 0:
        return 0.0
    ways = math.log(math.comb(of, successes))

    def excess(share: float) -> tuple[float, float]:
        first = math.exp(ways + successes * math.log(share) + (of - successes) * math.log1p(-share))
        odds, term, terms = share / (1 - share), first, [first]
        for number in range(successes, of):
            term *= odds * (of - number) / (number + 1)
            terms.append(term)
        # The derivative of the upper tail is a density of the beta distribution.
        return math.fsum(terms) - tail, first * successes / share

    return root(excess, 0.0, 1.0)
