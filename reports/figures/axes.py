"""Axes of values: evenly divided, or by powers of ten where the values span several of them.

Plain values in, pixels and ticks out. No Django.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from reports.figures.shapes import Scale, value_ticks

WIDE_SPAN = 50.0
"""From this quotient of the highest and the lowest value on, an axis of positive values is logarithmic."""
MOST_DECADES = 2
MOST_POWERS = 8


@dataclass(frozen=True, slots=True)
class ValueAxis:
    """An axis with its ticks. Values outside the ticks are placed at its edge."""

    ticks: tuple[float, ...]
    scale: Scale
    logarithmic: bool

    def __call__(self, value: float) -> float:
        """Return the pixel of a value. A logarithmic axis places what is not above zero at its lower edge."""
        if not self.logarithmic:
            return self.scale(value)
        return self.scale(math.log10(value)) if value > 0 else self.scale.start


def is_wide(values: Iterable[float]) -> bool:
    """Return True if values above zero span so much that a linear axis hides the low ones, and none is negative."""
    found = list(values)
    above = [value for value in found if value > 0]
    return bool(above) and min(found) >= 0 and max(above) / min(above) >= WIDE_SPAN


def value_axis(
    values: Iterable[float], start: float, end: float, *, at_most: int = 5, logarithmic: bool = False
) -> ValueAxis:
    """Return an axis from pixel `start` to `end` that encloses the values. logarithmic: those above zero."""
    found = [value for value in values if not logarithmic or value > 0]
    if not logarithmic or not found:
        ticks = value_ticks(found, at_most)
        return ValueAxis(ticks, Scale(ticks[0], ticks[-1], start, end), False)
    ticks = power_ticks(min(found), max(found))
    return ValueAxis(ticks, Scale(math.log10(ticks[0]), math.log10(ticks[-1]), start, end), True)


def power_ticks(low: float, high: float) -> tuple[float, ...]:
    """Return 1, 2, 5 × 10ⁿ that enclose two values above zero; over several decades the powers of ten alone."""
    if high / low < 10**MOST_DECADES:
        steps = [
            factor * 10.0**power
            for power in range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
            for factor in (1, 2, 5)
        ]
        first = max(step for step in steps if step <= low * (1 + 1e-9))
        last = min(step for step in steps if step >= high * (1 - 1e-9) and step > first)
        return tuple(float(f"{step:.6g}") for step in steps if first <= step <= last)
    lowest, highest = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    step = max(1, math.ceil((highest - lowest) / MOST_POWERS))
    highest = lowest + math.ceil((highest - lowest) / step) * step
    return tuple(float(f"1e{power}") for power in range(lowest, highest + 1, step))
