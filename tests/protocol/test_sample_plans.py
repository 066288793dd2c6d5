"""The samples of a protocol file: mistakes at their key, differences between versions, what an amendment keeps."""

import pytest

from protocol.checking.differences import difference
from protocol.checking.loading import load
from protocol.checking.mistakes import examined
from protocol.checking.succession import succession_problems
from tests.support import build

PLAN = """
[[samples]]
code = "URINE"
title = { en = "Urine", fr = "Urine" }
specimen = "URINE"
aliquots = 2
volume_ml = 1.5
visits = ["D7", { visit = "D28", when = "available" }]
results = ["cytokines.il6"]
storage_c = [2, 8]

[safety]
"""


def with_sample(*changes: tuple[str, str]) -> str:
    text = build.protocol_text(build.LIEGE).replace("\n[safety]\n", PLAN, 1)
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text


def mistakes(*changes: tuple[str, str]) -> list[str]:
    return [str(each) for each in examined(with_sample(*changes)).mistakes]


def test_a_sample_says_where_it_is_required_and_where_it_is_taken_if_possible() -> None:
    """the plan of a sample is read from the file."""
    plan = load(with_sample()).sample("URINE")
    assert (plan.when_at, plan.required_visits) == ({"D7": "required", "D28": "available"}, ("D7",))
    assert [each.code for each in load(with_sample()).samples_at("D28")] == [
        "CYTOKINE",
        "SUBSET",
        "HLA",
        "URINE",
    ]


@pytest.mark.parametrize("slug", [build.LIEGE, build.COVID_MSV])
def test_the_shipped_trials_take_a_sample_wherever_the_form_of_its_results_is_asked(slug: str) -> None:
    """The plan of the samples and the plan of the forms agree, also in what is asked only if it is available."""
    rules = load(build.protocol_text(slug))
    for plan in rules.samples:
        (form,) = plan.results
        asked = {
            visit.code: entry.when for visit in rules.visits for entry in visit.forms if entry.form == form
        }
        assert plan.when_at == asked, plan.code


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('["D7", { visit', '["D8", { visit', "samples.URINE.visits: unknown visit 'D8'"),
        ('["D7", { visit', '["D28", { visit', "samples.URINE.visits.D28: stands 2 times"),
        ('code = "URINE"', 'code = "HLA"', "samples.HLA: stands 2 times"),
        ('"cytokines.il6"', '"cytokines.il7"', "samples.URINE.results: unknown item 'cytokines.il7'"),
        ('"cytokines.il6"', '"cyto"', "samples.URINE.results: unknown form 'cyto'"),
        ('"cytokines.il6"', '"vitals"', "samples.URINE.results: results of samples are entered there"),
        ('"cytokines.il6"', '"Cyto"', "samples.URINE.results.0: 'Cyto': write a form or form.item"),
        ('specimen = "URINE"', 'specimen = "urine"', "samples.URINE.specimen: 'urine': use the term"),
        ("aliquots = 2\nvolume_ml = 1.5", "aliquots = 0\nvolume_ml = 1.5", "samples.URINE.aliquots: should be 1 or"),
        ("volume_ml = 1.5", "volume_ml = 0", "samples.URINE.volume_ml: should be more than 0"),
        ("storage_c = [2, 8]", "storage_c = [8, 2]", "samples.URINE.storage_c: the first number is larger"),
        ("storage_c = [2, 8]", "storage_c = [-300, 8]", "samples.URINE.storage_c.0: should be -273 or more"),
        (
            "storage_c = [2, 8]",
            "storage_c = [2, 8]\nfreeze_within_minutes = 60",
            "samples.URINE: a sample that is frozen is kept below 0 °C",
        ),
        ("storage_c = [2, 8]", "storage_c = [2, 8]\ncolour = 1", "samples.URINE.colour"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_at_its_key(old: str, new: str, told: str) -> None:
    (found,) = mistakes((old, new))
    assert found.startswith(told)


def test_a_difference_names_the_sample_and_what_changed() -> None:
    before, after = (
        load(with_sample()),
        load(
            with_sample(
                ("volume_ml = 1.5", "volume_ml = 2"), ('["D7", { visit = "D28"', '["D7", { visit = "D90"')
            )
        ),
    )
    (change,) = difference(before, after)
    assert (change.path, change.kind) == ("samples.URINE", "changed")
    assert [(each.name, each.before, each.after) for each in change.details] == [
        ("volume_ml", "1.5", "2"), ("visits.D28.when", "available", ""), ("visits.D90.when", "", "available"),
    ]  # fmt: skip
    added = difference(load(build.protocol_text(build.LIEGE)), before)
    assert [(each.path, each.kind) for each in added] == [("samples.URINE", "added")]


def test_an_amendment_may_leave_a_sample_out_but_not_make_it_another_specimen() -> None:
    """Tubes of the version before carry the specimen on their label."""
    before = load(with_sample())
    assert succession_problems(before, load(build.protocol_text(build.LIEGE))) == []
    (problem,) = succession_problems(before, load(with_sample(('specimen = "URINE"', 'specimen = "SALIVA"'))))
    assert str(problem).startswith("samples.URINE.specimen: is URINE in version 1.0")
