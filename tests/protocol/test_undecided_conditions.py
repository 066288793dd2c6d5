"""Conditions that no answer decides, and those of which too many cases would have to be looked at (DAT-03)."""

import pytest

from protocol.checking.satisfiable import MOST_CASES, Surroundings, can_be, never_known
from protocol.expressions.syntax import parse
from tests.support.protocols.possible import EITHER, UNKNOWN, around, cases, possible


@pytest.mark.parametrize(
    ("condition", "answers"),
    [
        *cases(UNKNOWN, "height > 5.0", "!(height > 5.0)", "height + age > 5.0", "-height > 5.0", "height in [5.0]"),
        *cases(UNKNOWN, "min(height, age) > 5.0", "(height > 5.0 ? age : weight) > 5.0"),
        *cases(UNKNOWN, "first_known(height, height) > 5.0"),
        *cases(UNKNOWN, "height > 5.0 ? true : true", "5.0 < height", "count(age > 20.0, height > 5.0) > 1.0"),
        *cases(EITHER, "first_known(height, age) > 20.0", "previous(height) > 5.0"),
        *cases(EITHER, "sex == 'F' ? age > 20.0 : height > 5.0"),
        *cases(EITHER, "(sex == 'F' ? age : height) > 20.0", "(sex == 'F' ? height : age) > 20.0"),
    ],
)  # fmt: skip
def test_what_needs_a_value_that_is_never_known_is_never_decided(condition: str, answers: list[bool]) -> None:
    assert possible(condition, unknown="height") == answers


def test_one_known_part_decides_an_and_or_an_or() -> None:
    assert possible("height > 5.0 && age > 20.0", unknown="height") == [False]
    assert possible("age > 20.0 && height > 5.0", unknown="height") == [False]
    assert possible("height > 5.0 || age > 20.0", unknown="height") == [True]
    assert possible("age > 20.0 || height > 5.0", unknown="height") == [True]


@pytest.mark.parametrize(
    ("expression", "never"),
    [
        ("weight / 0.0", True),
        ("weight / (2.0 - 2.0)", True),
        ("weight / 1.0", False),
        ("weight / -1.0", False),
        ("weight / age", False),
        ("0.0 / weight", False),
        ("1.0 + weight / 0.0", True),
        ("sqrt(weight / 0.0)", True),
        ("first_known(weight / 0.0, age)", False),
        ("first_known(weight / 0.0, age / 0.0)", True),
        ("sex == 'F' ? weight / 0.0 : age", False),
        ("sex == 'F' ? weight : age / 0.0", False),
        ("sex == 'F' ? weight / 0.0 : age / 0.0", True),
        ("weight / 0.0 > 1.0 ? weight : age", True),
        ("weight / 0.0 > 1.0 || age > 1.0", False),
        ("age > 1.0 || weight / 0.0 > 1.0", False),
        ("weight / 0.0 > 1.0 && age / 0.0 > 1.0", True),
        ("previous(weight)", False),
        ("5.0", False),
    ],
)
def test_a_calculation_that_divides_by_zero_never_gives_a_value(expression: str, never: bool) -> None:
    assert never_known(parse(expression), around()) is never


def test_texts_and_rows_that_are_never_known() -> None:
    assert never_known(parse("note.matches('x')"), around(unknown="note"))
    assert not never_known(parse("note.matches('x')"), around())
    for condition in ("doses.exists(d, d.mg > 5.0)", "count(doses.filter(d, d.mg > 5.0)) > 1.0"):
        assert never_known(parse(condition), around("notes", unknown="doses"))
        assert not never_known(parse(condition), around("notes"))


def test_a_place_without_further_knowledge_has_every_limit_and_no_hidden_item() -> None:
    plain = Surroundings(around().names, around().items)
    assert not can_be(True, parse("weight > 300.0"), plain)
    assert can_be(True, parse("month > 1.0 && sex == 'M'"), plain)


def one_of(name: str, first: int, many: int) -> str:
    return f"{name} in [{', '.join(f'{first + number}.0' for number in range(many))}]"


@pytest.mark.parametrize(("weights", "ages", "is_decided"), [(15, 20, True), (43, 7, False), (20, 20, False)])
def test_with_more_than_three_hundred_cases_nothing_is_called_impossible(
    weights: int, ages: int, is_decided: bool
) -> None:
    """The work is bounded; the note that contradicts itself stands behind the cases of weight and age."""
    assert MOST_CASES == 300
    many = f"{one_of('weight', 20, weights)} && {one_of('age', 18, ages)}"
    assert possible(f"{many} && note == 'x' && note == 'y'")[:1] == ([False] if is_decided else [True])


def test_of_two_conditions_the_second_is_not_looked_at_if_the_first_is_impossible() -> None:
    many = f"({one_of('weight', 20, 20)} && {one_of('age', 18, 20)})"
    assert possible(f"weight > 400.0 && {many}")[:1] == [False]
    assert possible(f"{many} && weight > 400.0")[:1] == [True]


def test_a_list_of_three_hundred_values_is_looked_through() -> None:
    assert possible(f"{one_of('height', 1, 300)} && height > 300.0")[0] is False
    assert possible(f"{one_of('height', 1, 301)} && height > 301.0")[0] is True
