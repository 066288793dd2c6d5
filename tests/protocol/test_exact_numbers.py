"""The arithmetic behind expressions: exact where digits end, 28 digits where they do not."""

import operator
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.expressions import numbers
from protocol.expressions.kinds import ABSENT

D = Decimal
THIRD = Fraction(1, 3)
LONG = D("1234567890123456789012345678901234567890.1")


def test_a_long_number_keeps_every_digit() -> None:
    """The default context of Python would round it to 28 digits."""
    assert numbers.add(LONG, D("0.05")) == D("1234567890123456789012345678901234567890.15")
    assert numbers.subtract(LONG, D("0.05")) == D("1234567890123456789012345678901234567890.05")
    assert numbers.multiply(LONG, D(2)) == D("2469135780246913578024691357802469135780.2")
    assert numbers.negate(LONG).copy_abs() == LONG  # type: ignore[union-attr]
    assert numbers.absolute(numbers.negate(LONG)) == LONG


def test_a_fraction_and_a_decimal_are_computed_together() -> None:
    assert numbers.add(D(1), THIRD) == numbers.add(THIRD, D(1)) == Fraction(4, 3)
    assert numbers.subtract(D(1), THIRD) == Fraction(2, 3)
    assert numbers.subtract(THIRD, D(1)) == Fraction(-2, 3)
    assert numbers.multiply(D(2), THIRD) == numbers.multiply(THIRD, D(2)) == Fraction(2, 3)
    assert numbers.negate(THIRD) == Fraction(-1, 3)
    assert numbers.absolute(-THIRD) == THIRD
    assert numbers.smallest(D("0.4"), THIRD, D("0.34")) == THIRD
    assert numbers.largest(D("0.3"), THIRD, D("0.33")) == THIRD


@pytest.mark.parametrize("wrong", ["0", "-0.5", "-1"])
def test_there_is_no_logarithm_at_zero_and_below(wrong: str) -> None:
    assert numbers.logarithm(D(wrong)) is ABSENT
    assert numbers.logarithm(D("0.5")) == D("-0.6931471805599453094172321215")


def test_there_is_no_root_below_zero() -> None:
    assert numbers.square_root(D("-0.5")) is ABSENT
    assert numbers.square_root(D(0)) == 0
    assert numbers.square_root(D("0.25")) == D("0.5")
    assert numbers.square_root(Fraction(1, 9)) == D("0.3333333333333333333333333333")


@pytest.mark.parametrize(
    ("base", "exponent", "power"),
    [
        ("1.1", "64", Fraction(11**64, 10**64)),
        ("1.1", "-64", Fraction(10**64, 11**64)),
        ("1.1", "65", D("490.3707252978492635456463347")),
        ("1.1", "-65", D("0.002039273448455969522261344022")),
        ("1.1", "-2.5", D("0.7879856109467705086336991087")),
        ("1.1", "2.5", D("1.269058706285883371859658752")),
        ("4", "0.5", D(2)),
        ("0", "0", Fraction(1)),
        ("0", "3", Fraction(0)),
        ("0", "0.5", D(0)),
        ("0", "65", D(0)),
        ("-2", "3", Fraction(-8)),
        ("-2", "-1", Fraction(-1, 2)),
        ("0", "-1", ABSENT),
        ("0", "-0.5", ABSENT),
        ("0", "-65", ABSENT),
        ("-0.5", "0.5", ABSENT),
        ("-2", "0.5", ABSENT),
        ("0.5", "0.5", D("0.7071067811865475244008443621")),
    ],
)
def test_a_power_is_exact_for_a_whole_exponent_up_to_64(base: str, exponent: str, power: object) -> None:
    found = numbers.power(D(base), D(exponent))
    assert found == power
    assert type(found) is type(power)


@pytest.mark.parametrize(("base", "exponent"), [("90", "1000000"), ("90", "-1000000"), ("0.5", "1e30")])
def test_a_power_of_thousands_of_digits_is_an_error(base: str, exponent: str) -> None:
    """A third of it would be a fraction of numbers that fill the memory."""
    with pytest.raises(ArithmeticError):
        numbers.power(D(base), D(exponent))


@pytest.mark.parametrize("base", [2, 5, 10])
def test_a_quotient_whose_digits_end_keeps_all_of_them(base: int) -> None:
    """1/2¹⁰⁰ has 70 digits: more than the 28 to which an endless quotient is rounded."""
    quotient = Fraction(1, base**100)
    assert Fraction(numbers.as_decimal(quotient)) == quotient
    assert numbers.as_decimal(THIRD) == D("0.3333333333333333333333333333")
    assert numbers.as_decimal(Fraction(2, 3)) == D("0.6666666666666666666666666667")
    assert len(numbers.as_decimal(Fraction(1, 3 * base**100)).as_tuple().digits) == 28


@pytest.mark.parametrize(
    ("number", "decimals", "shown"),
    [
        (D("100"), None, "100"),
        (D("1E+2"), None, "100"),
        (D("1E+1"), None, "10"),
        (D("10"), None, "10"),
        (D("7"), None, "7"),
        (D("2.50"), None, "2.5"),
        (Fraction(5, 2), None, "2.5"),
        (THIRD, None, "0.3333333333333333333333333333"),
        (D("-0.0"), None, "0"),
        (D("2.45"), 1, "2.5"),
        (D("-2.45"), 1, "-2.5"),
        (D("-0.04"), 1, "0.0"),
        (Fraction(-1, 30), 1, "0.0"),
        (Fraction(1, 30), 1, "0.0"),
        (Fraction(49, 20), 1, "2.5"),
        (Fraction(-49, 20), 1, "-2.5"),
        (Fraction(2, 3), 2, "0.67"),
        (Fraction(-2, 3), 2, "-0.67"),
        (Fraction(5, 2), 0, "3"),
        (LONG, 0, "1234567890123456789012345678901234567890"),
        (Fraction(LONG), 0, "1234567890123456789012345678901234567890"),
    ],
)
def test_a_number_is_shown_rounded_half_up_and_never_as_minus_zero(
    number: numbers.Number, decimals: int | None, shown: str
) -> None:
    assert str(numbers.rounded(number, decimals)) == shown


@given(st.decimals(-100, 100, places=3), st.fractions(max_denominator=1000))
def test_a_decimal_and_a_fraction_are_compared_exactly(decimal: Decimal, fraction: Fraction) -> None:
    """What the evaluation of comparisons relies on: Python rounds neither of the two."""
    for holds in (operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge):
        assert holds(decimal, fraction) is holds(Fraction(decimal), fraction)
        assert holds(fraction, decimal) is holds(fraction, Fraction(decimal))
    assert Decimal("0.5") == Fraction(1, 2)
    assert Decimal("0.3333333333333333333333333333333333") < THIRD


def test_only_decimals_and_fractions_are_numbers_of_expressions() -> None:
    assert numbers.is_number(D(1))
    assert numbers.is_number(THIRD)
    assert not any(numbers.is_number(each) for each in (1, 1.0, "1", True, None, ABSENT))


def test_a_division_by_zero_has_no_answer() -> None:
    assert numbers.divide(D(1), D(0)) is ABSENT
    assert numbers.divide(D(1), Fraction(0)) is ABSENT
    assert numbers.divide(D(0), D(3)) == 0
    assert numbers.divide(D(1), D(3)) == THIRD
