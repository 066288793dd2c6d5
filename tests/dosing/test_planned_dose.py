"""The cells planned in each basis, the cap, and the comparison of what was given, in exact decimals."""

from decimal import Decimal as D
from decimal import localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosing import dose
from dosing.dose import Body, DoseRefused, planned_dose
from protocol.document.dosing import DosePlan

LIEGE = DosePlan(cells_per_kg={"lowest": "1.5e6", "target": "3.0e6", "highest": "3.0e6"})
LANZONI = DosePlan(cells={"lowest": "80e6", "target": "100e6", "highest": "120e6"})
START = DosePlan(cells_per_kg_predicted={"lowest": "9e6", "target": "10e6", "highest": "11e6"})
SURFACE = DosePlan(cells_per_m2={"lowest": "18e6", "target": "20e6", "highest": "22e6"})
weights = st.decimals(min_value=25, max_value=350, places=2)
cells = st.integers(min_value=0, max_value=3_000_000_000).map(D)


def plan(which, **body):
    found = planned_dose(which, Body(**body))
    assert found is not None
    return found


def test_a_dose_per_kilogram_is_multiplied_by_the_actual_weight():
    """CEL-09: 82.4 kg at 1.0e6 per kg are 8.24e7 cells."""
    one = DosePlan(cells_per_kg={"lowest": "0.9e6", "target": "1.0e6", "highest": "1.1e6"})
    found = plan(one, weight_kg=D("82.4"))
    assert (found.lowest, found.target, found.highest) == (D("7.416e7"), D("8.24e7"), D("9.064e7"))
    assert (found.basis, found.measure, found.capped) == ("actual_weight", D("82.4"), False)


def test_a_fixed_dose_needs_no_weight_and_95_of_100_million_are_within():
    """Seen: with an invented weight of 250 kg a right 95 million was "134 % of the target"."""
    found = plan(LANZONI)
    finding = found.compared(D("95e6"))
    assert (finding.position, dose.shown_percent(finding), found.measure) == ("within", "95", D(1))
    assert dose.shown_millions(finding) == "95.00"
    assert found.compared(D("79999999")).position == "below"
    assert found.compared(D("120000001")).position == "above"
    assert {found.compared(D(edge)).position for edge in ("80e6", "120e6")} == {"within"}


@pytest.mark.parametrize(
    ("sex", "height", "kg"),
    [("M", "152.4", "50"), ("F", "152.4", "45.5"), ("M", "175", "70.566"), ("F", "160", "52.416")],
)
def test_the_predicted_weight_follows_height_and_sex(sex, height, kg):
    assert dose.predicted_weight_kg(D(height), sex) == D(kg)


def test_the_right_dose_by_predicted_weight_is_100_percent_whatever_the_patient_weighs():
    """Seen: 705.66 million for a man of 175 cm and 130.7 kg was judged by 130.7 kg and became "54 %"."""
    found = plan(START, height_cm=D(175), sex="M", weight_kg=D("130.7"))
    finding = found.compared(D("705660000"))
    assert (finding.position, finding.percent_of_target, finding.dose) == ("within", D(100), D("10e6"))
    assert found.measure == D("70.566")


def test_the_body_surface_is_that_of_mosteller():
    """180 cm and 80 kg: √(180 × 80 ÷ 3600) = 2 m²."""
    assert dose.body_surface_m2(D(80), D(180)) == 2
    assert plan(SURFACE, weight_kg=D(80), height_cm=D(180)).target == D("40e6")


@pytest.mark.parametrize(
    ("which", "body"),
    [
        (LIEGE, {"height_cm": D(170), "sex": "F"}),
        (START, {"weight_kg": D(70), "sex": "F"}),
        (START, {"weight_kg": D(70), "height_cm": D(170)}),
        (START, {"height_cm": D(170), "sex": "U"}),
        (SURFACE, {"weight_kg": D(70)}),
        (SURFACE, {"height_cm": D(170)}),
    ],
)
def test_while_a_measure_is_not_known_no_cells_are_planned(which, body):
    assert planned_dose(which, Body(**body)) is None


@pytest.mark.parametrize(
    ("height", "possible"), [("99.9", False), ("100", True), ("250", True), ("250.1", False)]
)
def test_a_height_that_no_patient_has_gives_no_dose(height, possible):
    assert dose.is_possible_height(D(height)) is possible
    if not possible:
        for which in (START, SURFACE):
            with pytest.raises(DoseRefused):
                plan(which, height_cm=D(height), sex="M", weight_kg=D(70))


@pytest.mark.parametrize("height", ["NaN", "Infinity"])
def test_a_height_that_is_no_number_gives_no_dose(height):
    with pytest.raises(DoseRefused):
        dose.predicted_weight_kg(D(height), "F")


def test_the_predicted_weight_is_defined_for_two_codes_only():
    with pytest.raises(DoseRefused):
        dose.predicted_weight_kg(D(170), "U")


@pytest.mark.parametrize(
    ("weight", "target", "highest", "capped"),
    [
        ("149.99", "149990000", "150e6", False),
        ("150", "150e6", "150e6", False),
        ("150.01", "150e6", "150e6", True),
    ],
)
def test_a_cap_bounds_target_and_range(weight, target, highest, capped):
    one = DosePlan(
        cells_per_kg={"lowest": "0.9e6", "target": "1.0e6", "highest": "1.1e6"}, most_cells="150e6"
    )
    found = plan(one, weight_kg=D(weight))
    assert (found.target, found.highest, found.capped) == (D(target), D(highest), capped)
    assert found.compared(D("150e6")).position == "within"
    assert found.compared(D(150_000_001)).position == "above"
    heaviest = plan(one, weight_kg=D(350))
    assert (heaviest.lowest, heaviest.target) == (D("150e6"), D("150e6"))


@given(cells, weights)
def test_the_position_is_decided_on_cells_and_agrees_with_the_exact_quotient(number, weight):
    finding = plan(LIEGE, weight_kg=weight).compared(number)
    below, above = number < D("1.5e6") * weight, number > D("3.0e6") * weight
    assert finding.position == ("below" if below else "above" if above else "within")
    again = dose.compare(
        D(dose.shown_millions(finding)) * dose.MILLION, lowest=D("1.5e6"), target=D("3e6"), highest=D("3e6")
    )
    assert again.position == finding.position


def test_no_division_brings_a_dose_into_the_range():
    """CEL-10: a fraction of a cell below the lowest dose is below it, although the quotient is 1.5e6 in 28 digits."""
    found = plan(LIEGE, weight_kg=D(80))
    nearly = D("119999999.9999999999999999999999999")
    assert found.compared(nearly).dose == D("1.5e6")
    assert found.compared(nearly).position == "below"


def test_planned_cells_are_exact_whatever_the_setting_of_the_process():
    with localcontext() as context:
        context.prec = 4
        assert plan(LIEGE, weight_kg=D("82.43")).target == D("247290000")
        assert dose.required_cells(D("3.0e6"), D("82.43")) == D("247290000")
        assert dose.body_surface_m2(D("71.3"), D("171.7")) == D("1.844075347942401427537973707")
        finding = plan(LANZONI).compared(D(95_123_457))
        assert finding.percent_of_target == D("95.123457")
        assert plan(LIEGE, weight_kg=D("82.43")).compared(D(123_456_789)).dose == D(
            "1497716.717214606332645881354"
        )


def test_a_negative_number_of_cells_is_compared_with_nothing():
    with pytest.raises(DoseRefused):
        plan(LANZONI).compared(D(-1))
    with pytest.raises(DoseRefused):
        dose.concentrate_volume_ml(D(-1), D("1e7"))
    assert plan(LANZONI).compared(D(0)).position == "below"
    assert dose.concentrate_volume_ml(D(0), D("1e7")) == 0
