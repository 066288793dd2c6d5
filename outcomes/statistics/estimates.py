"""An estimate with its limits and the name of its method, and what every method needs: levels and roots."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

LEVEL = 0.95
"""Confidence level of every limit unless another is given."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its confidence limits and the method, an English text that is marked for translation.

    A None is a figure that the data do not give.
    """

    value: float | None
    low: float | None
    high: float | None
    method: str


def normal_quantile(level: float) -> float:
    """Return z of a two-sided level: 1.959964 for 0.95. Raises ValueError unless 0 < level < 1."""
    _refuse_level(level)
    return NormalDist().inv_cdf((1 + level) / 2)


def tail_of(level: float) -> float:
    """Return the probability in each tail: 0.025 for 0.95. Raises ValueError unless 0 < level < 1."""
    _refuse_level(level)
    return (1 - level) / 2


def _refuse_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1: {level}")


def root(function: Callable[[float], tuple[float, float]], low: float, high: float) -> float:
    """Return where an increasing function is zero between two points.

    function: returns value and derivative. Newton's steps; a step that leaves the bracket becomes a bisection.
    """
    here = (low + high) / 2
    for _step in range(200):
        value, slope = function(here)
        if value > 0:
            high = here
        else:
            low = here
        step = here - value / slope if slope > 0 else low
        following = step if low < step < high else (low + high) / 2
        if abs(following - here) <= 1e-15 * max(1.0, abs(here)):
            return following
        here = following
    return here
