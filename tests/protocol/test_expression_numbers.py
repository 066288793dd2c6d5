"""Expressions over numbers: units, rounding, exact quotients, texts and times."""

import math
from decimal import ROUND_HALF_UP, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.expressions.compiled import NUMBER, TEXT, Undetermined
from tests.support.answering import answer, needs


def test_a_division_by_zero_is_undetermined_and_never_infinite() -> None:
    assert needs("rr / spo2 <= 300.0", rr="60", spo2="0") == ["rr", "spo2"]
    assert isinstance(answer("rr / (spo2 - 5.0)", NUMBER, rr="60", spo2="5"), Undetermined)
    assert answer("rr > 70.0 || rr / spo2 > 1.0", rr="80", spo2="0") is True


def test_a_number_entered_in_another_unit_counts_in_the_units_of_the_item() -> None:
    assert answer("weight > 80.0", weight={"value": "81.6", "entered": "180", "unit": "lb"}) is True


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [("2.345", 2, "2.35"), ("-2.345", 2, "-2.35"), ("0.1", 0, "0"), ("-0.1", 0, "0"), ("36.50", 1, "36.5")],
)
def test_calculations_are_rounded_half_up_to_the_decimals_of_the_item(
    value: str, decimals: int, expected: str
) -> None:
    found = answer("weight * 1.0", NUMBER, decimals, weight=value)
    assert str(found) == expected


NUMBERS = st.decimals(-10_000, 10_000, places=3)


@given(NUMBERS, NUMBERS, NUMBERS, st.integers(0, 6))
def test_a_calculation_is_the_decimal_that_its_float_prints_as(
    a: Decimal, b: Decimal, c: Decimal, decimals: int
) -> None:
    found = answer(
        "(rr + 2.0 * spo2) / 3.0 - weight", NUMBER, decimals, rr=str(a), spo2=str(b), weight=str(c)
    )
    exact = Decimal(repr((float(a) + 2.0 * float(b)) / 3.0 - float(c)))
    assert found == exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, Context(prec=60))


@given(NUMBERS, NUMBERS)
def test_a_quotient_is_decided_exactly_when_the_divisor_is_not_zero(a: Decimal, b: Decimal) -> None:
    found = answer("rr / spo2", NUMBER, rr=str(a), spo2=str(b))
    if b == 0:
        assert isinstance(found, Undetermined)
    else:
        assert found == Decimal(repr(float(a) / float(b)))


def test_arithmetic_that_has_no_answer_is_undetermined() -> None:
    for source in ("sqrt(rr)", "log(rr)", "pow(rr, 0.5)"):
        assert isinstance(answer(source, NUMBER, rr="-1"), Undetermined)
    assert isinstance(answer("rr * 1e300 * 1e300", NUMBER, rr="1"), Undetermined)
    assert answer("max(rr, spo2, 3.0) - min(rr, spo2) + abs(rr)", NUMBER, 0, rr="-2", spo2="1") == 7
    assert math.isclose(answer("sqrt(rr)", NUMBER, rr="2"), 2**0.5)


def test_texts_and_times_are_compared_as_they_are_written() -> None:
    assert (
        answer("remark.startsWith('Stable') && remark.matches('night$')", remark="Stable overnight") is True
    )
    assert answer("taken_at < '14:05'", taken_at="09:00") is True
    assert answer("sex in ['F', 'M'] && 'FEVER' in signs", sex="M", signs=["COUGH", "FEVER"]) is True
    assert answer("sex == 'F' ? 'she' : 'he'", TEXT, sex="F") == "she"
