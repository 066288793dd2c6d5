"""Each line of the calculation: its factors, its limits, and what leaves it out (CEL-09, CEL-10)."""

from decimal import Decimal

import pytest

from dosing.dose import Body, planned_dose
from dosing.worksheet.calculation import (
    CalculationLine,
    ThawedBag,
    expected_cells,
    lines,
    most_dmso,
    without_cells,
)
from protocol.document.dosing import Dosing
from tests.dosing.worksheet.test_calculation import BAG, DOSING, KG, PLANNED, measured

NAMES = [
    "planned", "bags", "viability", "volume_to_draw", "delivered", "per_kg", "dmso", "thaw_to_end", "volume",
]  # fmt: skip
COUNTED = {"volume_to_draw", "delivered", "per_kg"}


def of(*bags, planned=PLANNED, dosing=DOSING, **changed) -> list[CalculationLine]:
    return lines(dosing, planned, bags or (BAG, BAG), measured(**changed))


def named(found) -> list[str]:
    return [each.name for each in found]


def without(*names: str) -> list[str]:
    return [name for name in NAMES if name not in names]


def rounded(number):
    return None if number is None else round(number, 6)


@pytest.mark.parametrize(
    ("name", "factors", "result", "lowest", "highest"),
    [
        ("planned", [("target", "3"), ("measure", "82.4")], "247.2", "123.6", "247.2"),
        ("bags", [("cells", "247.2"), ("per_bag", "130")], "2", None, "2"),
        ("viability", [], "90", "70", None),
        (
            "volume_to_draw",
            [("cells", "247.2"), ("per_ml", "10"), ("viability", "90")],
            "27.466667",
            None,
            "30",
        ),
        ("delivered", [("per_ml", "10"), ("drawn", "27.4"), ("viability", "90")], "246.6", "123.6", "247.2"),
        ("per_kg", [("cells", "246.6"), ("measure", "82.4")], "2.992718", "1.5", "3"),
        ("dmso", [("grams", "4.018667"), ("weight", "82.4")], "0.04877", None, "1"),
        ("thaw_to_end", [], "60", None, "60"),
        ("volume", [], "100", "90", "110"),
    ],
)
def test_a_line_has_its_factors_its_result_and_its_limits(name, factors, result, lowest, highest):
    found = next(each for each in of() if each.name == name)
    assert [(factor, rounded(value)) for factor, value in found.factors] == [
        (factor, Decimal(value)) for factor, value in factors
    ]
    assert rounded(found.result) == Decimal(result)
    assert rounded(found.lowest) == (Decimal(lowest) if lowest else None)
    assert rounded(found.highest) == (Decimal(highest) if highest else None)
    assert (found.position, found.judged) == ("within", True)


@pytest.mark.parametrize(
    ("changed", "left_out"),
    [
        ({}, ()),
        ({"planned": None}, ("planned", "bags", *COUNTED)),
        ({"cells_per_ml": None}, COUNTED),
        ({"viability_percent": None}, ("viability", *COUNTED)),
        ({"drawn_ml": None}, ("delivered", "per_kg", "dmso")),
        ({"suspension_ml": None}, ("dmso",)),
        ({"suspension_ml": Decimal(0)}, ("dmso",)),
        ({"weight_kg": None}, ("dmso",)),
        ({"final_ml": None}, ("volume",)),
        ({"thaw_minutes": None}, ("thaw_to_end",)),
        ({"drawn_ml": None, "viability_percent": None}, ("viability", "dmso", *COUNTED)),
        ({"planned": None, "drawn_ml": None}, ("planned", "bags", "dmso", *COUNTED)),
        # Refused by the dose: only the lines that read it are left out.
        ({"viability_percent": Decimal(120)}, COUNTED),
    ],
)
def test_a_line_is_left_out_while_something_of_it_is_not_known(changed, left_out):
    assert named(of(**changed)) == without(*left_out)


def test_what_the_bags_do_not_tell_leaves_their_lines_out():
    assert named(lines(DOSING, PLANNED, (), measured())) == without("bags", "dmso")
    assert named(of(ThawedBag(None, Decimal(20), Decimal(10)))) == without("bags")
    assert named(of(ThawedBag(Decimal(1), Decimal(20), None))) == without("dmso")
    assert named(of(ThawedBag(Decimal(0), Decimal(20), None))) == without("bags", "dmso")


def test_of_bags_that_differ_the_smallest_decides():
    small = ThawedBag(Decimal(100_000_000), Decimal(20), Decimal(10))
    found = next(each for each in of(BAG, small) if each.name == "bags")
    assert (found.result, found.position, found.highest) == (3, "above", 2)
    assert dict(found.factors)["per_bag"] == 100
    known = next(each for each in of(BAG, ThawedBag(None, Decimal(20), None)) if each.name == "bags")
    assert dict(known.factors)["per_bag"] == 130


def test_only_bags_that_hold_dmso_add_to_it():
    washed = ThawedBag(Decimal(130_000_000), Decimal(20), None)
    found = next(each for each in of(BAG, washed) if each.name == "dmso")
    assert rounded(dict(found.factors)["grams"]) == Decimal("2.009333")


def test_a_suspension_of_less_than_a_millilitre_holds_dmso_too():
    found = next(
        each for each in of(suspension_ml=Decimal("0.5"), drawn_ml=Decimal("0.5")) if each.name == "dmso"
    )
    assert dict(found.factors)["grams"] == Decimal("4.4")


def test_all_of_the_suspension_may_be_drawn():
    facts = {"viability_percent": Decimal(100), "suspension_ml": Decimal("24.72")}
    found = next(each for each in of(**facts) if each.name == "volume_to_draw")
    assert (found.result, found.position) == (Decimal("24.72"), "within")
    unknown = next(each for each in of(suspension_ml=None) if each.name == "volume_to_draw")
    assert (unknown.position, unknown.judged) == ("within", False)


def test_a_fixed_dose_has_no_line_per_kilogram():
    fixed = Dosing.model_validate(
        {
            "product": "msc",
            "title": {"en": "Cells"},
            "infusions": 1,
            "cells": {"lowest": "1.5e8", "target": "2.0e8", "highest": "3.0e8"},
        }
    )
    planned = planned_dose(fixed, Body(weight_kg=KG))
    found = lines(fixed, planned, (BAG, BAG), measured())
    assert named(found) == without("per_kg")
    by_name = {each.name: each for each in found}
    assert by_name["planned"].result == 200
    # A protocol without limits judges nothing.
    assert {name for name, each in by_name.items() if not each.judged} == {
        "viability", "dmso", "thaw_to_end", "volume",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("planned", "1.23"), ("bags", "1"), ("viability", "1.23"), ("volume_to_draw", "1.23"), ("delivered", "1.23"),
        ("per_kg", "1.23"), ("dmso", "1.235"), ("thaw_to_end", "1"), ("volume", "1.23"),
    ],
)  # fmt: skip
def test_a_result_is_shown_with_the_decimals_of_its_line(name, shown):
    assert CalculationLine(name, (), Decimal("1.2345678")).shown == shown


@pytest.mark.parametrize("missing", ["cells_per_ml", "viability_percent", "drawn_ml"])
def test_the_cells_are_not_known_before_all_is_measured(missing):
    assert expected_cells(measured(**{missing: None})) is None


def test_the_most_dmso_is_that_of_what_was_drawn():
    assert rounded(most_dmso(DOSING, (BAG, BAG), measured())) == Decimal("0.04877")
    assert most_dmso(DOSING, (), measured()) is None
    assert most_dmso(DOSING, (BAG,), measured(weight_kg=None)) is None


@pytest.mark.parametrize(
    ("changed", "left"),
    [
        ({"final_ml": None}, ["thaw_to_end"]),
        ({"thaw_minutes": None}, ["volume"]),
        ({}, ["thaw_to_end", "volume"]),
    ],
)
def test_without_cells_only_what_was_measured_is_there(changed, left):
    assert named(without_cells(DOSING, measured(**changed))) == left
