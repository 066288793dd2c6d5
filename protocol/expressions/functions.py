"""Functions of expressions: comparison of partial dates, counts, and the arithmetic that CEL lacks.

Each takes known values and returns `ABSENT` if they do not decide, so that a partial date is never imputed (DAT-05):
``before("2021-01", "2021-01-15")`` is undetermined, ``before("2021-01", "2021-02-01")`` is true.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from protocol.expressions import interval_arithmetic as intervals
from protocol.expressions import numbers
from protocol.expressions.kinds import ABSENT, LOGIC, MOMENTS, NUMBER, FunctionSignature, Kind
from protocol.expressions.numbers import Number
from protocol.expressions.score_functions import SCORE_FUNCTIONS
from protocol.expressions.window_functions import WINDOW_FUNCTIONS
from protocol.values import moments
from protocol.values.intervals import Interval
from protocol.values.moments import Moment

LISTS: Final = frozenset({Kind.CODES, Kind.ROWS, Kind.LIST})


def _before(a: Moment, b: Moment, *, zone: str, whole_days: bool) -> Any:
    if whole_days:
        return _decided(moments.before(a, b))
    if a.latest < b.earliest:
        return True
    return False if a.earliest >= b.latest else ABSENT


def _on_or_before(a: Moment, b: Moment, *, zone: str, whole_days: bool) -> Any:
    # Without two clock times, local days are compared.
    if a.precision == b.precision == "minute":
        return a.earliest <= b.earliest
    fewest, most = moments.days_between(a, b, zone)
    if fewest >= 0:
        return True
    return False if most < 0 else ABSENT


def _days(a: Moment, b: Moment, *, zone: str, whole_days: bool) -> Any:
    fewest, most = moments.days_between(a, b, zone)
    return Decimal(fewest) if fewest == most else ABSENT


def _hours(a: Moment, b: Moment, *, zone: str, whole_days: bool) -> Any:
    if not a.precision == b.precision == "minute":
        return ABSENT
    return Fraction(moments.minutes_between(a, b)[0], 60)


def years_range(a: Moment, b: Moment, *, zone: str) -> tuple[Decimal, Decimal]:
    """Return the fewest and the most completed years from ``a`` to ``b``."""
    fewest, most = moments.years_between(a, b, zone)
    return Decimal(fewest), Decimal(most)


def _years(a: Moment, b: Moment, *, zone: str, whole_days: bool) -> Any:
    fewest, most = years_range(a, b, zone=zone)
    return fewest if fewest == most else ABSENT


def _decided(answer: bool | None) -> Any:
    return ABSENT if answer is None else answer


def _count(first: Any, *others: Any, zone: str, whole_days: bool) -> Decimal:
    if isinstance(first, list):
        return Decimal(len(first))
    return Decimal(sum((first, *others)))


def _arithmetic(of_numbers: Callable[..., Any], of_intervals: Callable[..., Any]) -> Callable[..., Any]:
    def apply(*values: Number | Interval, zone: str, whole_days: bool) -> Any:
        compute = of_intervals if any(isinstance(value, Interval) for value in values) else of_numbers
        return compute(*values)

    return apply


def _first_known(*values: Any, zone: str, whole_days: bool) -> Any:
    return next((value for value in values if value is not ABSENT), ABSENT)


_MOMENT = frozenset(MOMENTS)
_INSTANT = frozenset({Kind.INSTANT})
_NUMBERS = frozenset({Kind.NUMBER})
_COUNTED = LISTS | {Kind.LOGIC}

FUNCTIONS: Mapping[str, FunctionSignature] = {
    "days": FunctionSignature(
        (_MOMENT, _MOMENT), NUMBER, _days, "calendar days from a to b on the clock of the site"
    ),
    "hours": FunctionSignature((_INSTANT, _INSTANT), NUMBER, _hours, "elapsed hours from a to b"),
    "years": FunctionSignature((_MOMENT, _MOMENT), NUMBER, _years, "completed years from a to b"),
    "before": FunctionSignature((_MOMENT, _MOMENT), LOGIC, _before, "a is earlier than b"),
    "on_or_before": FunctionSignature((_MOMENT, _MOMENT), LOGIC, _on_or_before, "a is not later than b"),
    "count": FunctionSignature(
        (_COUNTED,), NUMBER, _count, "rows, codes chosen, or conditions that hold", more=True
    ),
    "min": FunctionSignature(
        (_NUMBERS,),
        NUMBER,
        _arithmetic(numbers.smallest, intervals.smallest),
        "the smallest number",
        more=True,
    ),
    "max": FunctionSignature(
        (_NUMBERS,), NUMBER, _arithmetic(numbers.largest, intervals.largest), "the largest number", more=True
    ),
    "abs": FunctionSignature(
        (_NUMBERS,), NUMBER, _arithmetic(numbers.absolute, intervals.absolute), "the number without its sign"
    ),
    "sqrt": FunctionSignature(
        (_NUMBERS,), NUMBER, _arithmetic(numbers.square_root, intervals.square_root), "the square root"
    ),
    "pow": FunctionSignature(
        (_NUMBERS, _NUMBERS), NUMBER, _arithmetic(numbers.power, intervals.power), "a to the power of b"
    ),
    "log": FunctionSignature(
        (_NUMBERS,), NUMBER, _arithmetic(numbers.logarithm, intervals.logarithm), "the natural logarithm"
    ),
    "first_known": FunctionSignature(
        (_NUMBERS,), NUMBER, _first_known, "the first number that is known", more=True, partial=True
    ),
    **WINDOW_FUNCTIONS,
    **SCORE_FUNCTIONS,
}
PAST: Final = frozenset({"previous", "last"})
"""``previous(item)``: value in the record before this one; ``last(item)``: latest known value."""
AT_VISIT: Final = frozenset({"here", "entered_here", "unit_here"})
"""Values of the same visit only: ``here(item)``, the value as entered, and the unit in which it was entered."""
HISTORY: Final = PAST | AT_VISIT
"""Functions that take an item and choose which of its values to read."""
