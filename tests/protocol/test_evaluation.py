"""Results of the rules of a form and the criteria of a trial on captured values."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from protocol.checking.loading import load
from protocol.document.document import Protocol
from protocol.expressions.compiled import Undetermined
from protocol.expressions.rules import FormRules, rules_of
from protocol.expressions.scope import Scope, is_answered
from tests.support.protocols.shipped import ROOT

SMALL = (ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8")
CALCULATED = """
[forms.sums]
title = { en = "Sums" }
items = [
  { name = "total", type = "decimal", label = { en = "Total" }, calculate = "doubled + 1.0" },
  { name = "first", type = "integer", label = { en = "First" } },
  { name = "doubled", type = "integer", label = { en = "Doubled" }, calculate = "sums.first * 2.0" },
  { name = "grade", type = "choice", label = { en = "Grade" }, choices = [
    { code = "LOW", label = { en = "Low" } },
    { code = "HIGH", label = { en = "High" } },
  ], calculate = "doubled > 10.0 ? 'HIGH' : 'LOW'" },
  { name = "asked", type = "yes_no", label = { en = "Asked" }, required = false },
  { name = "why", type = "text", label = { en = "Why" }, shown_when = "asked == 'Y'" },
  { name = "since", type = "partial_date", label = { en = "Since" }, required_when = "grade == 'HIGH'" },
  { name = "more", type = "integer", label = { en = "M" }, shown_when = "asked == 'Y'", calculate = "first" },
  { name = "doses", type = "rows", label = { en = "Doses" }, required = false, columns = [
    { name = "mg", type = "decimal", label = { en = "mg" } },
    { name = "stopped", type = "yes_no", label = { en = "Stopped" } },
    { name = "stopped_on", type = "date", label = { en = "On" }, shown_when = "stopped == 'Y'" },
    { name = "share", type = "decimal", label = { en = "%" }, decimals = 1, calculate = "mg / first" },
  ] },
]
"""


def rules(form: str = "sums") -> tuple[FormRules, Protocol]:
    protocol = load(SMALL + CALCULATED)
    return rules_of(protocol).form(form), protocol


def scope(form: str = "sums", **values: Any) -> Scope:
    return Scope(values, form=form)


def test_calculations_follow_each_other_whatever_their_order_in_the_file() -> None:
    assert rules()[0].calculated(scope(first="7")) == {"doubled": "14", "total": "15.00", "grade": "HIGH"}


def test_a_calculation_stays_empty_while_something_is_missing() -> None:
    """What was calculated before is not kept once its source is gone."""
    form, _protocol = rules()
    stale = scope(first={"missing": "UNK"}, doubled="14", total="15.00", grade="HIGH")
    assert form.with_calculated(stale) == {"first": {"missing": "UNK"}}


def test_nobody_types_a_calculated_value() -> None:
    assert rules()[0].with_calculated(scope(first="2", doubled="99"))["doubled"] == "4"


def test_an_item_that_is_not_asked_is_not_calculated() -> None:
    form, _protocol = rules()
    assert "more" not in form.calculated(scope(first="2", asked="N"))
    assert form.calculated(scope(first="2", asked="Y"))["more"] == "2"


def test_an_item_is_asked_only_once_its_condition_is_true() -> None:
    form, _protocol = rules()
    for asked, shown, ruled_out in (("Y", True, False), ("N", False, True), (None, False, False)):
        seen = scope(asked=asked)
        assert form.is_shown("why", seen) is shown
        assert form.is_ruled_out("why", seen) is ruled_out
        assert ("why" in form.shown(seen)) is shown


def test_what_must_be_answered_depends_on_the_answers() -> None:
    form, _protocol = rules()
    assert form.required(scope(first="1", grade="LOW", asked="N")) == {"first"}
    assert form.required(scope(first="9", grade="HIGH", asked="Y")) == {"first", "since", "why"}


def test_a_row_has_rules_of_its_own_that_see_the_form_too() -> None:
    form, _protocol = rules()
    row = form.row("doses")
    cells = scope(first="40", mg="10", stopped="Y")
    assert row.calculated(cells) == {"share": "0.3"}
    assert row.required(cells) == {"mg", "stopped", "stopped_on"}
    assert row.required(scope(first="40", mg="10", stopped="N")) == {"mg", "stopped"}


def test_a_check_fires_when_it_is_violated_and_not_while_it_is_open() -> None:
    form, protocol = rules("body")
    (check,) = protocol.form("body").checks
    assert form.fired(scope("body", bmi="61.00")) == [check]
    assert form.fired(scope("body", bmi="60.00")) == []
    assert form.fired(scope("body")) == []
    assert form.inputs(check) == ["bmi"]


def test_a_criterion_allows_forbids_or_waits_and_shows_what_it_read() -> None:
    protocol = load(SMALL)
    body = {"sex": "F", "weight": "120"}
    heavy, pregnant = rules_of(protocol).eligibility.criteria(Scope(other_forms={"body": body}))
    assert (heavy.answer, heavy.allows, heavy.needs) == (False, False, ())
    assert heavy.inputs == {"body.sex": "F", "body.weight": "120"}
    assert (pregnant.allows, pregnant.needs) == (None, ("body.pregnant",))
    (_heavy, present) = rules_of(protocol).eligibility.criteria(
        Scope(other_forms={"body": {"pregnant": "Y"}})
    )
    assert (present.answer, present.allows) == (True, False)


GROUPS = """
[[groups]]
code = "A"
title = { en = "Light" }
member = "body.weight < 60.0"
[[groups]]
code = "B"
title = { en = "Woman" }
member = "body.sex == 'F'"
"""


def test_the_group_is_the_first_whose_rule_holds_once_no_earlier_one_is_open() -> None:
    evaluation = rules_of(load(SMALL + GROUPS))

    def group(**body: str) -> Any:
        return evaluation.eligibility.group(Scope(other_forms={"body": body}))

    assert group(weight="50").code == "A"
    assert group(weight="70", sex="F").code == "B"
    assert group(weight="70", sex="M") is None
    assert group(sex="F") == Undetermined(("body.weight",))


def test_a_scope_finds_own_answers_other_forms_the_subject_and_the_past() -> None:
    seen = Scope(
        {"a": "1", "b": ""},
        {"g": {"c": "2"}},
        {"group": "A"},
        form="f",
        previous={"f": {"a": "0"}},
        last={"f": {"b": "9"}, "g": {"d": "8"}},
    )
    names = [
        "a",
        "f.a",
        "g.c",
        "subject.group",
        "previous(a)",
        "last(a)",
        "last(f.b)",
        "last(g.d)",
        "h.x",
        "z",
    ]
    assert [seen.get(name) for name in names] == ["1", "1", "2", "A", "0", "1", "9", "8", None, None]


def test_a_form_knows_what_it_reads_of_others_and_of_the_past() -> None:
    checks = """
[forms.later]
title = { en = "Later" }
checks = [
  { id = "L1", on = "crp", severity = "soft", message = { en = "!" }, violated = "rises" },
]
items = [{ name = "crp", type = "decimal", label = { en = "CRP" } }]
"""
    violated = "crp > previous(crp) && body.sex == 'F'"
    form = rules_of(load(SMALL + checks.replace("rises", violated))).form("later")
    assert form.references == {"body.sex"}
    assert form.history == {"crp"}
    rising = Scope({"crp": "9"}, {"body": {"sex": "F"}}, form="later", previous={"later": {"crp": "8"}})
    assert [check.id for check in form.fired(rising)] == ["L1"]


@given(
    st.dictionaries(
        st.sampled_from(["first", "asked", "doses"]), st.sampled_from([None, "", [], {}, {"missing": "ND"}])
    )
)
def test_blank_and_missing_answers_calculate_nothing_and_fire_nothing(values: dict[str, Any]) -> None:
    form, _protocol = rules()
    assert form.calculated(Scope(values, form="sums")) == {}
    assert not any(is_answered(value) for value in values.values())
