"""A dose that depends on the arm, and a crossover: judged in the laboratory, unseen at the bedside (BLD-02)."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from dosing.products.dose_comparison import dose_box
from tests.support import build
from tests.support.pages import infusions
from tests.support.protocols.thirteen_designs import RANDOMISED, Design, follow_up, infusion
from tests.support.study.bedside import stored
from tests.support.study.dosed_patients import facts, included, infuse, loaded, prepare
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
START = datetime(2026, 3, 10, 10, 0, tzinfo=ZoneInfo("Europe/Brussels"))
DAY = date(2026, 3, 10)
KIT = re.compile(r"\b[0-9A-Z]{3}-[0-9A-Z]{4}\b")
BY_ARM = """product = "msc"
infusions = 1
weight_item = "body.weight"
[[dosing.doses]]
arm = "cells"
cells_per_kg = { lowest = "0.9e6", target = "1e6", highest = "1.1e6" }
[[dosing.doses]]
arm = "control"
cells = { lowest = "90e6", target = "100e6", highest = "110e6" }
"""
TWO_DOSES = Design(
    "TWO-DOSES", 20, 28, BY_ARM, infusion(1, "inclusion", 0) + follow_up(28), Decimal("80e6"), masked=True,
    arms=RANDOMISED.replace("cells = false", "cells = true"),
)  # fmt: skip
CROSSOVER = Design(
    "CROSSOVER", 20, 120,
    'product = "msc"\ninfusions = 2\ninterval_days = [84, 98]\nweight_item = "body.weight"\n'
    'cells_per_kg = { lowest = "0.9e6", target = "1e6", highest = "1.1e6" }\n',
    infusion(1, "inclusion", 0) + infusion(2, "infusion_1", 84, "[0, 14]") + follow_up(120), Decimal("80e6"),
    masked=True,
    arms=RANDOMISED.replace("cells = true", "cells = true\ncell_infusions = [1]").replace(
        "cells = false", "cells = true\ncell_infusions = [2]"
    ),
)  # fmt: skip


def test_each_arm_is_judged_by_its_own_dose():
    trial = loaded(TWO_DOSES.text, "cells", "control")
    per_kg, fixed = (included(trial, DAY) for _each in range(2))
    for patient in (per_kg, fixed):
        infuse(patient, facts(patient, START))
    assert prepare(per_kg, Decimal("80e6")).dose_basis == "actual_weight"
    assert "dose_deviation_reason" in refused(prepare, fixed, Decimal("80e6"))
    assert prepare(fixed, Decimal("100e6")).dose_basis == "fixed"
    assert dose_box(stored(per_kg, 1), Decimal("80e6")).range == "0.90 to 1.10 ×10⁶/kg"


def test_the_ward_is_asked_the_same_in_both_arms_and_sees_no_dose():
    """One arm needs the weight: it is asked of all. No page of the bedside depends on the arm."""
    trial = loaded(TWO_DOSES.text, "cells", "control")
    ward = build.client(build.user("coordinator", trial=trial))
    pages = []
    for patient in [included(trial, DAY) for _each in range(2)]:
        assert stored(patient, 1).weight_asked
        shown = [
            infusions.text_of(ward.get(infusions.page(patient, name))) for name in ("infusion", "weight")
        ]
        # The number of a kit is random, whatever the arm.
        pages.append(KIT.sub("KIT", " ".join(shown).replace(patient.code, "P")))
    assert pages[0] == pages[1]
    for word in ("100.00", "0.90", "×10", "target"):
        assert word not in pages[0]


def test_a_crossover_gives_cells_in_the_period_of_the_arm():
    trial = loaded(CROSSOVER.text, "cells")
    first = included(trial, DAY)
    infuse(first, facts(first, START))
    assert prepare(first, Decimal("80e6")).dose_finding == "within"
    assert stored(first, 2).window_from == DAY + timedelta(days=84)
    box = dose_box(stored(first, 2), Decimal("80e6"))
    assert "receives no cells" in box.problem


def test_the_other_sequence_has_the_control_first():
    trial = loaded(CROSSOVER.text, "control")
    second = included(trial, DAY)
    infuse(second, facts(second, START))
    said = refused(prepare, second, Decimal("80e6"))
    assert said["viable_cells"] == ["This patient receives no cells: leave it empty."]
