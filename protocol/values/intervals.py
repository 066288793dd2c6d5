"""Results beyond a limit of detection (`<0.6`, `>300`): stored parts, and the interval in which the result lies.

Such a result is stored as its comparator and its limit, never as a number (`decimal` returns None for it). It decides
only what every number of its interval decides. No Django.
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from protocol.document.items import Item

Number = Decimal | Fraction

BELOW: Final = ("<", "<=")
COMPARATORS: Final[Mapping[str, str]] = {
    "<": "<", "<=": "<=", "=<": "<=", "≤": "<=", "⩽": "<=",
    ">": ">", ">=": ">=", "=>": ">=", "≥": ">=", "⩾": ">=",
}  # fmt: skip
"""The comparator that is stored, by the signs that are printed on laboratory sheets."""
PRINTED_SIGN: Final[Mapping[str, str]] = {"<": "<", "<=": "≤", ">": ">", ">=": "≥"}
MIRRORED: Final[Mapping[str, str]] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_SIGN = re.compile(rf"\s*({'|'.join(sorted(COMPARATORS, key=len, reverse=True))})\s*")
COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def comparator_and_number(text: str) -> tuple[str, str]:
    """Return the comparator before a typed number (`""` if there is none) and the text of the number."""
    matched = _SIGN.match(text)
    return (COMPARATORS[matched[1]], text[matched.end() :]) if matched else ("", text)


def comparator_of(value: Any) -> str:
    """Return the comparator of a stored value, `""` for any other value."""
    return value.get("comparator", "") if isinstance(value, Mapping) else ""


def limit_of(value: Any) -> str | None:
    """Return the limit of a stored result beyond a limit, in the item's unit; None for any other value."""
    return value.get("limit") if isinstance(value, Mapping) else None


@dataclass(frozen=True, slots=True)
class Interval:
    """The numbers between two ends; None is an open end without a number. `*_in`: the end itself belongs to it."""

    low: Number | None
    high: Number | None
    low_in: bool = False
    high_in: bool = False

    @classmethod
    def at(cls, number: Number) -> "Interval":
        """Return the interval of one number."""
        return cls(number, number, True, True)

    @classmethod
    def beyond(cls, comparator: str, limit: Number) -> "Interval":
        """Return all numbers for which the comparator holds."""
        included = comparator.endswith("=")
        if comparator in BELOW:
            return cls(None, limit, False, included)
        return cls(limit, None, included, False)

    @property
    def number(self) -> Number | None:
        """Return the number of an interval of one number, else None."""
        return self.low if self.low is not None and self.low == self.high else None

    @property
    def is_empty(self) -> bool:
        """Return True if no number lies between the ends."""
        if self.low is None or self.high is None or self.low < self.high:
            return False
        return self.low > self.high or not (self.low_in and self.high_in)

    def within(self, low: Number | None, high: Number | None) -> "Interval":
        """Return the part between two possible numbers, both included; the whole interval if there is no such part."""
        part = self
        if low is not None and (part.low is None or part.low < low):
            part = Interval(low, part.high, True, part.high_in)
        if high is not None and (part.high is None or part.high > high):
            part = Interval(part.low, high, part.low_in, True)
        return self if part.is_empty else part

    def is_below(self, number: Number) -> bool:
        """Return True if every number of the interval is lower than `number`."""
        return self.high is not None and (self.high < number or (self.high == number and not self.high_in))

    def is_above(self, number: Number) -> bool:
        """Return True if every number of the interval is higher than `number`."""
        return self.low is not None and (self.low > number or (self.low == number and not self.low_in))

    def before(self, other: "Interval") -> bool:
        """Return True if every number of the interval is lower than every number of the other."""
        if self.high is None or other.low is None:
            return False
        return self.high < other.low or (self.high == other.low and not (self.high_in and other.low_in))

    def before_or_at(self, other: "Interval") -> bool:
        """Return True if no number of the interval is higher than any number of the other."""
        return self.high is not None and other.low is not None and self.high <= other.low


def as_interval(value: "Number | Interval") -> Interval:
    """Return a number as an interval."""
    return value if isinstance(value, Interval) else Interval.at(value)


def compared(sign: str, left: "Number | Interval", right: "Number | Interval") -> bool | None:
    """Return the result of a comparison (`<`, `<=`, `>`, `>=`, `==`, `!=`) gives for every pair of numbers, or None."""
    if not isinstance(left, Interval) and not isinstance(right, Interval):
        return COMPARISONS[sign](left, right)
    one, other = as_interval(left), as_interval(right)
    if sign in ("==", "!="):
        apart = one.before(other) or other.before(one)
        same = one.number is not None and one.number == other.number
        return (sign == "!=") if apart else (sign == "==") if same else None
    if sign in (">", ">="):
        one, other = other, one
    if sign in ("<", ">"):
        return True if one.before(other) else False if other.before_or_at(one) else None
    return True if one.before_or_at(other) else False if other.before(one) else None


def member(value: "Number | Interval", members: Iterable[Number]) -> bool | None:
    """Return True if a value surely equals one of the numbers, False if it surely equals none, else None."""
    answers = [compared("==", value, each) for each in members]
    return True if True in answers else None if None in answers else False


def stored_interval(value: Any, item: "Item | None" = None) -> Interval | None:
    """Return the interval of a stored result beyond a limit, in the item's unit; None for any other value.

    A result outside the hard limits of its item is impossible, so the interval ends there.
    """
    comparator = comparator_of(value)
    if not comparator:
        return None
    found = Interval.beyond(comparator, Decimal(value["limit"]))
    return found.within(*item.hard) if item is not None and item.hard is not None else found


def side_of(lies: Number | Interval, low: Number | None, high: Number | None) -> str:
    """Return `low`, `normal` or `high` for a range with both bounds included, or `""` if it is undecided."""
    found = as_interval(lies)
    if low is not None and found.is_below(low):
        return "low"
    if high is not None and found.is_above(high):
        return "high"
    not_low = low is None or (found.low is not None and found.low >= low)
    not_high = high is None or (found.high is not None and found.high <= high)
    return "normal" if not_low and not_high else ""
