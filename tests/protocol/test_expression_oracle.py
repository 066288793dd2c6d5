"""Our evaluation of expressions gives what the CEL library gives, wherever binary doubles are exact (REL-16).

Values and constants are halves and quarters of small numbers, so that no sum, difference or product of them is
rounded by a double; divisors are powers of two. A variable that is missing is an error of the library, which its
logic absorbs as the specification says: there ours is undetermined.
"""

from decimal import Decimal
from typing import Any

import cel
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.expressions.compiled import LOGIC, NUMBER, TEXT, YES_NO, Undetermined, compile_expression
from protocol.expressions.kinds import ItemKind, Kind

NUMBERS, TEXTS, FLAGS = ("n1", "n2", "n3"), ("t1", "t2"), ("b1", "b2")
NAMES = {
    **dict.fromkeys(NUMBERS, NUMBER),
    **dict.fromkeys(TEXTS, TEXT),
    **dict.fromkeys(FLAGS, YES_NO),
    "codes": ItemKind(Kind.CODES, ("A", "B", "C")),
}
QUARTERS = st.integers(-64, 64).map(lambda quarters: Decimal(quarters) / 4)
LETTERS = st.text("abcABC", max_size=3)


def _constant(number: Decimal) -> str:
    return f"{number:.2f}" if number >= 0 else f"(-{-number:.2f})"


numbers = st.recursive(
    st.sampled_from(NUMBERS) | QUARTERS.map(_constant),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-"]), inner)
        | st.builds("({} * {})".format, st.sampled_from(NUMBERS), QUARTERS.map(_constant))
        | st.builds("({} / {})".format, inner, st.sampled_from(["2.0", "4.0", "0.5"]))
        | st.builds("(-{})".format, inner)
    ),
    max_leaves=6,
)
texts = (
    st.sampled_from(TEXTS)
    | LETTERS.map(repr)
    | st.builds("({} + {})".format, st.sampled_from(TEXTS), LETTERS.map(repr))
)
comparisons = (
    st.builds("({} {} {})".format, numbers, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), numbers)
    | st.builds("({} {} {})".format, texts, st.sampled_from(["==", "!="]), texts)
    | st.builds("({} == '{}')".format, st.sampled_from(FLAGS), st.sampled_from("YN"))
    | st.builds("{}.{}({})".format, texts, st.sampled_from(["startsWith", "endsWith", "contains"]), texts)
    | st.builds("({} in [{}, {}])".format, numbers, QUARTERS.map(_constant), QUARTERS.map(_constant))
    | st.builds("('{}' in codes)".format, st.sampled_from("ABC"))
    | st.builds(
        "{}.matches('{}')".format,
        st.sampled_from(TEXTS),
        st.sampled_from(["^a", "b$", "[A-C]+", "a|b", "a.c"]),
    )
)
conditions = st.recursive(
    comparisons,
    lambda inner: (
        st.builds("({} && {})".format, inner, inner)
        | st.builds("({} || {})".format, inner, inner)
        | st.builds("(!{})".format, inner)
        | st.builds("({} ? {} : {})".format, inner, inner, inner)
    ),
    max_leaves=6,
)
known = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(NUMBERS, QUARTERS),
        **dict.fromkeys(TEXTS, LETTERS.filter(bool)),
        **dict.fromkeys(FLAGS, st.sampled_from("YN")),
        "codes": st.lists(st.sampled_from("ABC"), min_size=1, unique=True),
    },
)


def of_the_library(source: str, values: dict[str, Any]) -> Any:
    """Return what the library says; None where it meets a variable that is missing."""
    context = {name: float(value) if isinstance(value, Decimal) else value for name, value in values.items()}
    try:
        return cel.compile(source).execute(context)
    except RuntimeError:
        return None


def ours(source: str, values: dict[str, Any], gives: ItemKind) -> Any:
    """Return what our engine says of the same values, as they are stored; None where it is undetermined."""
    stored = {name: str(value) if isinstance(value, Decimal) else value for name, value in values.items()}
    found = compile_expression(source, NAMES, gives=gives).evaluate(stored)
    return None if isinstance(found, Undetermined) else found


@settings(max_examples=300)
@given(conditions, known)
def test_conditions_are_decided_as_the_library_decides_them(source: str, values: dict[str, Any]) -> None:
    assert ours(source, values, LOGIC) is of_the_library(source, values)


@settings(max_examples=200)
@given(numbers, known)
def test_numbers_are_computed_as_the_library_computes_them(source: str, values: dict[str, Any]) -> None:
    found, expected = ours(source, values, NUMBER), of_the_library(source, values)
    assert (found is None) is (expected is None)
    assert found is None or float(found) == expected
