"""A result beyond a limit of detection decides only what every number of its interval decides (DAT-03).

Each operation on intervals is tried on numbers inside them: what it gives must contain what those numbers give, and a
comparison that is decided must be right for each of them.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from protocol.expressions import interval_arithmetic, numbers
from protocol.expressions.compiled import NUMBER, Undetermined, compile_expression
from protocol.expressions.functions import FUNCTIONS
from protocol.expressions.kinds import ABSENT
from protocol.values.intervals import COMPARISONS, Interval, as_interval, compared, member, side_of

D = Decimal
small = st.decimals(-20, 20, places=1).map(lambda number: number + 0)
signs = st.sampled_from(["<", "<=", ">", ">="])


@st.composite
def inside(draw: Any) -> tuple[Any, Decimal]:
    """Return a number or a result beyond a limit, and a number that it can be."""
    number = draw(small)
    kind = draw(st.sampled_from(["number", "between", "<", "<=", ">", ">="]))
    if kind == "number":
        return number, number
    away, other = draw(st.decimals(0, 9, places=1)), draw(st.decimals(0, 9, places=1))
    if kind == "between":
        return Interval(number - away, number + other, not away or draw(st.booleans()), True), number
    if not kind.endswith("="):
        assume(away)
    return Interval.beyond(kind, number + away if kind[0] == "<" else number - away), number


def contains(interval: Any, number: Any) -> bool:
    found = as_interval(interval)
    return not found.is_above(number) and not found.is_below(number)


@given(inside(), inside(), st.sampled_from(["add", "subtract", "multiply", "smallest", "largest"]))
def test_a_result_contains_what_every_number_gives(one, other, name) -> None:
    found = getattr(interval_arithmetic, name)(one[0], other[0])
    assert contains(found, getattr(numbers, name)(one[1], other[1]))


@given(inside(), inside())
def test_a_quotient_contains_what_every_number_gives_and_a_divisor_that_may_be_zero_none(one, other) -> None:
    found = interval_arithmetic.divide(one[0], other[0])
    if found is ABSENT:
        assert contains(other[0], 0)
    else:
        assert contains(found, numbers.divide(one[1], other[1]))


@given(inside(), st.sampled_from(["negate", "absolute", "square_root", "logarithm"]))
def test_a_function_contains_what_every_number_gives(one, name) -> None:
    found = getattr(interval_arithmetic, name)(one[0])
    if found is not ABSENT:
        assert contains(found, getattr(numbers, name)(one[1]))


@given(inside(), st.decimals(-2, 3, places=1))
def test_a_power_contains_what_every_number_gives(one, exponent) -> None:
    found = interval_arithmetic.power(one[0], exponent)
    if found is not ABSENT:
        assert contains(found, numbers.power(one[1], exponent))


@given(inside(), inside(), st.sampled_from(sorted(COMPARISONS)))
def test_a_decided_comparison_holds_for_every_number(one, other, sign) -> None:
    found = compared(sign, one[0], other[0])
    assert found in (None, COMPARISONS[sign](one[1], other[1]))


@given(inside(), st.lists(small, max_size=3))
def test_a_decided_membership_holds_for_every_number(one, listed) -> None:
    assert member(one[0], listed) in (None, one[1] in listed)


@given(inside(), small, small)
def test_a_decided_side_of_a_range_holds_for_every_number(one, low, width) -> None:
    high = low + abs(width)
    assert side_of(one[0], low, high) in ("", side_of(one[1], low, high))


@given(inside(), small, st.decimals(0, 30, places=1))
def test_the_possible_part_keeps_every_possible_number(one, low, width) -> None:
    if low <= one[1] <= low + width:
        assert contains(as_interval(one[0]).within(low, low + width), one[1])


STEPS = [
    ("sofa_coagulation", 1, ()), ("murray_oxygenation", 1, ()), ("murray_peep", 1, ()), ("murray_compliance", 1, ()),
    ("sofa_liver", 1, ("mg/dL",)), ("sofa_liver", 1, ("umol/L",)), ("sofa_renal", 1, ("mg/dL",)),
    ("sofa_respiration", 1, (True,)), ("sofa_respiration", 1, (False,)), ("pao2_fio2", 1, (D(40),)),
    ("mean_pressure", 2, ()), ("news2_pulse", 1, ()), ("news2_temperature", 1, ()), ("fio2_from_flow", 1, ()),
]  # fmt: skip


@pytest.mark.parametrize(("name", "many", "others"), STEPS)
@given(st.data())
def test_a_score_is_what_every_number_scores_or_undecided(name, many, others, data) -> None:
    given_numbers = [data.draw(inside()) for _each in range(many)]
    apply = FUNCTIONS[name].apply
    found = apply(*(value for value, _n in given_numbers), *others, zone="UTC", whole_days=False)
    exact = apply(*(number for _v, number in given_numbers), *others, zone="UTC", whole_days=False)
    if found is not ABSENT and exact is not ABSENT:
        # Continuous scores are rounded to 28 digits.
        assert contains(found, exact) or abs(Fraction(as_interval(found).low or 0) - Fraction(exact)) < 1e-9


def evaluated(source: str, **values: Any) -> Any:
    return compile_expression(source, dict.fromkeys(values, NUMBER)).evaluate(values)


BELOW = {"comparator": "<", "limit": "0.6"}
ABOVE = {"comparator": ">=", "limit": "300"}


@pytest.mark.parametrize(
    ("source", "value", "answer"),
    [
        ("x < 0.6", BELOW, True),
        ("x >= 0.6", BELOW, False),
        ("x <= 0.6", BELOW, True),
        ("x < 0.59", BELOW, None),
        ("x == 0.6", BELOW, False),
        ("x == 0.5", BELOW, None),
        ("x in [0.6, 0.7]", BELOW, False),
        ("x in [0.1]", BELOW, None),
        ("x >= 300.0", ABOVE, True),
        ("x > 300.0", ABOVE, None),
        ("x < 300.0", ABOVE, False),
        ("-x <= -300.0", ABOVE, True),
        ("x - 100.0 >= 200.0", ABOVE, True),
        ("100.0 / x <= 1.0", ABOVE, True),
        ("max(x, 5.0) >= 300.0", ABOVE, True),
        ("x > 1000.0 || x >= 300.0", ABOVE, True),
        ("first_known(x, 1.0) >= 300.0", ABOVE, True),
        ("(x > 500.0 ? 1.0 : 2.0) > 0.0", ABOVE, None),
    ],
)
def test_a_condition_is_true_or_false_only_if_it_is_for_every_number(source, value, answer) -> None:
    found = evaluated(source, x=value)
    assert found is answer if answer is not None else found == Undetermined(("x",))


def test_a_calculation_from_a_result_beyond_a_limit_stays_empty_and_names_it() -> None:
    calculation = compile_expression("x * 2.0", {"x": NUMBER}, gives=NUMBER)
    assert calculation.evaluate({"x": BELOW}) == Undetermined(("x",))
    assert compile_expression("x * 0.0", {"x": NUMBER}, gives=NUMBER).evaluate({"x": "4"}) == 0


def test_a_change_since_an_earlier_result_beyond_a_limit_is_an_interval() -> None:
    rising = compile_expression("x - previous(x) > 5.0", {"x": NUMBER})
    assert rising.evaluate({"x": "10", "previous(x)": BELOW}) is True
    assert rising.evaluate({"x": "5.5", "previous(x)": BELOW}) == Undetermined(("previous(x)",))
    assert rising.evaluate({"x": "5", "previous(x)": {"comparator": ">", "limit": "1"}}) is False


def test_a_score_of_a_result_beyond_a_limit_is_decided_where_its_table_is() -> None:
    points = compile_expression("sofa_coagulation(x)", {"x": NUMBER}, gives=NUMBER)
    assert points.evaluate({"x": {"comparator": "<", "limit": "20"}}) == 4
    assert points.evaluate({"x": {"comparator": "<=", "limit": "20"}}) == Undetermined(("x",))
    assert points.evaluate({"x": {"comparator": ">", "limit": "150"}}) == 0
    # NEWS2 gives 3 points to a pulse of 40 and below: between two ends it rises and falls.
    pulse = compile_expression("news2_pulse(x)", {"x": NUMBER}, gives=NUMBER)
    assert pulse.evaluate({"x": {"comparator": "<", "limit": "30"}}) == Undetermined(("x",))


def test_a_stored_part_that_no_page_stores_has_no_value() -> None:
    for broken in ({"comparator": "<"}, {"comparator": "~", "limit": "1"}, {"comparator": "<", "limit": "x"}):
        assert isinstance(evaluated("x < 5.0", x=broken), Undetermined)
