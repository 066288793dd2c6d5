"""Expressions that are refused when the protocol is loaded, definitions, and use by many threads."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.expressions.compiled import LOGIC, ExpressionError, Undetermined, compile_expression
from protocol.expressions.syntax import DEEPEST, LONGEST
from tests.support.protocols.evaluating import NAMES, answer

MISTAKES = [
    ("rr >= 18u", 7, "write 18"),
    ("rr >= 1 / 2", 9, "whole numbers are not divided"),
    ("rr >= (1 + 2 * 3) / -(true ? 4 : 5)", 19, "write one of them with .0"),
    ("rr >= 18,5", 9, "numbers have a point, like 0.5"),
    ("rr >= 18.0 &&", 14, "ends too early"),
    ("rr = 18.0", 4, "write =="),
    ("(rr > 1.0", 10, "expected ')'"),
    ("rr > 1.0)", 9, "not expected"),
    ("rr > 1.0 # note", 10, "no meaning"),
    ("respiration > 1.0", 1, "unknown name 'respiration'"),
    ("spo > 1.0", 1, "did you mean 'spo2'?"),
    ("spo2 > 1.0 && rate(rr) > 1.0", 15, "unknown function 'rate'"),
    ("has(rr)", 1, "undetermined"),
    ("rr == null", 7, "undetermined"),
    ("size(signs) > 1.0", 1, "count()"),
    ("sex == 'male'", 8, "there are F, M"),
    ("sex in ['F', 'X']", 14, "there are F, M"),
    ("'COLD' in signs", 1, "there are FEVER, COUGH"),
    ("signs == 'FEVER'", 7, "'CODE' in item"),
    ("pregnant", 1, "write pregnant == 'Y'"),
    ("pregnant && rr > 1.0", 1, "write pregnant == 'Y'"),
    ("!rr", 2, "needs a condition"),
    ("-sex", 1, "needs a number"),
    ("rr == 'a'", 4, "cannot compare"),
    ("rr < sex", 4, "cannot compare"),
    ("true || rr < 'a'", 12, "cannot compare"),
    ("rr + sex > 1.0", 6, "needs numbers"),
    ("ct_on - born > 1.0", 1, "days(a, b)"),
    ("rr % 2.0 == 0.0", 4, "whole numbers"),
    ("ct_on < born", 7, "before(a, b)"),
    ("before(ct_on, '5 May')", 15, "write a date"),
    ("before(ct_on, rr)", 15, "takes date"),
    ("before(ct_on)", 1, "takes 2 values"),
    ("taken_at > '9 h'", 12, "write a time"),
    ("previous(rr + 1.0) > 1.0", 1, "takes one item"),
    ("previous(subject.inclusion_on) == 1.0", 10, "item of a form"),
    ("rr.exists(x, x.y > 1.0)", 4, "repeating rows"),
    ("doses.exists(rr, rr.mg > 1.0)", 7, "another name"),
    ("doses.exists(dose, dose.ml > 1.0)", 20, "unknown name 'dose.ml'"),
    ("doses.map(dose, dose.mg)", 7, "unknown method"),
    ("remark.matches('(')", 16, "pattern"),
    ("sex == 'F' ? 1.0 : 'a'", 12, "one answer is"),
    ("rr", 1, "a logic is needed"),
    ("signs[0] == 'FEVER'", 6, "not part of"),
    ("rr > 1e999", 6, "too large"),
    ("['F', 1.0] == sex", 1, "a list holds"),
    ("", 1, "ends too early"),
]


@pytest.mark.parametrize(("source", "column", "words"), MISTAKES)
def test_a_bad_expression_is_refused_with_its_place(source: str, column: int, words: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        compile_expression(source, NAMES)
    assert (refused.value.column, words in refused.value.message) == (column, True), str(refused.value)


def test_an_expression_too_deep_or_too_long_is_refused_before_it_exhausts_the_stack() -> None:
    deep = "(" * (DEEPEST + 1) + "rr > 1.0" + ")" * (DEEPEST + 1)
    long = " && ".join(["rr > 1.0"] * (LONGEST + 5))
    nested = "1.0 / (rr / " * (DEEPEST - 2) + "rr" + ")" * (DEEPEST - 2) + " > 0.0"
    for source in (deep, long, "!" * 300 + "(rr > 1.0)"):
        with pytest.raises(ExpressionError, match="use a definition"):
            compile_expression(source, NAMES)
    assert answer(nested, rr="2") is True


@given(st.text(alphabet="ab.rs()[]!&|<>=?:+-*/'\"0123 \\,{}", max_size=30))
def test_any_text_compiles_or_is_refused_with_a_place(source: str) -> None:
    column = 1
    try:
        compile_expression(source, NAMES)
    except ExpressionError as error:
        column = error.column
    assert 1 <= column <= len(source) + 1


def test_a_definition_stands_for_its_expression() -> None:
    names = {**NAMES, "definition.hypoxic": LOGIC}
    expression = compile_expression(
        "definition.hypoxic && sex == 'F'", names, definitions={"hypoxic": "spo2 <= 93.0 || rr >= 30.0"}
    )
    assert expression.references == {"spo2", "rr", "sex"}
    assert expression.evaluate({"spo2": "90", "sex": "F"}) is True
    assert expression.evaluate({"spo2": "95", "sex": "F"}) == Undetermined(("rr",))


def test_a_definition_that_needs_itself_is_refused() -> None:
    names = {**NAMES, "definition.a": LOGIC}
    with pytest.raises(ExpressionError, match="itself"):
        compile_expression("definition.a", names, definitions={"a": "rr > 1.0 || definition.a"})


def test_one_expression_serves_many_threads() -> None:
    expression = compile_expression("rr >= 30.0 || spo2 <= 93.0", NAMES)
    values = [{"rr": str(rate), "spo2": "95"} for rate in range(20, 40)] * 20
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(expression.evaluate, values))
    assert found == [float(value["rr"]) >= 30 for value in values]
