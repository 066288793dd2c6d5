"""The calculation of a preparation: exact, judged unrounded, never shown on the other side of a limit (CEL-10)."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from dosing.dose import Body, planned_dose
from dosing.worksheet.calculation import Measured, ThawedBag, expected_cells, lines, without_cells
from dosing.worksheet.plan import BenchStep, asked, current, may_follow
from protocol.document.dosing import Dosing

DOSING = Dosing.model_validate(
    {
        "product": "msc",
        "title": {"en": "Cells"},
        "infusions": 1,
        "cells_per_kg": {"lowest": "1.5e6", "target": "3.0e6", "highest": "3.0e6"},
        "viability_percent": {"lowest": 70},
        "dmso_g_per_kg": {"highest": 1},
        "thaw_to_end_minutes": {"highest": 60},
        "volume_ml": [90, 110],
    }
)
KG = Decimal("82.4")
PLANNED = planned_dose(DOSING, Body(weight_kg=KG))
BAG = ThawedBag(Decimal(130_000_000), Decimal(20), Decimal(10))


def measured(**changed) -> Measured:
    facts = {
        "weight_kg": KG, "suspension_ml": Decimal(30), "cells_per_ml": Decimal(10_000_000),
        "viability_percent": Decimal(90), "drawn_ml": Decimal("27.4"), "final_ml": Decimal(100),
        "thaw_minutes": Decimal(60),
    }  # fmt: skip
    return Measured(**{**facts, **changed})


def line(name: str, **changed):
    return next(each for each in lines(DOSING, PLANNED, (BAG, BAG), measured(**changed)) if each.name == name)


def test_each_line_is_exact():
    found = {each.name: each.result for each in lines(DOSING, PLANNED, (BAG, BAG), measured())}
    assert (found["planned"], found["bags"], found["delivered"]) == (
        Decimal("247.2"), Decimal(2), Decimal("246.6"),
    )  # fmt: skip
    assert expected_cells(measured()) == 246_600_000
    assert line("volume_to_draw").shown == "27.47"


def test_a_value_at_its_limit_is_within_and_beyond_it_is_not():
    """CEL-05, CEL-12."""
    assert line("viability", viability_percent=Decimal(70)).position == "within"
    assert line("viability", viability_percent=Decimal("69.999")).position == "below"
    assert line("viability", viability_percent=Decimal("69.999")).shown == "69.99"
    assert line("thaw_to_end").position == "within"
    assert line("thaw_to_end", thaw_minutes=Decimal("60.01")).shown == "61"
    assert line("volume", final_ml=Decimal("110.001")).shown == "110.01"


def test_too_few_bags_and_too_small_a_suspension_are_marked():
    one = lines(DOSING, PLANNED, (BAG,), measured(suspension_ml=Decimal(27)))
    assert {each.name for each in one if each.position == "above"} == {"bags", "volume_to_draw"}


@given(
    drawn=st.decimals("0.01", "60", places=2),
    viability=st.decimals("1", "100", places=2),
    per_ml=st.integers(1, 10**8),
)
def test_what_is_shown_is_on_the_side_on_which_it_was_judged(drawn, viability, per_ml):
    """CEL-10: dose and cells, whatever was measured."""
    facts = measured(
        drawn_ml=drawn, viability_percent=viability, cells_per_ml=Decimal(per_ml), suspension_ml=Decimal(60)
    )
    for each in lines(DOSING, PLANNED, (BAG,), facts):
        shown = Decimal(each.shown)
        if each.lowest is not None and each.position == "below":
            assert shown < each.lowest
        if each.highest is not None and each.position == "above":
            assert shown > each.highest


def test_without_cells_volume_and_time_are_left():
    assert {each.name for each in without_cells(DOSING, measured())} == {"thaw_to_end", "volume"}


def test_the_steps_follow_each_other_and_are_the_same_without_cells():
    """CEL-18."""
    done: set[str] = set()
    for step in BenchStep:
        assert current(done) == step
        assert may_follow(step, done)
        done.add(step)
    assert current(done) is None
    assert not any(each.of_cells for step in BenchStep for each in asked(step, cells=False))
