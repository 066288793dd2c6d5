"""The published arms of a replay as a sealed list, and the order in which the patients take its places.

A published table seldom has the order of inclusion. The places are dealt out so that the arms keep the ratio of the
protocol at every place, and the patients of an arm take them in the order of the file.
"""

import csv
import io
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from fractions import Fraction

from dosing.allocation.sealed_list import COLUMNS


def dealt(arms: Sequence[str], ratio: Mapping[str, int]) -> list[int]:
    """Return the indices of the patients in the order of their places. arms: that of each patient. ratio: by arm."""
    waiting: dict[str, deque[int]] = defaultdict(deque)
    for index, arm in enumerate(arms):
        waiting[arm].append(index)
    given: dict[str, int] = dict.fromkeys(ratio, 0)
    order: list[int] = []
    while any(waiting.values()):
        arm = _next([arm for arm, left in waiting.items() if left], given, ratio)
        given[arm] += 1
        order.append(waiting[arm].popleft())
    return order


def sealed_places(strata: Mapping[str, Sequence[str]], ratio: Mapping[str, int], least: int) -> bytes:
    """Return the file of a sealed list. strata: by stratum, the arms in the order of the places.

    least: places that the file needs in all; each stratum gets spare ones in the ratio until there are enough.
    """
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(COLUMNS)
    known = sum(len(arms) for arms in strata.values())
    spare = max(1, -(-(least - known) // max(1, len(strata))))
    for stratum, arms in strata.items():
        given = {arm: list(arms).count(arm) for arm in ratio}
        places = list(arms)
        for _place in range(spare):
            places.append(_next(list(ratio), given, ratio))
            given[places[-1]] += 1
        writer.writerows((stratum, number, arm) for number, arm in enumerate(places, start=1))
    return target.getvalue().encode()


def _next(offered: Sequence[str], given: Mapping[str, int], ratio: Mapping[str, int]) -> str:
    """Return the offered arm that lags most behind its share; of equal ones the first of the protocol."""
    place, whole = sum(given.values()) + 1, sum(ratio.values())
    order = list(ratio)
    return max(offered, key=lambda arm: (Fraction(ratio[arm] * place, whole) - given[arm], -order.index(arm)))
