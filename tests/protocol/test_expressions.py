"""Expressions return true, false or undetermined: a blank never means no."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.expressions.compiled import YES_NO, Undetermined, compile_expression
from tests.support.protocols.evaluating import NAMES, answer, needs


def test_a_low_saturation_decides_although_the_respiratory_rate_was_not_measured() -> None:
    assert answer("rr >= 30.0 || spo2 <= 93.0", spo2="92") is True


def test_a_normal_saturation_alone_leaves_the_criterion_undetermined_and_names_the_rate() -> None:
    assert needs("rr >= 30.0 || spo2 <= 93.0", spo2="95") == ["rr"]


def test_a_missing_code_is_not_an_answer() -> None:
    """DAT-02: not done is neither yes nor no."""
    assert needs("pregnant == 'Y'", pregnant={"missing": "ND"}) == ["pregnant"]
    assert needs("pregnant != 'Y'", pregnant={"missing": "NA", "reason": "male"}) == ["pregnant"]


@pytest.mark.parametrize("blank", [None, "", []])
@pytest.mark.parametrize(
    "source", ["sex == 'F'", "sex != 'F'", "!(sex == 'F')", "sex in ['F']", "count(signs) > 0.0"]
)
def test_a_blank_never_means_no(source: str, blank: Any) -> None:
    assert isinstance(answer(source, sex=blank, signs=blank), Undetermined)


def test_undetermined_cannot_be_used_as_a_condition() -> None:
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(Undetermined(("rr",)))


def test_only_what_could_still_decide_is_asked_for() -> None:
    source = "(sex == 'F' && pregnant == 'Y') || (weight > 100.0 && rr > 30.0)"
    assert needs(source, sex="M", weight="120") == ["rr"]
    assert needs(source, sex="F", weight="80") == ["pregnant"]
    assert needs(source) == ["sex", "pregnant", "weight", "rr"]


def test_a_choice_between_two_answers_waits_for_its_condition_then_for_its_branch() -> None:
    source = "sex == 'F' ? pregnant == 'Y' : rr > 30.0"
    assert needs(source, pregnant="Y", rr="40") == ["sex"]
    assert needs(source, sex="M", pregnant="Y") == ["rr"]
    assert answer(source, sex="M", rr="31") is True


def test_a_value_that_cannot_be_read_decides_nothing() -> None:
    for broken in ("twelve", "nan", "1e999", True, [1]):
        assert needs("rr > 3.0", rr=broken) == ["rr"]
    assert needs("before(ct_on, '2021-01-01')", ct_on="2021-02-31") == ["ct_on"]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("2021-02")
PARTS = st.sampled_from(["value", "missing", "mg", "on"])
STORED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PARTS, inner, max_size=2),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(NAMES)), STORED))
def test_whatever_is_stored_an_expression_answers_or_is_undetermined(values: dict[str, Any]) -> None:
    """A damaged record never breaks a page: an unreadable value decides nothing."""
    for source in (
        "rr > 1.0 && spo2 / rr < 2.0 && sex == 'F' && remark.contains('a') && taken_at < '10:00'",
        "before(ct_on, born) || hours(started_at, ended_at) > 1.0 || years(born, ct_on) >= 18.0",
        "'FEVER' in signs || count(signs) > 2.0 || doses.exists(d, d.mg > 1.0 || before(d.on, ct_on))",
    ):
        found = compile_expression(source, NAMES).evaluate(values)
        assert isinstance(found, bool) or found.needs is not None


@dataclass(frozen=True)
class Tree:
    """A logic tree over `a` to `e`: its CEL text, and its value by Kleene's tables."""

    text: str
    decide: Any


def _atom(name: str) -> Tree:
    return Tree(f"{name} == 'Y'", lambda known: {"Y": True, "N": False}.get(known.get(name, "")))


def _not(tree: Tree) -> Tree:
    def decide(known: Any) -> Any:
        value = tree.decide(known)
        return None if value is None else not value

    return Tree(f"!({tree.text})", decide)


def _both(left: Tree, right: Tree) -> Tree:
    def decide(known: Any) -> Any:
        values = (left.decide(known), right.decide(known))
        return False if False in values else None if None in values else True

    return Tree(f"(({left.text}) && ({right.text}))", decide)


def _either(left: Tree, right: Tree) -> Tree:
    def decide(known: Any) -> Any:
        values = (left.decide(known), right.decide(known))
        return True if True in values else None if None in values else False

    return Tree(f"(({left.text}) || ({right.text}))", decide)


def _chosen(condition: Tree, then: Tree, otherwise: Tree) -> Tree:
    def decide(known: Any) -> Any:
        value = condition.decide(known)
        return None if value is None else then.decide(known) if value else otherwise.decide(known)

    return Tree(f"(({condition.text}) ? ({then.text}) : ({otherwise.text}))", decide)


LETTERS = "abcde"
LOGIC_NAMES = dict.fromkeys(LETTERS, YES_NO)
ATOMS = st.sampled_from(LETTERS).map(_atom)
TREES = st.recursive(
    ATOMS,
    lambda inner: (
        inner.map(_not)
        | st.builds(_both, inner, inner)
        | st.builds(_either, inner, inner)
        | st.builds(_chosen, inner, inner, inner)
    ),
    max_leaves=8,
)
KNOWN = st.dictionaries(st.sampled_from(LETTERS), st.sampled_from("YN"))


@given(TREES, KNOWN)
def test_logic_follows_kleenes_tables(tree: Tree, known: dict[str, str]) -> None:
    found = compile_expression(tree.text, LOGIC_NAMES).evaluate(known)
    expected = tree.decide(known)
    assert found is expected if expected is not None else isinstance(found, Undetermined)


@given(TREES, KNOWN, KNOWN)
def test_a_further_answer_never_turns_a_decided_one(
    tree: Tree, known: dict[str, str], later: dict[str, str]
) -> None:
    expression = compile_expression(tree.text, LOGIC_NAMES)
    first = expression.evaluate(known)
    if not isinstance(first, Undetermined):
        assert expression.evaluate({**later, **known}) is first


@given(TREES, KNOWN, KNOWN)
def test_what_is_needed_decides_and_nothing_else_could(
    tree: Tree, known: dict[str, str], later: dict[str, str]
) -> None:
    expression = compile_expression(tree.text, LOGIC_NAMES)
    found = expression.evaluate(known)
    if not isinstance(found, Undetermined):
        return
    unasked = {name: value for name, value in later.items() if name not in found.needs}
    assert isinstance(expression.evaluate({**unasked, **known}), Undetermined)
    while isinstance(found, Undetermined):
        assert found.needs
        assert not set(found.needs) & set(known)
        known = {**known, **dict.fromkeys(found.needs, "Y")}
        found = expression.evaluate(known)
