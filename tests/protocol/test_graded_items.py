"""The CTCAE terms of laboratory items in a protocol file (LAB-02)."""

import pytest

from protocol.checking.loading import load
from protocol.checking.mistakes import ProtocolMistakes
from tests.support import build

TEXT = build.protocol_text(build.LIEGE)
SODIUM = 'ctcae = ["Hyponatremia", "Hypernatremia"]'


def mistakes(before: str, after: str) -> list[str]:
    assert before in TEXT
    with pytest.raises(ProtocolMistakes) as found:
        load(TEXT.replace(before, after, 1))
    return [f"{problem.path}: {problem.message}" for problem in found.value.problems]


@pytest.mark.parametrize("slug", [build.LIEGE, build.COVID_MSV])
def test_the_shipped_files_grade_their_laboratory_items(slug):
    rules = load(build.protocol_text(slug))
    graded = {
        f"{form.code}.{item.name}": item.ctcae
        for form in rules.forms.values()
        for item in form.items
        if item.ctcae
    }
    assert len(graded) == 22
    assert graded["haematology.haemoglobin"] == ("Anemia",)
    assert graded["biochemistry.potassium"] == ("Hypokalemia", "Hyperkalemia")
    assert rules.safety.baseline == "first_infusion"


def test_a_term_that_the_version_does_not_grade_is_a_mistake():
    path = "forms.biochemistry.sodium.ctcae"
    assert mistakes(SODIUM, 'ctcae = "Low sodium"') == [
        f"{path}: 'Low sodium' has no numeric grades in CTCAE 5.0: see safety.ctcae"
    ]
    assert mistakes(SODIUM, 'ctcae = ["Hyponatremia", "Hyponatremia"]')[0].startswith(path)
    assert mistakes(SODIUM, 'ctcae = "Hypoalbuminemia"') == [
        f"{path}: 'Hypoalbuminemia' cannot be graded in this unit: use one of g/L"
    ]


def test_only_a_number_of_a_form_is_graded():
    sampled = '{ name = "sampled_at", type = "datetime", '
    assert mistakes(sampled, sampled + 'ctcae = "Anemia", ')[0] == (
        "forms.blood_gas.sampled_at.ctcae: is for integer or decimal, this item is datetime"
    )
    spo2 = '  { name = "spo2", type = "integer", '
    observed = TEXT.index(spo2, TEXT.index("[bedside]"))
    with pytest.raises(ProtocolMistakes, match="only an item of a form is graded"):
        load(TEXT[:observed] + TEXT[observed:].replace(spo2, spo2 + 'ctcae = "Acidosis", ', 1))


def test_an_upgrade_of_the_version_names_the_terms_that_it_no_longer_grades():
    found = mistakes('ctcae = "5.0"', 'ctcae = "6.0"')
    assert [each.partition(":")[0] for each in found] == [
        "forms.haematology.lymphocytes.ctcae",
        "forms.biochemistry.creatine_kinase.ctcae",
    ]
