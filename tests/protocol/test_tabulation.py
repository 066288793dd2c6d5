"""Where answers go in the tabulation (SDTM): the keys `cdisc` and `sdtm` of a protocol file."""

import pytest

from protocol.checking.loading import load
from protocol.checking.mistakes import problems
from protocol.document.tabulation import TargetKind
from tests.support.build import COVID_MSV, LIEGE, shipped_text

SHIPPED = (LIEGE, COVID_MSV)


@pytest.mark.parametrize("slug", SHIPPED)
def test_every_item_of_the_shipped_trials_goes_somewhere_or_says_why_not(slug):
    """P11-02: an answer is never lost in silence."""
    rules, unmapped, kinds = load(shipped_text(slug)), [], set()
    for form in rules.forms.values():
        for item in (*form.items, *form.masked_items):
            for each in item.columns or (item,):
                to = form.target(each)
                kinds.add(to.kind)
                if to.kind == TargetKind.UNMAPPED:
                    unmapped.append(f"{form.code}.{each.name}")
    assert unmapped == []
    assert kinds == set(TargetKind) - {TargetKind.UNMAPPED}


@pytest.mark.parametrize("slug", SHIPPED)
def test_a_test_code_has_one_meaning_in_its_domain(slug):
    """P11-02: one test code, one name of the test."""
    names: dict[tuple[str, str], set[str]] = {}
    rules = load(shipped_text(slug))
    for form in rules.forms.values():
        for item in form.items:
            for each in item.columns or (item,):
                to = form.target(each)
                if to.kind == TargetKind.FINDING and each.sdtm and each.sdtm.test:
                    names.setdefault((to.domain, to.name), set()).add(each.sdtm.test)
    assert {key: found for key, found in names.items() if len(found) > 1} == {}
    assert len(names) > 30


def changed(old: str, new: str) -> list[str]:
    text = shipped_text(LIEGE)
    assert old in text
    return [str(problem) for problem in problems(text.replace(old, new, 1))]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            'sdtm = { term = "ARTERIAL HYPERTENSION" }',
            'sdtm = { term = "ARTERIAL HYPERTENSION", testcd = "HT" }',
            "forms.medical_history.hypertension.sdtm: write one of testcd, term",
        ),
        (
            'sdtm = { term = "ARTERIAL HYPERTENSION" }',
            'sdtm = { domain = "XX", term = "ARTERIAL HYPERTENSION" }',
            "forms.medical_history.hypertension.sdtm.domain: 'XX' is none of CM,",
        ),
        (
            'sdtm = { term = "ARTERIAL HYPERTENSION" }',
            'sdtm = { testcd = "HT" }',
            "forms.medical_history.hypertension.sdtm: a test code belongs to a domain of findings, not to MH",
        ),
        (
            'sdtm = { variable = "MHTERM", of = "other_history" }',
            'sdtm = { variable = "CMTRT", of = "other_history" }',
            "forms.medical_history.other_history.sdtm.variable: CMTRT is no variable of MH",
        ),
        (
            'sdtm = { date = "measured_at" }',
            'sdtm = { date = "temp" }',
            "forms.vitals.sdtm.date: no date 'temp' in this form",
        ),
        (
            'sdtm = { qualifier = "ALLERGEN", label = "Known allergy, to what", of = "allergy" }',
            'sdtm = { qualifier = "ALLERGEN", label = "Known allergy, to what", of = "nothing" }',
            "forms.medical_history.allergy_text.sdtm.of: no item 'nothing' beside this one",
        ),
        (
            'sdtm = { qualifier = "ALLERGEN", label = "Known allergy, to what", of = "allergy" }',
            'sdtm = { qualifier = "ALLERGEN", of = "allergy" }',
            "forms.medical_history.allergy_text.sdtm.label: is required: a qualifier has a label",
        ),
        (
            "sdtm = { done = true }",
            'sdtm = { done = true, testing = "x" }',
            "forms.blood_gas.gas_done.sdtm.testing",
        ),
        (
            'sdtm = { omit = "The unit of the result says it" }',
            "sdtm = { done = true }",
            "forms.biochemistry.ddimer_kind.sdtm.done: is for yes_no, this item is choice",
        ),
    ],
)
def test_a_mistake_is_told_at_its_key(old, new, told):
    """P11-02: a file with a mistake in these keys does not load."""
    assert any(problem.startswith(told) for problem in changed(old, new)), changed(old, new)
