"""Result of a score: a value, or no value with the missing names or a reason; and printed point tables."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Final, Generic, TypeVar

T = TypeVar("T")


class NotMeasured(Enum):
    """Marks an optional component of a scale that was not measured."""

    NOT_MEASURED = "not measured"


NOT_MEASURED: Final = NotMeasured.NOT_MEASURED


@dataclass(frozen=True, slots=True)
class Derived(Generic[T]):
    """A derived value. Without one, ``missing`` names the unknown inputs, or ``reason`` explains why none fits."""

    value: T | None
    missing: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_known(self) -> bool:
        """True if there is a value."""
        return self.value is not None


def inputs_unknown(*names: str) -> Derived[T]:
    """Return no value, because the inputs ``names`` are unknown."""
    return Derived(None, missing=names)


def refused(reason: str) -> Derived[T]:
    """Return no value although every input is known, with the reason."""
    return Derived(None, reason=reason)


def absent(inputs: Mapping[str, object | None]) -> tuple[str, ...]:
    """Return the names of the inputs that are unknown."""
    return tuple(name for name, value in inputs.items() if value is None)


def total(parts: Mapping[str, Derived[int]]) -> Derived[int]:
    """Return the sum of the parts; no value while a part is missing, with the name of each that is."""
    points = [part.value for part in parts.values() if part.value is not None]
    if len(points) < len(parts):
        return inputs_unknown(*(name for name, part in parts.items() if not part.is_known))
    return Derived(sum(points))


class ScoreTable:
    """A printed table of points: the first row whose inequality holds, else the points of the last line.

    A value between two printed bands (1.95 between 1.2–1.9 and 2.0–5.9) belongs to the lower one.
    """

    _SIGNS: Final[Mapping[str, Callable[[Decimal, Decimal], bool]]] = {
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
    }

    def __init__(self, *rows: tuple[str, str, int], otherwise: int) -> None:
        self._rows = tuple((self._SIGNS[sign], Decimal(limit), points) for sign, limit, points in rows)
        self._otherwise = otherwise

    def points(self, value: Decimal) -> int:
        """Return the points of a value."""
        for holds, limit, points in self._rows:
            if holds(value, limit):
                return points
        return self._otherwise

    def score(self, name: str, value: Decimal | None) -> Derived[int]:
        """Return the points of a value; no value and the missing ``name`` if it is None."""
        return inputs_unknown(name) if value is None else Derived(self.points(value))


def whole(name: str, value: Decimal | None, lowest: int, highest: int) -> Derived[int]:
    """Return a rating given by a person: a whole number from ``lowest`` to ``highest``."""
    if value is None:
        return inputs_unknown(name)
    if value != int(value) or not lowest <= value <= highest:
        return refused(f"{name} is a whole number from {lowest} to {highest}")
    return Derived(int(value))
