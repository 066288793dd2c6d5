"""A mistake of a protocol file is reported at its key (DAT-03, DAT-09)."""

import re

import pytest

from protocol.checking.mistakes import problems
from tests.support.protocols.small import SMALL, said

MISTAKES = [
    (
        'phase = "II"',
        'phse = "II"',
        ["trial.phse: unknown key: did you mean 'phase'?", "trial.phase: is required"],
    ),
    ('phase = "II"', "phase = 2", ["trial.phase: should be a text in quotes"]),
    ('title = { en = "A trial", fr', "title = { fr", None),
    ('"X-{number:02d}"', '"X"', ["trial.subject_code: every subject would get the same code"]),
    ('"X-{number:02d}"', '"X-{code}"', ["trial.subject_code: write the subject code like"]),
    (
        'groups = [{ title = { en = "Doses" }',
        'groups = [{ all_no = true, title = { en = "Doses" }',
        ["forms.notes.groups.1.all_no: needs at least two yes/no items"],
    ),
    ("Europe/Brussels", "Europe/Liege", ["trial.site.time_zone: unknown time zone 'Europe/Liege'"]),
    ("masking = ", "blinding = ", ["trial.masking: is required", "trial.blinding: unknown key"]),
    ('"double_blind"', '"blind"', ["trial.masking: should be 'open' or 'double_blind'"]),
    ('logs = ["notes"]', "", None),
    ('logs = ["notes"]', 'logs = ["note"]', ["logs: unknown form 'note'"]),
    ('logs = ["notes"]', 'logs = ["body"]', None),
    (
        "target = 10",
        "target = 10\nlogs = []",
        ["trial.logs: unknown key here: it belongs at the top of the file"],
    ),
    ("block_sizes = [2, 4]", "block_sizes = [2, 3]", ["allocation.block_sizes: 3 is not a multiple"]),
    (
        "saline = 1 }",
        "sugar = 1 }",
        ["allocation.ratio.sugar: unknown arm", "allocation.ratio: arm 'saline' is missing"],
    ),
    ('["body.sex"]', '["body.weight"]', ["allocation.strata: 'body.weight': a stratum is"]),
    (
        'causality = ["related", ',
        'causality = ["maybe", ',
        ["safety.causality.maybe: unknown causality: use one of certain, definite"],
    ),
    ('code = "saline"', 'code = "cells"', ["arms.cells: stands 2 times"]),
    ('id = "E1"', 'id = "I1"', ["eligibility.I1: stands 2 times"]),
    ('present = "body', 'met = "body', ["eligibility.E1: an exclusion criterion has present"]),
    (
        "'Y'\"",
        "'Yes'\"",
        ["eligibility.E1.present: column 18: 'Yes' is never an answer here: there are Y, N"],
    ),
    (
        "!definition.heavy",
        "!definition.heav",
        ["eligibility.I1.met: column 2: unknown name 'definition.heav': did you"],
    ),
    ("> 100.0", "> 100u", ["definitions.heavy: column 15: values are decimals: write 100"]),
    (
        'heavy = "body.weight > 100.0"',
        'heavy = "!definition.light"\nlight = "!definition.heavy"',
        ["definitions.heavy: refers to itself: heavy → light → heavy"],
    ),
    (
        "interval_days = [3, 4]",
        "interval_days = [4, 3]",
        ["dosing.interval_days: the first number is larger"],
    ),
    ("interval_days = [3, 4]", "", ["dosing: several infusions need interval_days"]),
    ('lowest = "1e6"', 'lowest = "3e6"', ["dosing.cells_per_kg: write lowest ≤ target ≤ highest"]),
    (
        'weight_item = "body.weight"',
        'weight_item = "body.mass"',
        ["dosing.weight_item: unknown item 'body.mass'"],
    ),
    (
        'weight_item = "body.weight"',
        'weight_item = "body.height"',
        ["dosing.weight_item: the weight must be in kg"],
    ),
    ('anchor = "infusion_1"', 'anchor = "infusion_3"', ["visits.INF2.anchor: there are 2 infusions"]),
    (
        'anchor = "infusion_1"',
        'anchor = "infusion_2"',
        ["visits.INF2.anchor: an infusion is counted from an earlier"],
    ),
    (
        'anchor = "infusion_1"',
        'anchor = "infusion_1"\nanchor_without_infusion = "inclusion"',
        ["visits.INF2.anchor_without_infusion: an infusion is counted from the one before"],
    ),
    (
        'anchor = "infusion_1"',
        'anchor = "inclusion"\nanchor_without_infusion = "screening"',
        ["visits.INF2.anchor_without_infusion: the visit is not counted from an infusion"],
    ),
    (
        '{ form = "body", when = "available" }',
        '{ form = "body", after_infusion = 3 }',
        ["visits.INF2.forms.body.after_infusion: there are 2 infusions"],
    ),
    (
        'forms = ["body"]\n[[visits]]\ncode = "INF1"',
        'forms = [{ form = "body", after_infusion = 1 }]\n[[visits]]\ncode = "INF1"',
        ["visits.S.forms.body.after_infusion: no infusion is given before a visit of screening"],
    ),
    (
        'forms = ["body"]\n[[visits]]\ncode = "INF2"',
        'forms = [{ form = "body", after_infusion = 2 }]\n[[visits]]\ncode = "INF2"',
        ["visits.INF1.forms.body.after_infusion: infusion 2 is given after this visit"],
    ),
    (
        "[forms.body]",
        '[unscheduled]\nforms = [{ form = "body", after_infusion = 1 }]\n[forms.body]',
        ["unscheduled.forms.body.after_infusion: an unscheduled visit follows no infusion"],
    ),
    (
        '{ form = "body", when = "available" }',
        '{ form = "body", after_infusion = "2" }',
        ["visits.INF2.forms.0.after_infusion: should be a whole number"],
    ),
    ('anchor = "infusion_1"', 'anchor = "birth"', ["visits.INF2.anchor: 'birth': unknown anchor"]),
    ("window = [0, 1]", "window = [1, 2]", ["visits.INF2.window: a window is days before and after"]),
    (
        "infusion = 2\n",
        "infusion = 1\n",
        ["visits: infusion 1 needs one visit, it has 2", "visits: infusion 2 needs one visit, it has 0"],
    ),
    ("infusion = 2\n", "", ["visits.INF2: a visit of kind infusion"]),
    ('code = "INF2"', 'code = "UNS"', ["visits.UNS: this code is kept for unscheduled visits"]),
    ('kind = "screening"', 'kind = "follow_up"', ["visits: a visit of kind screening is missing"]),
    ('forms = ["body"]', 'forms = ["bodies"]', ["visits.S.forms: unknown form 'bodies'"]),
    ('forms = ["body"]', 'forms = ["body", "body"]', ["visits.S.forms.body: stands 2 times"]),
    (
        'when = "available"',
        'when = "maybe"',
        ["visits.INF2.forms.0.when: should be 'required' or 'available'"],
    ),
    ('on = "bmi"', 'on = "bmj"', ["forms.body.checks.B1.on: unknown item 'bmj'"]),
    (
        'violated = "bmi >',
        'violated = "bmj >',
        ["forms.body.checks.B1.violated: column 1: unknown name 'bmj': did you mean 'bmi'?"],
    ),
    ('name = "height"', 'name = "weight"', None),
    ('name = "height"', 'name = "Height"', None),
    ('name = "pregnant"', 'name = "days"', None),
    ('type = "yes_no"', 'type = "boolean"', None),
    (
        'type = "yes_no"',
        'type = "yes_no", unit = "kg"',
        ["forms.body.pregnant.unit: is for integer or decimal, this item is yes_no"],
    ),
    ('unit = "cm"', 'unit = "centimetre"', ["forms.body.height.unit: unknown unit 'centimetre'"]),
    ('unit = "lb"', 'unit = "kg"', ["forms.body.weight.units.kg: stands 2 times"]),
    ('"0.45359237"', '"0"', ["forms.body.weight.units.lb.factor: should be more than 0"]),
    (
        "hard = [20, 300]",
        "hard = [300, 20]",
        [
            "forms.body.weight.hard: write [lowest, highest]: [300, 20]",
            "forms.body.weight.soft: [35, 180] reaches outside hard [300, 20]",
        ],
    ),
    (
        "soft = [35, 180]",
        "soft = [35, 180], typical = [30, 90]",
        ["forms.body.weight.typical: [30, 90] reaches outside [35, 180]"],
    ),
    (
        "soft = [35, 180]",
        "soft = [10, 180]",
        ["forms.body.weight.soft: [10, 180] reaches outside hard [20, 300]"],
    ),
    ("hard = [20, 300]", "hard = [20]", None),
    ("29463-7", "29463-8", ["forms.body.weight.loinc: 29463-8: the check digit does not fit"]),
    ('code = "M", label', 'code = "F", label', None),
    ('calculate = "weight /', 'calculate = "bmi /', ["forms.body.bmi.calculate: refers to itself"]),
    (
        'calculate = "weight / pow(height / 100.0, 2.0)"',
        "calculate = \"sex == 'F'\"",
        ["forms.body.bmi.calculate: column 1: this gives a logic, a number is needed"],
    ),
    (
        "shown_when = \"sex == 'F'\"",
        "shown_when = \"pregnant == 'Y'\"",
        ["forms.body.pregnant.shown_when: refers to itself: body.pregnant → body.pregnant"],
    ),
    (
        "shown_when = \"sex == 'F'\"",
        'shown_when = "sex"',
        ["forms.body.pregnant.shown_when: column 1: this gives a text, a logic is needed"],
    ),
    (
        'name = "mg"',
        'name = "remark"',
        ["forms.notes.doses.columns.remark: the form has an item of this name"],
    ),
    (
        'type = "rows"',
        'type = "text"',
        [
            "forms.notes.doses.columns: is for rows, this item is text",
            "forms.notes.doses.max_rows: is for rows",
        ],
    ),
    ('unit = "mg"', 'unit = "milligram"', ["forms.notes.doses.columns.mg.unit: unknown unit 'milligram'"]),
    ('ctcae = "5.0"', 'ctcae = "5"', ["safety.ctcae: should be"]),
    ("window_days = 28", "window_days = [28, 0]", None),
    ('sex = "body.sex"', 'sex = "body.weight"', ["profile.sex: 'body.weight' is decimal"]),
    ('sex = "body.sex"', 'sex = "sex"', ["profile.sex: 'sex': write form.item"]),
]


@pytest.mark.parametrize(("old", "new", "beginnings"), MISTAKES)
def test_a_mistake_is_reported_at_its_key(old: str, new: str, beginnings: list[str] | None) -> None:
    found = said(old, new)
    if old == 'logs = ["notes"]' and not new:
        assert found == []
        return
    assert found
    for beginning in beginnings or []:
        assert any(line.startswith(beginning) for line in found), found
    if beginnings is not None:
        assert len(found) <= len(beginnings) + 1, found


def test_a_masked_trial_needs_arms_and_an_allocation() -> None:
    bare = re.sub(r"\[\[arms\]\].*?(?=\[consent\])", "", SMALL, flags=re.S)
    assert [str(problem) for problem in problems(bare)] == [
        "arms: a masked trial needs two arms or more",
        "allocation: a masked trial, or one with several arms, needs an allocation",
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            'code = "INF2"',
            'code = "new"',
            "visits.new: the program keeps the word 'new' for itself: use another code",
        ),
        (
            'version = "1.0"\ntitle',
            'version = "withdraw"\ntitle',
            "trial.version: the program keeps the word 'withdraw'",
        ),
        ('code = "TE"', 'code = "none"', "safety.aesi.none: the program keeps the word 'none' for itself"),
        (
            'kind = "screening"\nanchor = "screening"',
            'kind = "screening"\nanchor = "inclusion"',
            "visits.S.anchor: a visit of kind screening is counted from screening",
        ),
    ],
)
def test_a_code_that_the_program_needs_itself_is_refused(old: str, new: str, told: str) -> None:
    (line,) = said(old, new)
    assert line.startswith(told)


def test_a_form_whose_page_would_be_another_page_is_refused() -> None:
    """`/visits/S/hold/` holds the visit: a form of this code could never be opened."""
    text = SMALL.replace("forms.notes", "forms.hold").replace('logs = ["notes"]', 'logs = ["hold"]')
    assert [str(problem) for problem in problems(text)] == [
        "forms.hold: the program keeps the word 'hold' for itself: use another code"
    ]
