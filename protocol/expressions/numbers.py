"""Exact numbers of expressions: decimals as typed, fractions where a division does not end.

Clinical limits are decimal and decide at equality, so nothing is rounded on the way: a sum, difference or product
of decimals is a decimal, a quotient is a fraction, and `x / 3.0 * 3.0 >= x` holds. Only a root, a power that is
not whole, a logarithm, and what is shown are rounded, to 28 digits.
"""

from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_HALF_UP,
    Clamped,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    Rounded,
    Subnormal,
    Underflow,
)
from fractions import Fraction
from typing import Any, Final

from protocol.expressions.kinds import ABSENT

Number = Decimal | Fraction

# Inputs have at most 308 digits on either side and an expression at most some hundred operators: no exact result
# comes near this precision, and one that did must be an error, never a rounded answer.
_EXACT: Final = Context(
    prec=200_000,
    Emax=MAX_EMAX,
    Emin=MIN_EMIN,
    traps=[Inexact, InvalidOperation, DivisionByZero, Overflow, Underflow],
)
_DIGITS: Final = Context(
    prec=28,
    rounding=ROUND_HALF_UP,
    Emax=MAX_EMAX,
    Emin=MIN_EMIN,
    traps=[InvalidOperation, DivisionByZero, Overflow],
)
_LONGEST_EXACT_POWER: Final = 64
# A division makes a fraction of whole numbers: one with a million digits would take minutes and all memory.
_MOST_POWER_DIGITS: Final = 1000
_POWER: Final = Context(
    prec=28,
    rounding=ROUND_HALF_UP,
    Emax=_MOST_POWER_DIGITS,
    Emin=-_MOST_POWER_DIGITS,
    traps=[InvalidOperation, DivisionByZero, Overflow, Underflow],
)
_UNTRAPPED: Final = (Clamped, Rounded, Subnormal)
"""What may happen in exact arithmetic without changing a value: named so that a new trap is a decision."""


def is_number(value: object) -> bool:
    """Return True for a number of expressions."""
    return isinstance(value, Decimal | Fraction)


def add(left: Number, right: Number) -> Number:
    """Return the exact sum."""
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return _EXACT.add(left, right)
    return Fraction(left) + Fraction(right)


def subtract(left: Number, right: Number) -> Number:
    """Return the exact difference."""
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return _EXACT.subtract(left, right)
    return Fraction(left) - Fraction(right)


def multiply(left: Number, right: Number) -> Number:
    """Return the exact product."""
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return _EXACT.multiply(left, right)
    return Fraction(left) * Fraction(right)


def divide(left: Number, right: Number) -> Any:
    """Return the exact quotient, `ABSENT` for a division by zero."""
    return Fraction(left) / Fraction(right) if right else ABSENT


def negate(number: Number) -> Number:
    """Return the number with the other sign."""
    return -number if isinstance(number, Fraction) else number.copy_negate()


def smallest(*numbers: Number) -> Number:
    """Return the smallest number. Python compares a decimal and a fraction exactly."""
    return min(numbers)


def largest(*numbers: Number) -> Number:
    """Return the largest number."""
    return max(numbers)


def absolute(number: Number) -> Number:
    """Return the number without its sign."""
    return abs(number) if isinstance(number, Fraction) else number.copy_abs()


def square_root(number: Number) -> Any:
    """Return the square root with 28 digits, `ABSENT` below zero."""
    return _DIGITS.sqrt(as_decimal(number)) if number >= 0 else ABSENT


def logarithm(number: Number) -> Any:
    """Return the natural logarithm with 28 digits, `ABSENT` at zero and below."""
    return _DIGITS.ln(as_decimal(number)) if number > 0 else ABSENT


def power(base: Number, exponent: Number) -> Any:
    """Return the power: exact for a whole exponent up to 64, else with 28 digits.

    `ABSENT` where there is none: zero to a negative exponent, a negative base to an exponent that is not whole.
    Raises ArithmeticError for one that is not exact and has more than 1000 digits before or behind the point.
    """
    whole = int(exponent)
    if whole == Fraction(exponent) and abs(whole) <= _LONGEST_EXACT_POWER:
        return Fraction(base) ** whole if base or whole >= 0 else ABSENT
    if base < 0 or (not base and exponent < 0):
        return ABSENT
    return _POWER.power(as_decimal(base), as_decimal(exponent))


def as_decimal(number: Number) -> Decimal:
    """Return the number as a decimal: exact where its digits end, else rounded half up to 28 digits."""
    if isinstance(number, Decimal):
        return number
    numerator, denominator = Decimal(number.numerator), Decimal(number.denominator)
    if _divides_a_power_of_ten(number.denominator):
        return _EXACT.divide(numerator, denominator)
    return _DIGITS.divide(numerator, denominator)


def rounded(number: Number, decimals: int | None) -> Decimal:
    """Return the number rounded half up (away from zero) to `decimals` places; without them as it is shown.

    Never minus zero. Rounding reads the exact number: the mean of 2.3 and 2.4 is 2.35 and rounds to 2.4.
    """
    if decimals is None:
        shown = _plain(as_decimal(number))
    elif isinstance(number, Decimal):
        shown = number.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP, context=_ROUNDING)
    else:
        scaled, double = abs(number.numerator) * 10**decimals * 2, 2 * number.denominator
        steps = (scaled + number.denominator) // double
        shown = Decimal(steps if number >= 0 else -steps).scaleb(-decimals, context=_ROUNDING)
    return shown if shown else abs(shown)


_ROUNDING: Final = Context(prec=200_000, rounding=ROUND_HALF_UP, Emax=MAX_EMAX, Emin=MIN_EMIN)


def _plain(number: Decimal) -> Decimal:
    """Return the decimal without trailing zeros and without an exponent."""
    short = _EXACT.normalize(number)
    exponent = short.as_tuple().exponent
    return (
        short.quantize(Decimal(1), context=_ROUNDING) if isinstance(exponent, int) and exponent > 0 else short
    )


def _divides_a_power_of_ten(denominator: int) -> bool:
    for factor in (2, 5):
        while denominator % factor == 0:
            denominator //= factor
    return denominator == 1
