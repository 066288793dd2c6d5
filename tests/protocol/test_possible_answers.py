"""Whether answers exist that make a condition true, or false, told from the condition alone (DAT-03)."""

from dataclasses import replace

import pytest

from protocol.checking.satisfiable import Surroundings, can_be
from protocol.expressions.syntax import parse
from tests.support.protocols.possible import ALWAYS, EITHER, NEVER, around, cases, possible


@pytest.mark.parametrize(
    ("condition", "answers"),
    [
        *cases(NEVER, "weight < 20.0", "weight > 300.0", "20.0 > weight", "300.0 < weight", "19.0 == weight"),
        *cases(ALWAYS, "weight >= 20.0", "weight <= 300.0", "20.0 <= weight", "300.0 >= weight", "19.0 != weight"),
        *cases(EITHER, "weight <= 20.0", "weight >= 300.0", "20.0 >= weight", "300.0 <= weight", "20.0 == weight"),
        *cases(EITHER, "weight < 21.0", "weight != 20.0", "height < 20.0", "height > 300.0"),
        *cases(NEVER, "50.0 > weight && weight > 60.0", "50.0 == weight && weight == 60.0"),
        # A calculated value is not refused for its limits.
        *cases(EITHER, "bmi > 70.0", "bmi < 9.0"),
        *cases(NEVER, "weight > 100.0 && weight < 50.0", "weight == 50.0 && weight == 60.0", "1.0 > 2.0"),
        *cases(EITHER, "weight > 100.0 || weight < 50.0", "weight > 50.0 && weight < 100.0"),
        *cases(EITHER, "weight > 100.0 && age < 50.0"),
    ],
)  # fmt: skip
def test_a_number_keeps_to_the_limits_of_its_item(condition: str, answers: list[bool]) -> None:
    assert possible(condition) == answers


@pytest.mark.parametrize(
    ("condition", "answers"),
    [
        *cases(NEVER, "age > 18.0 && age < 19.0", "height > 150.0 && height < 151.0"),
        *cases(EITHER, "age > 17.0 && age < 19.0", "weight > 150.0 && weight < 151.0"),
        # A calculated number is rounded when it is stored, not when it is read.
        *cases(EITHER, "half > 9.0 && half < 10.0", "bmi > 25.0 && bmi < 26.0"),
    ],
)
def test_between_two_whole_numbers_there_is_no_third(condition: str, answers: list[bool]) -> None:
    assert possible(condition) == answers


@pytest.mark.parametrize(
    ("condition", "answers"),
    [
        *cases(NEVER, "weight + age > 390.0", "weight + age < 38.0", "weight - age < -70.0", "weight - age > 282.0"),
        *cases(EITHER, "weight + age >= 390.0", "weight + age <= 38.0"),
        *cases(EITHER, "weight - age <= -70.0", "weight - age >= 282.0"),
        *cases(NEVER, "weight * 2.0 > 600.0", "weight * 2.0 < 40.0", "weight / 2.0 > 150.0", "weight / 2.0 < 10.0"),
        *cases(EITHER, "weight * 2.0 >= 600.0", "weight * 2.0 <= 40.0"),
        *cases(EITHER, "weight / 2.0 >= 150.0", "weight / 2.0 <= 10.0"),
        *cases(NEVER, "weight * age > 27000.0", "-weight > -20.0", "-weight < -300.0"),
        *cases(EITHER, "weight * age >= 27000.0", "-weight >= -20.0", "weight / age > 1000.0", "pow(age, 2.0) < 0.0"),
        *cases(NEVER, "(sex == 'F' ? weight : age) > 300.0", "(sex == 'F' ? weight : age) < 18.0"),
        *cases(EITHER, "(sex == 'F' ? weight : age) >= 300.0", "(sex == 'F' ? weight : age) <= 18.0"),
        *cases(NEVER, "weight < 21.0 && weight + age > 390.0"),
    ],
)  # fmt: skip
def test_a_computed_number_keeps_to_what_the_limits_allow(condition: str, answers: list[bool]) -> None:
    assert possible(condition) == answers


@pytest.mark.parametrize(
    ("condition", "answers"),
    [
        *cases(EITHER, "weight < age", "weight <= age", "weight == age", "age >= weight", "height != weight"),
        *cases(NEVER, "weight < age && weight > age", "weight < age && age < weight", "weight == age && age < weight"),
        *cases(NEVER, "age < weight && weight <= age"),
        *cases(EITHER, "weight <= age && age <= weight", "weight < age || weight > age"),
        *cases(NEVER, "weight < weight", "weight != weight", "age > weight + 300.0", "weight + 300.0 < age"),
        *cases(ALWAYS, "weight == weight", "weight <= weight", "age < weight + 300.0", "weight + 300.0 > age"),
        *cases(NEVER, "age - 100.0 > weight", "weight - height > 5.0 && weight - height < 5.0"),
        *cases(NEVER, "age > weight + 70.0", "weight + 70.0 < age"),
        *cases(EITHER, "age >= weight + 70.0", "weight + 70.0 <= age", "age > weight + 69.0"),
    ],
)  # fmt: skip
def test_two_numbers_are_compared_by_their_difference(condition: str, answers: list[bool]) -> None:
    assert possible(condition) == answers


COUNTED = "count(weight > 50.0, age > 50.0)"
YEARS, DAYS = (f"{unit}(seen, subject.screened_on)" for unit in ("years", "days"))


@pytest.mark.parametrize(
    ("condition", "answers"),
    [
        *cases(NEVER, "abs(weight) < 20.0", "abs(weight) > 300.0", "abs(weight - age) < 0.0"),
        *cases(EITHER, "abs(weight) <= 20.0", "abs(weight) >= 300.0", "abs(weight - age) <= 0.0"),
        *cases(NEVER, "sqrt(height) < 0.0", "min(weight, age) > 300.0", "max(weight, age) < 18.0"),
        *cases(EITHER, "sqrt(height) <= 0.0", "sqrt(height) < 1.0", "min(weight, age) >= 300.0"),
        *cases(EITHER, "max(weight, age) <= 18.0", "first_known(weight, age) >= 300.0"),
        *cases(NEVER, "first_known(weight, age) > 300.0", "first_known(weight, age) < 18.0"),
        *cases(NEVER, f"{COUNTED} > 2.0", f"{COUNTED} < 0.0", f"{COUNTED} > 0.0 && {COUNTED} < 1.0"),
        *cases(EITHER, f"{COUNTED} >= 2.0", f"{COUNTED} <= 0.0", "count(signs) > 100.0"),
        *cases(NEVER, "count(signs) < 0.0"),
        *cases(NEVER, f"{YEARS} > 1.0 && {YEARS} < 2.0", f"{DAYS} > 1.0 && {DAYS} < 2.0"),
        *cases(EITHER, f"{YEARS} < -1.0", f"{DAYS} > 1000.0", f"{DAYS} > 0.0 && {DAYS} < 2.0"),
    ],
)
def test_a_function_gives_what_it_can_give(condition: str, answers: list[bool]) -> None:
    assert possible(condition) == answers


@pytest.mark.parametrize(
    ("condition", "answers"),
    [
        *cases(NEVER, "previous(weight) > 300.0", "last(body.weight) > 300.0", "here(body.weight) < 20.0"),
        *cases(
            EITHER, "previous(weight) >= 300.0", "last(body.weight) >= 300.0", "entered_here(weight) > 300.0"
        ),
        *cases(EITHER, "entered_here(weight) < 0.0"),
        *cases(
            EITHER, "previous(weight) > 100.0 && weight < 50.0", "previous(pregnant) == 'Y' && sex == 'M'"
        ),
        *cases(NEVER, "previous(weight) > 100.0 && previous(weight) < 50.0"),
    ],
)
def test_an_earlier_value_is_another_one_within_the_same_limits(condition: str, answers: list[bool]) -> None:
    assert possible(condition) == answers


@pytest.mark.parametrize(
    ("condition", "answers"),
    [
        *cases(NEVER, "sex == 'X'", "'X' == sex", "sex == 'F' && sex != 'F'", "'F' == sex && sex == 'M'"),
        *cases(ALWAYS, "sex != 'X'", "sex == 'F' || sex == 'M'", "note == 'x' || note != 'x'"),
        *cases(
            EITHER, "sex == 'F'", "'F' != sex", "note == 'x'", "note != 'x'", "note != 'x' && note != 'y'"
        ),
        *cases(NEVER, "note == 'x' && note == 'y'", "note == 'x' && 'x' != note"),
        *cases(EITHER, "sex == note", "sex == note || sex == 'F'"),
        *cases(NEVER, "sex == note && sex != note"),
        *cases(ALWAYS, "sex in ['F', 'M']", "!(sex in ['X'])"),
        *cases(NEVER, "sex in ['X', 'Y']", "age in [1.0, 2.0]", "age in [20.0, 30.0] && age > 30.0"),
        *cases(EITHER, "sex in ['F', 'X']", "age in [20.0, 30.0] && age > 20.0", "'A' in signs"),
        *cases(NEVER, "'A' in signs && !('A' in signs)", "note.matches('x') && !note.matches('x')"),
        *cases(EITHER, "'A' in signs && !('B' in signs)", "note.matches('x') && !note.matches('y')"),
        *cases(EITHER, "clock < '10:00'", "clock == '10:00'", "clock >= '10:00' && clock == '10:00'"),
        *cases(NEVER, "clock < '10:00' && clock >= '10:00'", "clock == '10:00' && clock == '11:00'"),
        *cases(NEVER, "before(seen, subject.screened_on) && !before(seen, subject.screened_on)"),
        *cases(EITHER, "before(seen, subject.screened_on) && !before(subject.screened_on, seen)"),
    ],
)
def test_a_text_is_one_of_the_codes_of_its_item(condition: str, answers: list[bool]) -> None:
    assert possible(condition) == answers


@pytest.mark.parametrize(
    ("condition", "answers"),
    [
        *cases(ALWAYS, "true", "!false", "weight >= 20.0 && age >= 18.0", "!(weight > 300.0 && sex == 'F')"),
        *cases(NEVER, "false", "!true", "weight > 300.0 || age > 90.0", "!(weight >= 20.0 || note == 'x')"),
        *cases(EITHER, "weight > 300.0 || sex == 'F'", "weight >= 20.0 && sex == 'F'", "!(note == 'x')"),
        *cases(NEVER, "weight > 300.0 ? note == 'x' : false", "sex == 'F' ? weight < 20.0 : age < 18.0"),
        *cases(NEVER, "sex == 'F' ? sex == 'M' : sex == 'F'"),
        *cases(ALWAYS, "sex == 'F' ? sex != 'M' : sex != 'F'", "weight >= 20.0 ? true : note == 'x'"),
        *cases(EITHER, "weight >= 20.0 ? note == 'x' : true", "sex == 'F' ? weight < 20.0 : age < 19.0"),
    ],
)
def test_the_parts_of_a_condition_are_taken_together(condition: str, answers: list[bool]) -> None:
    assert possible(condition) == answers


@pytest.mark.parametrize(
    "condition",
    [
        "-weight < -100.0 && -age > -50.0",
        "sqrt(weight) > 15.0 && sqrt(age) < 5.0",
        "min(weight, age) > 80.0 && min(weight, height) < 50.0",
        "weight + 1.0 < 60.0 && weight + 200.0 > 250.0",
        "weight + height < 60.0 && weight - height > 60.0",
        "weight + height < 60.0 && age + height > 60.0",
        "(sex == 'F' ? weight : age) > 100.0 && (sex == 'F' ? age : weight) < 50.0",
        "weight > age && height < age",
        "note.matches('a') && !note.matches('b')",
    ],
)
def test_different_parts_do_not_contradict_each_other(condition: str) -> None:
    assert possible(condition) == EITHER


@pytest.mark.parametrize(
    "condition",
    [
        "-weight < -age && -weight >= -age",
        "(sex == 'F' ? weight : age) < height && height <= (sex == 'F' ? weight : age)",
        "min(weight, height) < age && age <= min(weight, height)",
    ],
)
def test_a_part_is_the_same_wherever_it_stands(condition: str) -> None:
    assert possible(condition) == NEVER


@pytest.mark.parametrize(
    ("condition", "answers"),
    [
        *cases(NEVER, "pregnant == 'Y' && sex == 'M'", "month > 1.0 && sex == 'M'", "month > 1.0 && pregnant == 'N'"),
        *cases(NEVER, "double > 1.0 && sex == 'M'", "month + age > 1.0 && sex == 'M'"),
        *cases(EITHER, "month > 1.0 && sex == 'F'", "double > 1.0 && pregnant == 'Y'", "age > 20.0 && sex == 'M'"),
        # These have a value without the month.
        *cases(EITHER, "first_known(month, age) > 20.0 && sex == 'M'"),
        *cases(EITHER, "(sex == 'F' ? month : age) > 20.0 && sex == 'M'"),
        *cases(EITHER, "count(month > 1.0 || age > 20.0, age > 30.0) > 0.0 && sex == 'M'"),
        *cases(EITHER, "previous(month) > 1.0 && sex == 'M'"),
    ],
)  # fmt: skip
def test_an_item_that_is_not_shown_has_no_value(condition: str, answers: list[bool]) -> None:
    assert possible(condition) == answers


def shown_when(form: str, **conditions: str) -> Surroundings:
    return replace(around(form), shown={name: parse(condition) for name, condition in conditions.items()})


def test_two_items_that_wait_for_each_other_are_never_shown() -> None:
    waiting = shown_when("body", weight="height > 1.0", height="weight > 1.0")
    assert can_be(True, parse("weight > 50.0"), waiting) is False
    assert can_be(True, parse("age > 50.0"), waiting) is True


def test_an_item_may_wait_for_rows_whose_condition_reads_it() -> None:
    waiting = shown_when("notes", remark="doses.exists(d, d.mg > 5.0 && remark == 'x')")
    assert can_be(True, parse("remark == 'x'"), waiting) is True


def test_rows_that_are_shown_under_a_condition_need_a_row_that_fits_too() -> None:
    waiting = shown_when("notes", doses="remark == 'x'")
    assert can_be(True, parse("doses.exists(d, d.mg > 500.0)"), waiting) is False
    assert can_be(True, parse("doses.exists(d, d.mg > 5.0)"), waiting) is True
    assert can_be(True, parse("doses.exists(d, d.mg > 5.0) && remark == 'y'"), waiting) is False


@pytest.mark.parametrize(
    ("condition", "shown", "is_possible"),
    [
        ("month > 1.0", "month", False),
        ("double > 1.0", "month", False),
        ("bmi > 5.0", "weight", False),
        ("bmi > 5.0", "height", False),
        ("bmi > 5.0", "age", True),
        ("previous(weight) > 50.0", "weight", True),
    ],
)
def test_an_item_is_not_shown_by_its_own_value(condition: str, shown: str, is_possible: bool) -> None:
    assert can_be(True, parse(condition), around(), shows=shown) is is_possible


@pytest.mark.parametrize(
    ("condition", "answers"),
    [
        *cases(NEVER, "doses.exists(d, d.mg > 500.0)", "doses.exists_one(d, d.mg > 500.0)"),
        *cases(EITHER, "doses.exists(d, d.mg >= 500.0)", "doses.exists_one(d, d.mg >= 500.0)"),
        # There may be no row.
        *cases(EITHER, "doses.exists(d, d.mg <= 500.0)", "doses.exists_one(d, d.mg <= 500.0)"),
        *cases(EITHER, "doses.all(d, d.mg < 500.0)", "doses.all(d, d.mg > 500.0)"),
        *cases(ALWAYS, "doses.all(d, d.mg <= 500.0)", "count(doses) >= 0.0"),
        *cases(NEVER, "doses.filter(d, d.mg > 5.0).exists(e, e.mg > 500.0)"),
        *cases(NEVER, "doses.exists(d, d.mg > 5.0 && d.mg < 4.0)"),
        *cases(EITHER, "doses.filter(d, d.mg > 5.0).exists(e, e.mg > 400.0)"),
        *cases(EITHER, "count(doses.filter(d, d.mg > 5.0)) > 0.0"),
        *cases(EITHER, "count(doses) > 100.0", "logs.notes.exists(n, n.remark == 'x')"),
        *cases(NEVER, "doses.exists(d, d.mg > 5.0) && !doses.exists(d, d.mg > 5.0)"),
        *cases(EITHER, "doses.exists(d, d.mg > 5.0) && !doses.exists(d, d.mg > 6.0)"),
        *cases(EITHER, "doses.exists(d, d.mg in [5.0]) && !doses.exists(d, d.mg in [6.0])"),
        *cases(EITHER, "doses.exists(d, d.mg > 5.0 && remark == 'x')", "logs.notes.exists(n, n.score > 100.0)"),
        *cases(EITHER, "doses.exists(d, d.mg > 5.0) == true && doses.exists(d, d.mg > 5.0)"),
    ],
)  # fmt: skip
def test_a_condition_over_rows_needs_a_row_that_fits(condition: str, answers: list[bool]) -> None:
    assert possible(condition, form="notes") == answers


@pytest.mark.parametrize(
    ("condition", "answers"),
    [
        *cases(EITHER, "weight > 300.0", "weight < 20.0", "sex == 'X'", "sex in ['F', 'M']", "age in [1.0]"),
        *cases(
            NEVER, "weight > 100.0 && weight < 50.0", "age > 18.0 && age < 19.0", "sex == 'F' && sex == 'M'"
        ),
    ],
)
def test_without_limits_and_codes_only_contradictions_are_impossible(
    condition: str, answers: list[bool]
) -> None:
    assert possible(condition, limited=False) == answers
