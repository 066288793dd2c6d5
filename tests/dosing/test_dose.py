"""The arithmetic of the dose is exact, and a dose outside the range is never shown as within it."""

from decimal import Decimal as D
from decimal import localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosing import dose

LIEGE = {"lowest": D("1.5e6"), "target": D("3.0e6"), "highest": D("3.0e6")}
weights = st.decimals(min_value=25, max_value=350, places=2)
cells = st.integers(min_value=0, max_value=3_000_000_000).map(D)


def test_the_worked_example_of_the_protocol():
    """CEL-09: 82.4 kg at one million per kg are 82.4 million cells, 8.24 mL at ten million per mL."""
    needed = dose.required_cells(D("1.0e6"), D("82.4"))
    assert needed == D("8.24e7")
    assert dose.concentrate_volume_ml(needed, D("1.0e7")) == D("8.24")


@pytest.mark.parametrize(
    ("millions", "position"),
    [
        ("1.49", "below"),
        ("1.4999999", "below"),
        ("1.50", "within"),
        ("3.00", "within"),
        ("3.0000001", "above"),
        ("3.01", "above"),
    ],
)
def test_the_bounds_belong_to_the_range(millions, position):
    """CEL-10."""
    assert dose.compare(D(millions) * dose.MILLION, **LIEGE).position == position


@pytest.mark.parametrize(
    ("millions", "shown"),
    [("1.4996", "1.49"), ("3.0004", "3.01"), ("1.504", "1.50"), ("2.996", "3.00"), ("0", "0.00")],
)
def test_rounding_never_brings_a_dose_into_the_range(millions, shown):
    assert dose.shown_millions(dose.compare(D(millions) * dose.MILLION, **LIEGE)) == shown


@given(cells, weights)
def test_what_is_shown_lies_on_the_same_side_of_the_bounds(number, weight):
    finding = dose.compare(dose.cells_per_kg(number, weight), **LIEGE)
    again = dose.compare(D(dose.shown_millions(finding)) * dose.MILLION, **LIEGE)
    assert again.position == finding.position


@given(weights, st.decimals(min_value="0.1", max_value="10", places=3))
def test_the_cells_required_give_back_the_dose(weight, millions):
    wanted = millions * dose.MILLION
    given_dose = dose.cells_per_kg(dose.required_cells(wanted, weight), weight)
    assert abs(given_dose - wanted) <= wanted * D("1e-26")


@given(cells, cells, weights)
def test_more_cells_never_make_a_smaller_dose(few, more, weight):
    low, high = sorted((few, few + more))
    assert dose.cells_per_kg(low, weight) <= dose.cells_per_kg(high, weight)


@pytest.mark.parametrize("weight", ["24.99", "350.01", "0", "-70", "NaN", "Infinity"])
def test_a_weight_no_patient_has_gives_no_dose(weight):
    with pytest.raises(dose.DoseRefused):
        dose.cells_per_kg(D("8e7"), D(weight))


@pytest.mark.parametrize("weight", ["25", "350"])
def test_the_lightest_and_the_heaviest_possible_patient_have_a_dose(weight):
    """CEL-09: plausibility 25 to 350 kg, both included."""
    assert dose.is_possible_weight(D(weight))
    assert dose.required_cells(D("1.0e6"), D(weight)) == D(weight) * 1_000_000
    assert not dose.is_possible_weight(D("24.99"))
    assert not dose.is_possible_weight(D("350.01"))


def test_a_dose_that_does_not_end_has_28_digits_whatever_the_setting_of_the_process():
    with localcontext() as context:
        context.prec = 9
        assert dose.cells_per_kg(D("8e7"), D(70)) == D("1142857.142857142857142857143")
        assert dose.concentrate_volume_ml(D("8e7"), D("7e6")) == D("11.42857142857142857142857143")


def test_a_negative_number_of_cells_gives_no_dose():
    with pytest.raises(dose.DoseRefused):
        dose.cells_per_kg(D(-1), D(70))


@pytest.mark.parametrize(
    ("weight", "usual"), [("29.9", False), ("30", True), ("250", True), ("250.1", False)]
)
def test_an_unusual_weight_asks_for_a_second_look(weight, usual):
    """CEL-09: plausibility 30 to 250 kg."""
    assert dose.is_usual_weight(D(weight)) is usual


@pytest.mark.parametrize(
    ("now", "much"), [("90", False), ("90.01", False), ("89.99", True), ("110", False), ("110.01", True)]
)
def test_a_change_of_more_than_a_tenth_asks_for_confirmation(now, much):
    """CEL-09: exactly ten per cent passes."""
    assert dose.changed_too_much(D(now), D(100)) is much


@pytest.mark.parametrize(
    ("cells_given", "weight", "percent", "shown"),
    [
        ("110.8", "68.4", "53.9961013645", "54"),
        ("240", "80", "100", "100"),
        ("240.000001", "80", "100.0000004167", "101"),
        ("119.999999", "80", "49.9999995833", "49"),
        ("0", "80", "0", "0"),
    ],
)
def test_the_share_of_the_target_is_exact_and_shown_away_from_the_range(cells_given, weight, percent, shown):
    """The picture's 110.8 million at 68.4 kg; one cell beside a bound never reads as the bound."""
    finding = dose.compare(dose.cells_per_kg(D(cells_given) * dose.MILLION, D(weight)), **LIEGE)
    assert round(finding.percent_of_target, 10) == D(percent)
    assert dose.shown_percent(finding) == shown


@pytest.mark.parametrize(("places", "shown"), [(0, "2"), (1, "1.6"), (3, "1.620")])
def test_as_many_decimals_are_shown_as_are_asked_for(places, shown):
    finding = dose.compare(D("1.62") * dose.MILLION, **LIEGE)
    assert dose.shown_millions(finding, places) == shown


def test_the_cells_of_a_dose_and_their_volume_need_something_to_multiply_and_to_divide_by():
    for nothing in (D(0), D(-1)):
        with pytest.raises(dose.DoseRefused):
            dose.required_cells(nothing, D(70))
        with pytest.raises(dose.DoseRefused):
            dose.concentrate_volume_ml(D("7e7"), nothing)
    assert dose.required_cells(D("0.5"), D(70)) == 35
    assert dose.concentrate_volume_ml(D(7), D(1)) == 7


def test_the_example_of_the_masked_trial():
    """Domain notes §2: 70 kg needs 70 million cells, 7 mL of concentrate at ten million per mL."""
    needed = dose.required_cells(D("1.0e6"), D(70))
    assert (needed, dose.concentrate_volume_ml(needed, D("10e6"))) == (D("7e7"), 7)
