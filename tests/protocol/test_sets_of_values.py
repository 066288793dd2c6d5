"""Sets of values that an answer can have: no value that can occur is left out of one (DAT-03).

Each operation is compared with the numbers themselves: those of a line of quarters from -4 to 4.
"""

from fractions import Fraction
from itertools import product

import pytest

from protocol.checking.domains import (
    ANY_NUMBER,
    NO_NUMBER,
    WHOLE_NUMBERS,
    AnswerSet,
    NumberSet,
    TextSet,
    absolute,
    added,
    exactly,
    hull,
    multiplied,
    negated,
)

LINE = [Fraction(quarters, 4) for quarters in range(-16, 17)]
ENDS = [None, Fraction(-1), Fraction(0), Fraction(1, 2), Fraction(2)]
EVERY_SET = [
    NumberSet(low, high, low_open, high_open, whole)
    for low, high in product(ENDS, ENDS)
    for low_open, high_open, whole in product((False, True), repeat=3)
]
SOME_SETS = EVERY_SET[::3]
HOLDS = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    "==": lambda one, other: one == other,
}


def numbers(span: NumberSet) -> set[Fraction]:
    """Return the numbers of the line that lie in the set."""
    found = set()
    for number in LINE:
        above = span.low is None or number > span.low or (number == span.low and not span.low_open)
        below = span.high is None or number < span.high or (number == span.high and not span.high_open)
        if above and below and not (span.whole and number.denominator > 1):
            found.add(number)
    return found


def between(low: str | None, high: str | None, **kept: bool) -> NumberSet:
    return NumberSet(None if low is None else Fraction(low), None if high is None else Fraction(high), **kept)


def test_a_set_is_empty_if_no_number_lies_in_it() -> None:
    for span in EVERY_SET:
        assert span.is_empty == (not numbers(span)), span


def test_a_set_from_a_number_to_the_same_has_one_number() -> None:
    assert exactly(Fraction(5)).only == 5
    assert exactly(Fraction(0)).only == 0
    for span in (ANY_NUMBER, between("5", None), between(None, "5"), between("5", "6")):
        assert span.only is None


@pytest.mark.parametrize("sign", HOLDS)
def test_a_comparison_leaves_the_numbers_for_which_it_holds(sign: str) -> None:
    for span, limit in product(EVERY_SET, (Fraction(-1), Fraction(0), Fraction(1), Fraction(2))):
        left = {number for number in numbers(span) if HOLDS[sign](number, limit)}
        assert numbers(span.compared(sign, limit)) == left, (span, sign, limit)


def test_a_number_that_is_ruled_out_empties_only_the_set_of_that_number() -> None:
    assert exactly(Fraction(3)).compared("!=", Fraction(3)).is_empty
    assert exactly(Fraction(3)).compared("!=", Fraction(4)) == exactly(Fraction(3))
    assert between("3", "4").compared("!=", Fraction(3)) == between("3", "4")


def test_two_sets_have_in_common_the_numbers_of_both() -> None:
    for one, other in product(SOME_SETS, SOME_SETS):
        assert numbers(one.meet(other)) == numbers(one) & numbers(other), (one, other)
    assert ANY_NUMBER.meet(WHOLE_NUMBERS).whole
    assert NO_NUMBER.is_empty


@pytest.mark.parametrize(
    ("spans", "whole_span"),
    [
        ([between("1", "2"), between("4", "5")], between("1", "5")),
        ([between("4", "5"), between("1", "2")], between("1", "5")),
        ([between(None, "2"), between("4", "5")], between(None, "5")),
        ([between("1", "2"), between("0", None)], between("0", None)),
        ([WHOLE_NUMBERS, between("0", "1", whole=True)], WHOLE_NUMBERS),
        ([WHOLE_NUMBERS, between("0", "1")], ANY_NUMBER),
    ],
)
def test_one_of_several_values_lies_between_the_lowest_and_the_highest(
    spans: list[NumberSet], whole_span: NumberSet
) -> None:
    assert hull(spans) == whole_span


@pytest.mark.parametrize(
    ("left", "right", "total"),
    [
        (between("1", "2"), between("10", "20"), between("11", "22")),
        (between(None, "2"), between("10", "20"), between(None, "22")),
        (between("1", "2"), between(None, "20"), between(None, "22")),
        (between("1", None), between("10", "20"), between("11", None)),
        (between("1", "2"), between("10", None), between("11", None)),
        (
            between("1", "2", low_open=True), between("10", "20"), between("11", "22", low_open=True),
        ),
        (
            between("1", "2"), between("10", "20", low_open=True), between("11", "22", low_open=True),
        ),
        (
            between("1", "2", high_open=True), between("10", "20"), between("11", "22", high_open=True),
        ),
        (
            between("1", "2"), between("10", "20", high_open=True), between("11", "22", high_open=True),
        ),
        (between("1", "2", whole=True), between("10", "20", whole=True), between("11", "22", whole=True)),
        (between("1", "2", whole=True), between("10", "20"), between("11", "22")),
        (between("1", "2"), between("10", "20", whole=True), between("11", "22")),
    ],
)  # fmt: skip
def test_a_sum_lies_between_the_sums_of_the_ends(left: NumberSet, right: NumberSet, total: NumberSet) -> None:
    assert added(left, right) == total


def test_the_numbers_with_the_other_sign() -> None:
    for span in EVERY_SET:
        assert numbers(negated(span)) == {-number for number in numbers(span)}, span


@pytest.mark.parametrize(
    ("left", "right", "products"),
    [
        (between("2", "3"), between("5", "7"), between("10", "21")),
        (between("-2", "3"), between("5", "7"), between("-14", "21")),
        (between("-3", "-2"), between("5", "7"), between("-21", "-10")),
        (between("-3", "2"), between("-5", "7"), between("-21", "15")),
        (between("2", "3", whole=True), between("5", "7", whole=True), between("10", "21", whole=True)),
        (between("2", "3", whole=True), between("5", "7"), between("10", "21")),
        (between("2", "3"), between("5", "7", whole=True), between("10", "21")),
        (between("2", None), exactly(Fraction(5)), between("10", None)),
        (between(None, "3"), exactly(Fraction(5)), between(None, "15")),
        (exactly(Fraction(5)), between("2", None), between("10", None)),
        (exactly(Fraction(5)), between(None, "3"), between(None, "15")),
        (between("2", None, low_open=True), exactly(Fraction(5)), between("10", None, low_open=True)),
        (between(None, "3", high_open=True), exactly(Fraction(5)), between(None, "15", high_open=True)),
        (between("2", None), exactly(Fraction(-5)), between(None, "-10")),
        (between(None, "3"), exactly(Fraction(-5)), between("-15", None)),
        (between("2", None), exactly(Fraction(-1)), between(None, "-2")),
        (between("2", None), exactly(Fraction(1, 2)), between("1", None)),
        (between("2", None), exactly(Fraction(0)), exactly(Fraction(0))),
        (between("2", None), between("5", "7"), ANY_NUMBER),
        (between(None, "3"), between("5", "7"), ANY_NUMBER),
        (between("5", "7"), between("2", None), ANY_NUMBER),
        (between("5", "7"), between(None, "3"), ANY_NUMBER),
        (ANY_NUMBER, exactly(Fraction(5)), ANY_NUMBER),
    ],
)
def test_a_product_lies_between_the_products_of_the_ends(
    left: NumberSet, right: NumberSet, products: NumberSet
) -> None:
    assert multiplied(left, right) == products


def test_a_whole_number_times_a_fraction_need_not_be_whole() -> None:
    assert not multiplied(WHOLE_NUMBERS, exactly(Fraction(1, 2))).whole


@pytest.mark.parametrize(
    ("span", "sizes"),
    [
        (between("2", "3", low_open=True), between("2", "3", low_open=True)),
        (between("0", None, low_open=True), between("0", None, low_open=True)),
        (between("-1", "3"), between("0", "3")),
        (between("-5", "3"), between("0", "5")),
        (between("-5", None), between("0", None)),
        (between(None, "3"), between("0", None)),
        (ANY_NUMBER, between("0", None)),
        (WHOLE_NUMBERS, between("0", None, whole=True)),
    ],
)
def test_a_number_without_its_sign_is_not_below_zero(span: NumberSet, sizes: NumberSet) -> None:
    assert absolute(span) == sizes


def test_texts_that_two_conditions_leave() -> None:
    anything, not_a = TextSet(), TextSet(without=frozenset("a"))
    a_or_b, b_or_c = TextSet(frozenset("ab")), TextSet(frozenset("bc"))

    assert a_or_b.meet(b_or_c) == TextSet(frozenset("b"))
    assert anything.meet(not_a) == not_a
    assert anything.meet(a_or_b) == a_or_b.meet(anything) == a_or_b
    assert not_a.meet(a_or_b) == a_or_b.meet(not_a) == TextSet(frozenset("ab"), frozenset("a"))
    assert [each.is_empty for each in (anything, not_a, a_or_b)] == [False, False, False]
    assert TextSet(frozenset("a")).meet(not_a).is_empty
    assert a_or_b.meet(TextSet(frozenset("c"))).is_empty
    assert not a_or_b.meet(not_a).is_empty


def test_answers_that_two_conditions_leave() -> None:
    yes, no, either = AnswerSet(frozenset({True})), AnswerSet(frozenset({False})), AnswerSet()

    assert either.among == {True, False}
    assert either.meet(yes) == yes
    assert yes.meet(no).is_empty
    assert not no.meet(either).is_empty
