"""Every mistake of a protocol file is reported at once, and no damage to it is an exception (DAT-03, DAT-09)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.checking.loading import load
from protocol.checking.mistakes import Problem, ProtocolMistakes, problems
from tests.support.protocols.shipped import ROOT
from tests.support.protocols.small import SMALL, said


def test_every_mistake_is_reported_at_once_whatever_its_kind() -> None:
    """One misspelt key does not hide a wrong unit, a wrong code or a wrong reference elsewhere."""
    text = SMALL
    for old, new in [
        ('phase = "II"', 'phse = "II"'),
        ('label = { en = "Height" }', 'lable = { en = "Height" }'),
        ('unit = "kg", units', 'unit = "kilo", units'),
        ("'Y'\"", "'Yes'\""),
        ('forms = ["body"]', 'forms = ["boody"]'),
        ("> 100.0", "> 100u"),
    ]:
        text = text.replace(old, new, 1)
    assert [problem.path for problem in problems(text)] == [
        "trial.phase",
        "trial.phse",
        "definitions.heavy",
        "eligibility.E1.present",
        "dosing.weight_item",
        "visits.S.forms",
        "forms.body.height.label",
        "forms.body.height.lable",
        "forms.body.weight.unit",
    ]


def test_an_item_of_the_wrong_shape_is_not_reported_as_unknown_elsewhere() -> None:
    found = said('type = "decimal", label = { en = "Weight" }', 'type = "number", label = { en = "Weight" }')
    assert found == ["forms.body.weight.type: should be " + found[0].partition("should be ")[2]]


def test_a_mistake_in_the_dosing_does_not_hide_an_unknown_weight() -> None:
    """DAT-09: a part removed for its shape is still checked against the other tables."""
    text = SMALL.replace("interval_days = [3, 4]", "interval_days = [4, 3]").replace(
        'weight_item = "body.weight"', 'weight_item = "body.weigth"'
    )
    assert [problem.path for problem in problems(text)] == ["dosing.interval_days", "dosing.weight_item"]


def test_a_visit_of_the_wrong_shape_is_not_reported_as_unknown_in_expressions() -> None:
    """One mistake in a visit is reported once, not once for each check that names the visit."""
    path = ROOT / "trials/protocols/nct04445454.toml"
    text = path.read_text(encoding="utf-8").replace('anchor = "inclusion"\n', 'anchor = "inclusionn"\n', 1)
    assert [problem.path for problem in problems(text)] == ["visits.INF1.anchor"]


def test_a_mistake_of_toml_is_reported_with_its_line() -> None:
    (problem,) = [each for each in problems("[trial]\nid = \n") if each.path.startswith("line")]
    assert problem.path == "line 2, column 6"


def test_a_protocol_with_mistakes_is_not_loaded() -> None:
    with pytest.raises(ProtocolMistakes) as refused:
        load(SMALL.replace('unit = "cm"', 'unit = "ell"'))
    assert [str(problem) for problem in refused.value.problems] == [
        "forms.body.height.unit: unknown unit 'ell'"
    ]


@given(st.data())
def test_a_damaged_file_gives_problems_never_an_exception(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(SMALL)))
    length = data.draw(st.integers(1, 60))
    put = data.draw(st.sampled_from(["", "7", '"', "[", "= 1\n", "{ }", "\n[forms]\n", "true"]))
    for problem in problems(SMALL[:start] + put + SMALL[start + length :]):
        assert problem.path
        assert problem.message


LINES = [number for number, line in enumerate(SMALL.splitlines()) if "=" in line]


@given(
    st.sampled_from(LINES),
    st.sampled_from(["1", "true", "[]", "{}", '"text"', "[1]", "{ a = 1 }", "[{ a = 1 }]"]),
)
def test_a_value_of_the_wrong_kind_gives_problems_never_an_exception(number: int, value: str) -> None:
    lines = SMALL.splitlines()
    lines[number] = f"{lines[number].partition('=')[0]}= {value}"
    found = problems("\n".join(lines))
    assert all(isinstance(problem, Problem) and problem.path and problem.message for problem in found)
