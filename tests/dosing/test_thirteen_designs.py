"""Every published design can be written as a file, and one patient of each gets the right finding for a right dose."""

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from dosing.labels import basis_words, dose_amount
from dosing.models import Infusion
from dosing.products.dose_comparison import dose_box
from patients.models import Deviation
from patients.participation.questions import Questioned
from protocol.checking.mistakes import examined
from tests.support.protocols.thirteen_designs import DESIGNS, Design
from tests.support.study.bedside import stored
from tests.support.study.dosed_patients import facts, included, infuse, loaded, prepare
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
BRUSSELS = ZoneInfo("Europe/Brussels")
DAY = date(2026, 3, 10)
START = datetime(2026, 3, 10, 10, 0, tzinfo=BRUSSELS)
BY_ID = {design.id: design for design in DESIGNS}
COURSE = {  # what the design says of volume and duration
    "LANZONI": {"volume_ml": Decimal(50)},
    "START": {"minutes": 70},
    "NCT03818854": {"minutes": 70, "volume_ml": Decimal(300)},
    "IGLESIAS": {"minutes": 15},
}


@pytest.fixture(params=DESIGNS, ids=lambda design: design.id)
def design(request) -> Design:
    return request.param


def dosed(design: Design, cells: Decimal, **options):
    """Include a man of 80 kg and 175 cm, infuse and prepare. Return his first infusion and its product."""
    patient = included(loaded(design.text), DAY)
    infuse(patient, facts(patient, START, **COURSE.get(design.id, {})))
    return stored(patient, 1), prepare(patient, cells, **options)


def test_the_file_of_a_design_has_no_mistakes_and_no_doubts(design):
    found = examined(design.text)
    assert [str(each) for each in (*found.mistakes, *found.doubts)] == []


def test_there_are_thirteen():
    assert len(BY_ID) == 13


def test_a_right_dose_of_each_design_is_within_its_range(design):
    infusion, product = dosed(design, design.given)
    box = dose_box(infusion, product.viable_cells)
    assert (product.dose_finding, box.percent) == ("within", design.percent)
    assert not Deviation.objects.filter(patient=infusion.patient).exists()
    dosing = infusion.patient.protocol.rules.dosing
    assert (infusion.weight_kg is None) == (not dosing.needs_weight)
    assert Infusion.objects.filter(patient=infusion.patient).count() == dosing.infusions


def test_a_fixed_dose_of_95_million_is_95_percent_without_any_weight():
    """Seen: written through an invented weight of 250 kg it was "134 % of the target"."""
    infusion, product = dosed(BY_ID["LANZONI"], Decimal("95e6"))
    assert (infusion.weight_kg, product.cells_per_kg, product.dose_basis) == (None, None, "fixed")
    box = dose_box(infusion, product.viable_cells)
    assert (box.cells, box.measure, box.percent) == ("95", "", "95")
    assert (box.range, dose_amount(product)) == ("80.00 to 120.00 ×10⁶", "95.00 ×10⁶")
    assert basis_words(product) == "Fixed number of cells"


def test_no_weight_is_taken_for_a_fixed_dose():
    patient = included(loaded(BY_ID["LANZONI"].text), DAY)
    said = refused(infuse, patient, facts(patient, START, weight_kg=Decimal(250), volume_ml=Decimal(50)))
    assert said == {"weight_kg": ["No dose of this protocol depends on the weight: none is asked."]}
    assert stored(patient, 1).state == "planned"


def test_a_dose_by_predicted_weight_is_computed_from_height_and_sex():
    """Seen: the nurse typed 95 kg, and the right dose became "54 %"."""
    infusion, product = dosed(BY_ID["START"], Decimal("705660000"))
    assert (product.dose_basis, product.dose_measure, product.cells_per_kg) == (
        "predicted_weight", Decimal("70.566"), Decimal("10e6"),
    )  # fmt: skip
    assert infusion.weight_kg is None
    assert basis_words(product) == "Predicted weight, 70.57 kg"
    assert dose_box(infusion, product.viable_cells).percent == "100"


def test_half_of_a_fixed_dose_is_below_it_and_needs_a_reason():
    patient = included(loaded(BY_ID["LANZONI"].text), DAY)
    infuse(patient, facts(patient, START, volume_ml=Decimal(50)))
    assert "dose_deviation_reason" in refused(prepare, patient, Decimal("50e6"))
    product = prepare(patient, Decimal("50e6"), dose_deviation_reason="Half of the bag was lost")
    assert product.dose_finding == "below"


def test_without_a_height_no_dose_by_predicted_weight_is_judged():
    """The laboratory is told what is missing; nothing is typed in its place."""
    design = BY_ID["START"]
    text = design.text.replace(
        'label = { en = "Height" }, unit', 'label = { en = "Height" }, required = false, unit'
    )
    patient = included(loaded(text), DAY, height={"missing": "ND"})
    infuse(patient, facts(patient, START, minutes=70))
    said = refused(prepare, patient, Decimal("700e6"))
    assert said == {
        "": ["Height and sex of the patient are not recorded: the dose needs them. Ask the ward."]
    }


@pytest.mark.parametrize(
    ("start", "late"),
    [
        (datetime(2026, 3, 11, 23, 59, tzinfo=BRUSSELS), False),
        (datetime(2026, 3, 12, 0, 1, tzinfo=BRUSSELS), True),
    ],
)
def test_a_first_infusion_within_24_hours_of_an_inclusion_known_by_its_day(start, late):
    patient = included(loaded(BY_ID["LANZONI"].text), DAY)
    row = stored(patient, 1)
    assert row.window_opens_at == datetime(2026, 3, 10, tzinfo=BRUSSELS)
    assert (row.window_from, row.window_to) == (DAY, date(2026, 3, 11))
    bedside = facts(patient, start, volume_ml=Decimal(50))
    if late:
        assert "timing_deviation_reason" in refused(infuse, patient, bedside)
        infuse(patient, {**bedside, "timing_deviation_reason": "The bag came late"})
    else:
        infuse(patient, bedside)
    assert Deviation.objects.filter(patient=patient, category="infusion_time").exists() is late


def test_both_windows_of_lanzoni_are_counted_from_inclusion():
    patient = included(loaded(BY_ID["LANZONI"].text), DAY)
    infuse(patient, facts(patient, START, volume_ml=Decimal(50)))
    closes = stored(patient, 2).window_closes_at
    assert closes == datetime(2026, 3, 14, tzinfo=BRUSSELS) - (datetime.resolution)


def test_every_48_hours_is_counted_from_the_hour_of_the_infusion_before():
    patient = included(loaded(BY_ID["REBELATTO"].text), DAY)
    infuse(patient, facts(patient, START))
    row = stored(patient, 2)
    assert row.window_opens_at == datetime(2026, 3, 12, 4, 0, tzinfo=BRUSSELS)
    assert row.window_closes_at == datetime(2026, 3, 12, 16, 0, tzinfo=BRUSSELS)


@pytest.mark.parametrize(
    ("minutes", "volume", "code"), [(90, 50, ""), (60, 60, "volume"), (60, 44, "volume")]
)
def test_a_volume_outside_its_limits_is_asked_and_then_a_deviation(minutes, volume, code):
    patient = included(loaded(BY_ID["LANZONI"].text), DAY)
    bedside = facts(patient, START, minutes, volume_ml=Decimal(volume))
    if not code:
        infuse(patient, bedside)
        return
    with pytest.raises(Questioned) as asked:
        infuse(patient, bedside)
    assert "The protocol allows 45 to 55 mL" in str(asked.value)
    assert stored(patient, 1).state == "planned"
    infuse(patient, bedside, confirmed=asked.value.token)
    deviation = Deviation.objects.get(patient=patient, category="infusion_course")
    assert f"{volume} mL were infused" in str(deviation.description)


def test_a_duration_outside_its_limits_is_taken_back_with_the_correction():
    patient = included(loaded(BY_ID["START"].text), DAY)
    quick = facts(patient, START, 30)
    with pytest.raises(Questioned, match="The protocol allows 60 to 80 minutes: 30 minutes") as asked:
        infuse(patient, quick)
    infuse(patient, quick, confirmed=asked.value.token)
    assert Deviation.objects.filter(patient=patient, category="infusion_course").in_force().count() == 1
    infuse(patient, facts(patient, START, 75), reason="Misread")
    assert Deviation.objects.filter(patient=patient, category="infusion_course").in_force().count() == 0
