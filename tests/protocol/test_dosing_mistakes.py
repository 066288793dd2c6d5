"""Mistakes in `[dosing]` and in repeated visits are named at their key, and the keys are compared between versions."""

import pytest

from protocol.checking.differences import difference
from protocol.checking.loading import load
from protocol.checking.mistakes import problems
from protocol.checking.succession import succession_problems
from tests.support.protocols.shipped import ROOT

SMALL = (ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8")
DOSE = 'cells_per_kg = { lowest = "1e6", target = "2e6", highest = "2e6" }\n'
WEIGHT = 'weight_item = "body.weight"\n'
PREDICTED = 'cells_per_kg_predicted = { lowest = "1e6", target = "2e6", highest = "2e6" }\n'
FIXED = 'cells = { lowest = "80e6", target = "100e6", highest = "120e6" }\n'
LEVELS = """[[dosing.levels]]
code = "low"
title = { en = "Low" }
patients = 3
cells = { lowest = "9e6", target = "10e6", highest = "11e6" }
"""
OF_CELLS = '[[dosing.doses]]\narm = "cells"\n' + FIXED
WEEKLY = """[[visits]]
code = "W"
title = { en = "Week {number}", fr = "Semaine" }
kind = "follow_up"
anchor = "infusion_2"
day = 7
every = 7
times = 52
window = [-3, 3]
forms = [{ form = "body", when = "available" }]
[forms.body]"""


def changed(old: str, new: str) -> str:
    assert SMALL.count(old) == 1
    return SMALL.replace(old, new)


def said(old: str, new: str) -> list[str]:
    return [str(problem) for problem in problems(changed(old, new))]


def weekly(**values: str) -> str:
    text = WEEKLY
    for key, value in values.items():
        (line,) = [each for each in text.split("\n") if each.startswith(f"{key} = ")]
        text = text.replace(line, f"{key} = {value}" if value else "")
    return changed("[forms.body]", text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (DOSE + WEIGHT, FIXED),
        (DOSE + WEIGHT, PREDICTED + 'height_item = "body.height"\nsex_item = "body.sex"\n'),
        (DOSE, 'cells_per_m2 = { lowest = "1e6", target = "2e6", highest = "2e6" }\nheight_item = "body.height"\n'),
        (DOSE, DOSE + 'most_cells = "2e8"\nroute = "intra_arterial"\nvolume_ml = [50, 60]\n'),
        (DOSE, DOSE + "viability_percent = { lowest = 70 }\nthaw_to_end_minutes = { highest = 120 }\n"),
        (DOSE + WEIGHT, OF_CELLS),
        (DOSE + WEIGHT, LEVELS),
        (
            "interval_days = [3, 4]\nfirst_infusion_within_days = [0, 1]",
            "interval_hours = [72, 96]\nfirst_infusion_within_hours = [0, 36]",
        ),
        ("interval_days = [3, 4]", 'windows = [{ infusion = 2, after = "inclusion", hours = [48, 120] }]'),
        ("cells = true", "cells = true\ncell_infusions = [2]"),
    ],
)  # fmt: skip
def test_a_dose_can_be_said_like_this(old, new):
    assert said(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (DOSE, "", "dosing: state the dose once: in one of cells_per_kg"),
        (DOSE, DOSE + FIXED, "dosing: state the dose once"),
        (WEIGHT, WEIGHT + OF_CELLS, "dosing: state the dose once"),
        (DOSE + WEIGHT, DOSE, "dosing.weight_item: is required: a dose or a limit per kg"),
        (DOSE + WEIGHT, FIXED + "dmso_g_per_kg = { highest = 1 }\n", "dosing.weight_item: is required"),
        (DOSE, DOSE + "volume_ml = [60, 50]\n", "dosing.volume_ml: write lowest ≤ planned ≤ highest"),
        (DOSE, DOSE + "volume_ml = {}\n", "dosing.volume_ml: write at least one of planned"),
        (DOSE, DOSE + 'route = "oral"\n', "dosing.route: should be 'intravenous'"),
        (DOSE, DOSE + "interval_hours = [1, 2]\n", "dosing: write interval_days or interval_hours, not both"),
        (
            DOSE,
            DOSE + "first_infusion_within_hours = [0, 24]\n",
            "dosing: write first_infusion_within_days or first_infusion_within_hours",
        ),
        (
            DOSE,
            DOSE + "interval_dayz = 3\n",
            "dosing.interval_dayz: unknown key: did you mean 'interval_days'?",
        ),
        (
            "cells = true",
            "cells = true\ncell_infusions = [3]",
            "arms.cells.cell_infusions: there are 2 infusions",
        ),
        (
            "cells = false",
            "cells = false\ncell_infusions = [1]",
            "arms.saline.cell_infusions: the arm receives no cells",
        ),
        (
            "interval_days = [3, 4]",
            'windows = [{ infusion = 2, after = "infusion_2", days = [3, 4] }]',
            "dosing.windows.2.after: an infusion is counted from inclusion or from an earlier one",
        ),
        (
            "interval_days = [3, 4]",
            'interval_days = [3, 4]\nwindows = [{ infusion = 3, after = "infusion_2", days = [3, 4] }]',
            "dosing.windows.3.infusion: there are 2 infusions",
        ),
        (
            "interval_days = [3, 4]",
            'windows = [{ infusion = 2, after = "inclusion", days = [3, 4], hours = [1, 2] }]',
            "dosing.windows.0: a window is in days",
        ),
        (DOSE + WEIGHT, OF_CELLS.replace('"cells"', '"kells"'), "dosing.doses.kells.arm: unknown arm"),
        (
            DOSE + WEIGHT,
            OF_CELLS.replace('"cells"', '"saline"'),
            "dosing.doses.saline.arm: this arm receives no",
        ),
        (
            DOSE + WEIGHT,
            OF_CELLS.replace('arm = "cells"', ""),
            "dosing.doses.0: a dose is of one arm or of one",
        ),
        (
            DOSE + WEIGHT,
            OF_CELLS.replace('arm = "cells"', 'group = "A"'),
            "dosing.doses.A.group: unknown group",
        ),
        (DOSE + WEIGHT, LEVELS + LEVELS, "dosing.levels.low: stands 2 times"),
        (DOSE + WEIGHT, LEVELS.replace("patients = 3\n", ""), "dosing.levels.low.patients: is required"),
        (
            DOSE + WEIGHT,
            LEVELS.replace("cells =", "sells ="),
            "dosing.levels.low.sells: unknown key: did you mean",
        ),
        (DOSE + WEIGHT, LEVELS[: LEVELS.index("cells =")], "dosing.levels.low: state the dose in one of"),
    ],
)
def test_a_mistake_is_named_at_its_key(old, new, told):
    assert any(each.startswith(told) for each in said(old, new)), said(old, new)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('unit = "cm"', 'unit = "m"', "dosing.height_item: the height must be in cm"),
        (
            '{ code = "M", label = { en = "M" } }',
            '{ code = "X", label = { en = "X" } }',
            "dosing.sex_item: the item",
        ),
    ],
)
def test_height_and_sex_have_the_unit_and_the_codes_that_the_formula_reads(old, new, told):
    text = changed(DOSE + WEIGHT, PREDICTED + 'height_item = "body.height"\nsex_item = "body.sex"\n')
    assert text.count(old) == 1
    assert any(str(each).startswith(told) for each in problems(text.replace(old, new)))


def test_a_dose_of_each_key_is_compared_between_versions():
    before = load(changed(DOSE + WEIGHT, LEVELS))
    after = load(
        changed(DOSE + WEIGHT, LEVELS.replace('"10e6"', '"10.5e6"') + LEVELS.replace('"low"', '"high"'))
    )
    (change,) = [each for each in difference(before, after) if each.section == "dosing"]
    named = {detail.name: (detail.before, detail.after) for detail in change.details}
    assert named["levels.low.cells.target"] == ("10000000", "10500000")
    assert named["levels.high.patients"] == ("", "3")
    assert succession_problems(before, after) == []


def test_an_amendment_keeps_the_levels_and_the_infusions_that_hold_cells():
    with_levels, without = load(changed(DOSE + WEIGHT, LEVELS)), load(SMALL)
    other = load(changed(DOSE + WEIGHT, LEVELS.replace('"low"', '"first"')))
    crossover = load(changed("cells = true", "cells = true\ncell_infusions = [2]"))
    for before, after, path in (
        (with_levels, other, "dosing.levels.low"),
        (with_levels, without, "dosing.levels"),
        (without, with_levels, "dosing.levels"),
        (without, crossover, "arms"),
    ):
        assert [each.path for each in succession_problems(before, after)] == [path]


def test_the_dose_of_an_arm_or_a_group_is_the_one_that_the_file_states():
    dosing = load(changed(DOSE + WEIGHT, OF_CELLS)).dosing
    assert dosing
    assert dosing.plan_for(arm="cells") is dosing.doses[0]
    assert dosing.plan_for(arm="saline") is None
    assert dosing.plan_for(arm="", group="") is None
    assert not dosing.needs_weight


def test_a_visit_written_once_is_52_visits():
    rules = load(weekly())
    weeks = [visit for visit in rules.visits if visit.code.startswith("W")]
    assert [visit.code for visit in weeks] == [f"W{number}" for number in range(1, 53)]
    assert [visit.day for visit in weeks] == list(range(7, 365, 7))
    assert weeks[51].title.root == {"en": "Week 52", "fr": "Semaine 52"}
    assert {visit.window for visit in weeks} == {(-3, 3)}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"times": ""}, "visits.W: a repeated visit has both: every = 7 and times = 52"),
        ({"every": ""}, "visits.W: a repeated visit has both"),
        ({"times": "0"}, "visits.W: every and times are whole numbers from 1"),
        ({"times": "201"}, "visits.W: every and times are whole numbers from 1, and times is at most 200"),
        ({"every": "true"}, "visits.W: every and times are whole numbers"),
        ({"every": '"7"'}, "visits.W: every and times are whole numbers"),
        ({"day": '"7"'}, "visits.W: a repeated visit has a day"),
        (
            {"code": '"W-1"'},
            "visits.W-1: a repeated visit has a day, and a code of at most 17 letters and digits",
        ),
        ({"kind": '"screening"'}, "visits.W: only a visit of kind follow_up is repeated"),
        ({"window": "[3, 5]"}, "visits.W.window: a window is days before and after"),
        ({"anchor": '"infusion_3"'}, "visits.W.anchor: there are 2 infusions"),
        ({"forms": '["nowhere"]'}, "visits.W.forms: unknown form 'nowhere'"),
    ],
)
def test_a_mistake_in_a_repeated_visit_is_told_once_at_its_own_code(values, told):
    found = [str(each) for each in problems(weekly(**values)) if "visits.W" in str(each)]
    assert len(found) == 1, found
    assert found[0].startswith(told)


def test_an_expression_may_name_one_of_the_repeated_visits():
    text = weekly().replace('violated = "bmi > 60.0"', "violated = \"bmi > 60.0 && visit.code == 'W52'\"")
    assert problems(text) == []
    assert problems(text.replace("'W52'", "'W53'")) != []
