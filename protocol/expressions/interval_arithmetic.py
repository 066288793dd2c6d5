"""Arithmetic on intervals: the result contains every number that the numbers of the intervals can give.

An end that does not exist stands for infinity. Where one of the numbers has no result (a division by zero, the root
of a negative number) the interval has none either: `ABSENT`.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any, Final

from protocol.expressions import numbers
from protocol.expressions.kinds import ABSENT
from protocol.expressions.numbers import Number
from protocol.values.intervals import Interval, as_interval

Operand = Number | Interval


def add(left: Operand, right: Operand) -> Interval:
    """Return the interval of all sums."""
    a, b = as_interval(left), as_interval(right)
    low = None if a.low is None or b.low is None else numbers.add(a.low, b.low)
    high = None if a.high is None or b.high is None else numbers.add(a.high, b.high)
    return Interval(low, high, a.low_in and b.low_in, a.high_in and b.high_in)


def negate(operand: Operand) -> Interval:
    """Return the interval with the other sign."""
    a = as_interval(operand)
    low, high = (None if end is None else numbers.negate(end) for end in (a.high, a.low))
    return Interval(low, high, a.high_in, a.low_in)


def subtract(left: Operand, right: Operand) -> Interval:
    """Return the interval of all differences."""
    return add(left, negate(right))


_End = tuple[int, Number | None, bool]
"""An end as its sign if it is infinite (-1, 1; else 0), its number, and whether it belongs to the interval."""


def multiply(left: Operand, right: Operand) -> Interval:
    """Return the interval of all products: its ends are products of ends."""
    ends = [_times(one, other) for one, other in product(_ends(left), _ends(right))]
    return _hull(ends)


def _ends(operand: Operand) -> tuple[_End, _End]:
    a = as_interval(operand)
    low: _End = (-1, None, False) if a.low is None else (0, a.low, a.low_in)
    high: _End = (1, None, False) if a.high is None else (0, a.high, a.high_in)
    return low, high


def _times(one: _End, other: _End) -> _End:
    zeros = [closed for infinite, number, closed in (one, other) if not infinite and not number]
    if zeros:
        # Zero times any number is zero, so it is enough that zero itself is reached.
        return 0, _ZERO, any(zeros)
    if one[1] is None or other[1] is None:
        return _sign(one) * _sign(other), None, False
    return 0, numbers.multiply(one[1], other[1]), one[2] and other[2]


def _sign(end: _End) -> int:
    return end[0] or (1 if end[1] > 0 else -1)  # type: ignore[operator]


def _hull(ends: list[_End]) -> Interval:
    infinite = {sign for sign, _number, _closed in ends}
    finite = [(number, closed) for sign, number, closed in ends if not sign and number is not None]
    low, low_in = (None, False) if -1 in infinite else _outermost(finite, min)
    high, high_in = (None, False) if 1 in infinite else _outermost(finite, max)
    return Interval(low, high, low_in, high_in)


def _outermost(finite: list[tuple[Number, bool]], choose: Callable[..., Any]) -> tuple[Number | None, bool]:
    if not finite:
        return None, False
    end = choose(number for number, _closed in finite)
    return end, any(closed for number, closed in finite if number == end)


def divide(left: Operand, right: Operand) -> Any:
    """Return the interval of all quotients, `ABSENT` if the divisor may be zero."""
    b = as_interval(right)
    if not (b.is_above(_ZERO) or b.is_below(_ZERO)):
        return ABSENT
    return multiply(left, Interval(_inverse(b.high), _inverse(b.low), b.high_in, b.low_in))


def _inverse(end: Number | None) -> Number | None:
    """Return the inverse of an end: that of zero is infinite, that of infinity zero."""
    if end is None:
        return _ZERO
    return numbers.divide(_ONE, end) if end else None


def smallest(*operands: Operand) -> Interval:
    """Return the interval of the smallest number."""
    return _extreme([as_interval(each) for each in operands])


def largest(*operands: Operand) -> Interval:
    """Return the interval of the largest number."""
    return negate(_extreme([negate(each) for each in operands]))


def _extreme(several: list[Interval]) -> Interval:
    low, low_in = _least([(each.low, each.low_in) for each in several])
    highs = [(each.high, each.high_in) for each in several if each.high is not None]
    high = min((number for number, _in in highs), default=None)
    # The smallest number reaches the lowest of the upper ends if each interval that ends there does.
    high_in = high is not None and all(closed for number, closed in highs if number == high)
    return Interval(low, high, low_in, high_in)


def _least(ends: list[tuple[Number | None, bool]]) -> tuple[Number | None, bool]:
    if any(number is None for number, _closed in ends):
        return None, False
    return _outermost([(number, closed) for number, closed in ends if number is not None], min)


def absolute(operand: Operand) -> Interval:
    """Return the interval of the numbers without their sign."""
    a = as_interval(operand)
    if a.low is not None and a.low >= 0:
        return a
    if a.high is not None and a.high <= 0:
        return negate(a)
    mirrored = negate(a)
    high, high_in = (
        (None, False)
        if a.high is None or mirrored.high is None
        else _outermost([(a.high, a.high_in), (mirrored.high, mirrored.high_in)], max)
    )
    return Interval(_ZERO, high, True, high_in)


def rising(compute: Callable[[Number], Any], operand: Operand) -> Any:
    """Return the interval of a function that rises with its number; `ABSENT` where an end has no result."""
    a = as_interval(operand)
    low: Any = ABSENT if a.low is None else compute(a.low)
    high = None if a.high is None else compute(a.high)
    return ABSENT if low is ABSENT or high is ABSENT else Interval(low, high, a.low_in, a.high_in)


def square_root(operand: Operand) -> Any:
    """Return the interval of all square roots."""
    return rising(numbers.square_root, operand)


def logarithm(operand: Operand) -> Any:
    """Return the interval of all natural logarithms."""
    return rising(numbers.logarithm, operand)


def power(base: Operand, exponent: Operand) -> Any:
    """Return the interval of all powers: of numbers from zero on, to one exponent above zero; else `ABSENT`."""
    to, a = as_interval(exponent).number, as_interval(base)
    if to is None or to <= 0 or a.low is None or a.low < 0:
        return ABSENT
    return rising(lambda number: numbers.power(number, to), base)


def corners(operands: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the operands with every combination of the ends of their intervals.

    An end that does not belong to its interval is replaced by a number just inside it, and infinity by a number beyond
    every limit that a score compares with.
    """
    yield from product(
        *(
            (_inside(each, 1), _inside(each, -1)) if isinstance(each, Interval) else (each,)
            for each in operands
        )
    )


def _inside(interval: Interval, direction: int) -> Number:
    end, included = (interval.low, interval.low_in) if direction > 0 else (interval.high, interval.high_in)
    if end is None:
        return -_FAR * direction
    return end if included else Fraction(end) + direction * _STEP


_ZERO: Final = Decimal(0)
_ONE: Final = Decimal(1)
_FAR: Final = Decimal(10) ** 20
_STEP: Final = Fraction(1, 10**20)
