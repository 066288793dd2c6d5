"""Times to an event: Kaplan-Meier with log-log limits and the median, Aalen-Johansen for competing events.

Shares are exact fractions, so that a curve that is exactly one half is never taken for a little more or less.
Sources: Kaplan and Meier, J Am Stat Assoc 1958; Kalbfleisch and Prentice 1980 (log-log limits); Aalen and Johansen,
Scand J Stat 1978; Marubini and Valsecchi 1995 (variance of a cumulative incidence).
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from outcomes.statistics.estimates import LEVEL, Estimate, normal_quantile
from protocol.values.refusals import gettext_noop

KAPLAN_MEIER = gettext_noop("Kaplan-Meier, limits on the log-log scale (Greenwood)")
KAPLAN_MEIER_MEDIAN = gettext_noop(
    "median of Kaplan-Meier; where the curve is one half, the middle of that stretch"
)
AALEN_JOHANSEN = gettext_noop("cumulative incidence with competing events (Aalen-Johansen), log-log limits")
HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class ObservedTime:
    """The time of one patient in days, and the number of what ended it: 0 censored, 1 the event, 2 a competing one."""

    day: int
    cause: int


@dataclass(frozen=True, slots=True)
class CurveStep:
    """The curve from one day on: at risk just before it, events and censored on it, share and limits after it.

    incidence: share of patients with the event by then, with its limits; under competing events not 1 - share.
    """

    day: int
    at_risk: int
    events: int
    competing: int
    censored: int
    share: Fraction
    low: float | None
    high: float | None
    incidence: Fraction
    incidence_low: float | None
    incidence_high: float | None


def curve(observed: Iterable[ObservedTime], level: float = LEVEL) -> list[CurveStep]:
    """Return a step for each day on which something ends, in order.

    share: patients without any event, competing ones included; without competing events it is Kaplan-Meier.
    Patients censored on a day are at risk of the events of that day. Raises ValueError for an unknown cause.
    """
    by_day: dict[int, Counter[int]] = {}
    for each in observed:
        if each.cause not in (0, 1, 2):
            raise ValueError(f"unknown cause {each.cause}")
        by_day.setdefault(each.day, Counter())[each.cause] += 1
    z = normal_quantile(level)
    at_risk = sum(sum(counts.values()) for counts in by_day.values())
    share, incidence, hazard = Fraction(1), Fraction(0), Fraction(0)
    past = _Past()
    steps = []
    for day in sorted(by_day):
        censored, events, competing = (by_day[day][cause] for cause in (0, 1, 2))
        ended = events + competing
        incidence += share * Fraction(events, at_risk)
        variance = past.variance(at_risk, events, ended, share, incidence)
        share *= 1 - Fraction(ended, at_risk)
        if ended < at_risk:
            hazard += Fraction(ended, at_risk * (at_risk - ended))
        low, high = _log_log(share, hazard, z)
        # 1 - incidence has the limits of a survival; they change places for the incidence.
        above, below = (
            _log_log(1 - incidence, variance / (1 - incidence) ** 2, z) if (incidence < 1) else (None, None)
        )
        steps.append(
            CurveStep(day, at_risk, events, competing, censored, share, low, high, incidence,
                 None if below is None else 1 - below, None if above is None else 1 - above)
        )  # fmt: skip
        at_risk -= ended + censored
    return steps


class _Past:
    """Sums over the days so far, by which each day adds its part to the variance of a cumulative incidence.

    The variance is the sum over the days of (I - i)² a + s² b - 2 (I - i) s c, where I is the incidence now, i that of
    the day and s the share before it. Multiplied out, it needs no second pass over the days: a trial of some hundred
    patients would wait for minutes.
    """

    def __init__(self) -> None:
        self.a, self.ai, self.aii = Fraction(0), Fraction(0), Fraction(0)
        self.b, self.c, self.ci = Fraction(0), Fraction(0), Fraction(0)

    def variance(
        self, n: int, events: int, ended: int, share_before: Fraction, incidence: Fraction
    ) -> Fraction:
        """Add a day and return the variance of the incidence after it, by the delta method."""
        self.b += share_before**2 * Fraction((n - events) * events, n**3)
        total = incidence**2 * self.a - 2 * incidence * self.ai + self.aii + self.b
        total -= 2 * (incidence * self.c - self.ci)
        # A day on which everybody ends is the last one: no later incidence needs its part.
        if ended < n:
            a, c = Fraction(ended, n * (n - ended)), share_before * Fraction(events, n**2)
            self.a, self.ai, self.aii = (
                self.a + a,
                self.ai + a * incidence,
                self.aii + a * incidence**2,
            )
            self.c, self.ci = self.c + c, self.ci + c * incidence
        return total


def _log_log(share: Fraction, hazard: Fraction, z: float) -> tuple[float | None, float | None]:
    """Return the limits of a share; none where it is 0 or 1. hazard: its variance over its square."""
    if not 0 < share < 1:
        return None, None
    spread = z * math.sqrt(hazard) / abs(math.log(share))
    return float(share) ** math.exp(spread), float(share) ** math.exp(-spread)


def share_at(steps: Sequence[CurveStep], day: int) -> Estimate:
    """Return the share without event after a day, with its limits. No value if nobody was observed that long."""
    if not steps or (day > steps[-1].day and steps[-1].share > 0):
        return Estimate(None, None, None, KAPLAN_MEIER)
    reached = [step for step in steps if step.day <= day]
    if not reached:
        return Estimate(1.0, None, None, KAPLAN_MEIER)
    return Estimate(float(reached[-1].share), reached[-1].low, reached[-1].high, KAPLAN_MEIER)


def incidence_at(steps: Sequence[CurveStep], day: int) -> Estimate:
    """Return the cumulative incidence of the event by a day. No value if nobody was observed that long."""
    if not steps or (day > steps[-1].day and steps[-1].share > 0):
        return Estimate(None, None, None, AALEN_JOHANSEN)
    reached = [step for step in steps if step.day <= day]
    if not reached:
        return Estimate(0.0, None, None, AALEN_JOHANSEN)
    last = reached[-1]
    return Estimate(float(last.incidence), last.incidence_low, last.incidence_high, AALEN_JOHANSEN)


def median_time(steps: Sequence[CurveStep]) -> Estimate:
    """Return the median time with its limits, in days; None where the curve does not come down to one half.

    The limits are the days on which those of the curve cross one half, as R's survfit returns them.
    """
    middle = _crossing([(step.day, step.share) for step in steps])
    low = _crossing([(step.day, step.low) for step in steps if step.low is not None])
    high = _crossing([(step.day, step.high) for step in steps if step.high is not None])
    return Estimate(middle, low, high, KAPLAN_MEIER_MEDIAN)


def _crossing(points: Sequence[tuple[int, Fraction | float]]) -> float | None:
    at_half = [(day, share) for day, share in points if share <= HALF]
    if not at_half:
        return None
    first, share = at_half[0]
    below = next((day for day, later in at_half if later < share), None)
    return (first + below) / 2 if share == HALF and below is not None else float(first)


def at_risk_on(observed: Iterable[ObservedTime], days: Sequence[int]) -> list[int]:
    """Return the number of patients at risk on each day: those whose time ends on it or later."""
    ends = [each.day for each in observed]
    return [sum(end >= day for end in ends) for day in days]
