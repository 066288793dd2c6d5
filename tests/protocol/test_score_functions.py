"""Scores as functions of expressions: type-checked on loading, exact, undetermined while undecided."""

from typing import Any

import pytest

from protocol.expressions.compiled import (
    NUMBER,
    TEXT,
    ExpressionError,
    ItemKind,
    Kind,
    Undetermined,
    compile_expression,
)
from protocol.expressions.rules import rules_of
from protocol.expressions.scope import Scope
from protocol.expressions.score_functions import SCORE_FUNCTIONS
from tests.support.protocols.shipped import COVID_MSV, LIEGE, protocol

NAMES = {
    "pf": NUMBER,
    "peep": NUMBER,
    "sex": ItemKind(Kind.TEXT, ("F", "M")),
    "ward": ItemKind(Kind.TEXT, ("ICU", "WARD")),
    "scale": ItemKind(Kind.TEXT, ("1", "2")),
    "tube": ItemKind(Kind.TEXT, ("Y", "N")),
    "remark": TEXT,
    "labs.creatinine": ItemKind(Kind.NUMBER, units=("umol/L", "mg/dL")),
    "labs.crp": ItemKind(Kind.NUMBER, units=("mg/L",)),
    "labs.platelets": NUMBER,
}


def answer(source: str, gives: ItemKind | None = NUMBER, **known: Any) -> Any:
    """Return the value of an expression; `labs__crp` is the value of this visit."""
    values = {
        f"here({name.replace('__', '.')})" if "__" in name else name: each for name, each in known.items()
    }
    return compile_expression(source, NAMES, gives=gives or NUMBER).evaluate(values)


@pytest.mark.parametrize(
    ("source", "column", "message"),
    [
        ("sofa_coagulation(sex)", 18, "sofa_coagulation takes number, this is text"),
        ("sofa_respiration(pf)", 1, "sofa_respiration takes 2 values"),
        ("sofa_respiration(pf, tube)", 22, "sofa_respiration takes logic, this is text"),
        ("sofa_renal(pf)", 1, "sofa_renal takes 2 to 3 values"),
        ("sofa_renal(pf, 'mg/L')", 16, "sofa_renal takes one of umol/L, mg/dL here"),
        ("sofa_renal(pf, unit_here(labs.crp))", 16, "sofa_renal takes one of umol/L, mg/dL here"),
        ("predicted_weight(remark, pf)", 18, "predicted_weight takes one of F, M here"),
        ("predicted_weight(ward, pf)", 18, "predicted_weight takes one of F, M here"),
        (
            "sofa_respiraton(pf, true)",
            1,
            "unknown function 'sofa_respiraton': did you mean 'sofa_respiration'?",
        ),
        ("here(labs.sodium)", 6, "unknown name 'labs.sodium'"),
        ("entered_here(labs.platelets)", 14, "entered_here takes an item with a unit"),
        ("unit_here(pf)", 11, "unit_here takes an item with a unit"),
    ],
)
def test_a_mistake_is_found_when_the_protocol_is_read(source: str, column: int, message: str) -> None:
    with pytest.raises(ExpressionError) as found:
        compile_expression(source, NAMES, gives=NUMBER)
    assert message in found.value.message
    assert found.value.column == column


def test_numbers_are_the_decimals_that_were_typed() -> None:
    """0.1 µg/kg/min is 0.1 and not a little more, 150 / 0.75 is exactly the boundary."""
    assert answer("sofa_cardiovascular(90.0, 0.1, 0.0, 0.0, false)") == 3
    assert answer("sofa_respiration(pao2_fio2(pf, peep), true)", pf="150", peep="75") == 2
    assert answer("sofa_respiration(pao2_fio2(pf, peep), true)", pf="149.99", peep="75") == 3


def test_what_is_blank_leaves_a_score_undetermined_and_is_named() -> None:
    found = answer("sofa_respiration(pf, tube == 'Y')", pf="150")
    assert isinstance(found, Undetermined)
    assert found.needs == ("tube",)
    assert answer("sofa_respiration(pf, tube == 'Y')", pf="250") == 2


def test_one_value_may_decide_although_another_is_blank() -> None:
    assert answer("sofa_cardiovascular(pf, peep, 0.0, 0.0, false)", peep="0.2") == 4
    assert isinstance(answer("sofa_cardiovascular(pf, peep, 0.0, 0.0, false)", pf="90"), Undetermined)


def test_only_what_could_still_decide_is_named() -> None:
    given = answer("sofa_cardiovascular(pf, 0.05, peep, 0.0, false)")
    assert isinstance(given, Undetermined)
    assert given.needs == ("peep",)
    calm = answer("sofa_cardiovascular(pf, 0.0, 0.0, 0.0, false)")
    assert isinstance(calm, Undetermined)
    assert calm.needs == ("pf",)
    unfit = answer("fio2_from_flow(pf)", pf="3")
    assert isinstance(unfit, Undetermined)
    assert unfit.needs == ()


def test_scores_that_are_words_are_compared_like_choices() -> None:
    source = "berlin_severity(true, true, true, peep, pf)"
    assert answer(source, TEXT, peep="5", pf="100") == "SEVERE"
    assert answer(f"{source} == 'NONE'", ItemKind(Kind.LOGIC), peep="4.9") is True
    with pytest.raises(ExpressionError, match="is never an answer here"):
        compile_expression(f"{source} == 'AWFUL'", NAMES)


@pytest.mark.parametrize(
    ("stored", "points"),
    [
        # 1.2 mg/dL is stored as 106.1 µmol/L, which the other column calls normal
        ({"value": "106.104", "entered": "1.2", "unit": "mg/dL"}, 1),
        ({"value": "300.628", "entered": "3.4", "unit": "mg/dL"}, 2),
        ("106.1", 0),
        ("110", 1),
        ("300.6", 3),
        ({"value": "300.6"}, 3),
    ],
)
def test_a_laboratory_value_is_read_by_the_column_of_its_own_unit(stored: Any, points: int) -> None:
    source = "sofa_renal(entered_here(labs.creatinine), unit_here(labs.creatinine))"
    assert answer(source, labs__creatinine=stored) == points


def test_a_missing_laboratory_value_has_no_number_and_no_unit() -> None:
    source = "sofa_renal(entered_here(labs.creatinine), unit_here(labs.creatinine))"
    for stored in ({"missing": "ND"}, None, ""):
        found = answer(source, labs__creatinine=stored)
        assert isinstance(found, Undetermined)
        assert found.needs == ("here(labs.creatinine)",)


def test_the_first_known_number_is_used() -> None:
    assert answer("first_known(pf, peep)", pf="70", peep="60") == 70
    assert answer("first_known(pf, peep)", peep="60") == 60
    found = answer("first_known(pf, peep)")
    assert isinstance(found, Undetermined)
    assert found.needs == ("pf", "peep")


def test_here_sees_the_same_visit_only() -> None:
    expression = compile_expression("here(labs.crp)", NAMES, gives=NUMBER)
    earlier = {"labs": {"crp": "80"}}
    elsewhere = Scope(other_forms=earlier, previous=earlier, last=earlier, form="score")
    assert isinstance(expression.evaluate(elsewhere), Undetermined)
    assert expression.evaluate(Scope(same={"labs": {"crp": "90"}}, other_forms=earlier, form="score")) == 90
    assert expression.evaluate(Scope({"crp": "7"}, form="labs")) == 7
    assert expression.references == {"labs.crp"}


@pytest.mark.parametrize("slug", [LIEGE, COVID_MSV])
def test_no_score_of_the_shipped_protocols_reads_another_visit(slug: str) -> None:
    """Other forms are read with here(…) in every score form; the forms beside them may fall back."""
    rules = protocol(slug)
    for code in ("sofa", "news2", "who_cps", "berlin", "murray", "ct_score", "chest_xray_score"):
        for item in rules.form(code).items:
            if item.calculate:
                expression = rules_of(rules).form(code)._calculated[item.name]
                assert not expression.previous | expression.last
                seen = Scope(form=code, other_forms=every_answer(slug), previous=every_answer(slug))
                own = {name for name in expression.references if "." not in name}
                assert own or isinstance(expression.evaluate(seen), Undetermined), (code, item.name)


def every_answer(slug: str) -> dict[str, dict[str, str]]:
    """Return a number for every item of every form, as captured at another visit."""
    return {code: {item.name: "15" for item in form.items} for code, form in protocol(slug).forms.items()}


def test_every_function_says_what_it_gives() -> None:
    assert all(function.partial and function.meaning for function in SCORE_FUNCTIONS.values())
