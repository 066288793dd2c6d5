"""An answer that is complete leads on by itself; the habit of pressing Tab stays right (UX-07)."""

import pytest
from playwright.sync_api import Page, expect

from patients.models import Record
from tests.browser.pages import field, group
from tests.support import build
from tests.support.pages.entry_pages import address
from tests.support.study.entered_forms import included

pytestmark = [pytest.mark.browser, pytest.mark.one_engine, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def vitals(page: Page, patient, nurse, enter) -> Page:
    enter(nurse)
    page.goto(f"{address(patient)}#entry")
    expect(field(page, "Date and time")).to_be_focused()
    return page


def test_a_number_goes_on_when_it_has_no_room_for_a_digit(vitals: Page) -> None:
    """Temperature has two decimals and waits after one; 15 beats may become 152; 22 breaths and 88 % are whole."""
    vitals.keyboard.type("9:05")
    expect(field(vitals, "Temperature")).to_be_focused()
    vitals.keyboard.type("37,4")
    expect(field(vitals, "Temperature")).to_be_focused()
    vitals.keyboard.type("2")
    expect(field(vitals, "Heart rate")).to_be_focused()
    vitals.keyboard.type("15")
    expect(field(vitals, "Heart rate")).to_be_focused()
    vitals.keyboard.type("2")
    expect(field(vitals, "Respiratory rate")).to_be_focused()
    vitals.keyboard.type("22")
    expect(field(vitals, "Oxygen saturation (SpO2)")).to_be_focused()
    vitals.keyboard.type("8")
    expect(field(vitals, "Oxygen saturation (SpO2)")).to_be_focused()
    vitals.keyboard.type("8")
    expect(group(vitals, "ACVPU").get_by_label("Alert")).to_be_focused()


def test_what_is_below_the_limits_waits(vitals: Page) -> None:
    """31 of a systolic pressure is no pressure: something is wrong, or a digit is missing before it."""
    systolic = field(vitals, "Systolic")
    systolic.focus()
    vitals.keyboard.type("31")
    expect(systolic).to_be_focused()


def test_a_letter_goes_on_only_if_it_means_one_answer(vitals: Page) -> None:
    boxes = group(vitals, "ACVPU")
    boxes.get_by_label("Alert").focus()
    vitals.keyboard.type("r")
    expect(boxes.get_by_label("Responds to voice")).to_be_focused()
    vitals.keyboard.type("n")
    expect(boxes.get_by_label("New confusion")).to_be_checked()
    expect(field(vitals, "Glasgow: eyes")).to_be_focused()
    vitals.keyboard.press("ArrowRight")
    vitals.wait_for_timeout(600)
    vitals.keyboard.press("Shift+Tab")
    expect(boxes.get_by_label("New confusion")).to_be_focused()
    vitals.keyboard.press("ArrowLeft")
    expect(boxes.get_by_label("Alert")).to_be_focused()


def test_tab_after_a_complete_answer_is_not_counted_twice(vitals: Page) -> None:
    """Within half a second it is the habit; later it skips the field, as everywhere."""
    vitals.keyboard.type("9:05")
    vitals.keyboard.press("Tab")
    expect(field(vitals, "Temperature")).to_be_focused()
    vitals.keyboard.type("nd")
    expect(field(vitals, "Heart rate")).to_be_focused()
    vitals.wait_for_timeout(600)
    vitals.keyboard.press("Tab")
    expect(field(vitals, "Respiratory rate")).to_be_focused()


def test_a_correction_inside_a_number_stays_there(vitals: Page) -> None:
    heart = field(vitals, "Heart rate")
    heart.focus()
    vitals.keyboard.type("92")
    vitals.keyboard.press("Shift+Tab")
    expect(heart).to_be_focused()
    vitals.keyboard.press("Home")
    vitals.keyboard.press("Delete")
    vitals.keyboard.type("8")
    expect(heart).to_be_focused()
    expect(heart).to_have_value("82")


def test_an_offered_value_goes_on_and_nothing_is_saved(vitals: Page, patient) -> None:
    vitals.keyboard.type("9:05")
    vitals.keyboard.press("Control+s")
    expect(vitals.get_by_text("Not saved yet")).to_have_count(0)
    vitals.goto(f"{address(patient, 'respiratory_support')}#entry")
    expect(field(vitals, "Date and time")).to_be_focused()
    vitals.keyboard.press("=")
    expect(group(vitals, "Type of support").get_by_label("Room air")).to_be_focused()
    vitals.keyboard.type("o")
    expect(group(vitals, "ECMO").get_by_label("Yes")).to_be_focused()
    assert not Record.objects.filter(form="respiratory_support").exists()


@pytest.fixture
def gas(page: Page, patient, nurse, enter) -> Page:
    """Open the second blood gas of a patient; the laboratory printed oxygen in kPa and lactate in mmol/L last time."""
    included(patient)
    oxygen = {"value": "67.50558000", "entered": "9.000", "unit": "kPa"}
    build.record(patient, "blood_gas", {"gas_done": "Y", "pao2": oxygen, "lactate": "1.50"}, draft=True)
    enter(nurse)
    page.goto(address(patient, "blood_gas", visit="INF1"))
    group(page, "Arterial gas available").get_by_label("Yes").check()
    expect(field(page, "PaO2")).to_be_visible()
    return page


def test_a_number_with_units_goes_on_in_the_unit_of_last_time(gas: Page) -> None:
    """kPa has three decimals. PaCO2 has no unit of last time: 18,25 mmHg may be kPa and waits, 38,25 cannot be."""
    field(gas, "PaO2").focus()
    gas.keyboard.type("11,25")
    expect(field(gas, "PaO2")).to_be_focused()
    gas.keyboard.type("4")
    expect(field(gas, "PaCO2")).to_be_focused()
    gas.keyboard.type("18,25")
    expect(field(gas, "PaCO2")).to_be_focused()
    gas.keyboard.press("Control+a")
    gas.keyboard.type("38,25")
    expect(field(gas, "pH")).to_be_focused()


def test_a_unit_that_was_chosen_here_counts_too(gas: Page) -> None:
    """16,25 of lactate fits into both units, which have two decimals each; last time it was mmol/L."""
    lactate = field(gas, "Lactate")
    lactate.focus()
    gas.keyboard.press("F4")
    gas.keyboard.type("mg")
    gas.keyboard.press("Shift+Tab")
    expect(lactate).to_be_focused()
    gas.keyboard.type("16,2")
    expect(lactate).to_be_focused()
    gas.keyboard.type("5")
    expect(lactate).not_to_be_focused()


def test_a_number_that_another_unit_may_make_longer_waits(page: Page, patient, nurse, enter) -> None:
    """0,7 cells/µL may be the beginning of 0,7473 · 10⁹/L, whatever the unit of last time was; 747,3 cannot be."""
    included(patient)
    build.record(patient, "lymphocyte_subsets", {"cd3": "812.4"}, visit="INF1", draft=True)
    enter(nurse)
    page.goto(address(patient, "lymphocyte_subsets", visit="D7"))
    cells = page.locator("#id_cd3")
    cells.focus()
    page.keyboard.type("0,7")
    expect(cells).to_be_focused()
    page.keyboard.type("473")
    expect(cells).to_have_value("0,7473")
    page.keyboard.press("Control+a")
    page.keyboard.type("747,3")
    expect(page.locator("#id_cd4")).to_be_focused()


def test_a_number_beyond_the_limits_of_its_unit_waits(gas: Page) -> None:
    """95,125 kPa is beyond 700 mmHg: it was read in the other unit, or mistyped."""
    field(gas, "PaO2").focus()
    gas.keyboard.type("95,125")
    expect(field(gas, "PaO2")).to_be_focused()
    expect(field(gas, "PaO2")).to_have_value("95,125")


def test_f4_right_after_a_number_is_for_its_unit(gas: Page) -> None:
    """Half a second later it is for the unit of the field that has the focus."""
    field(gas, "PaO2").focus()
    gas.keyboard.type("11,254")
    gas.keyboard.press("F4")
    expect(gas.get_by_label("Unit of PaO2")).to_be_focused()
    gas.keyboard.press("Tab")
    expect(field(gas, "PaCO2")).to_be_focused()
    gas.keyboard.press("Shift+Tab")
    expect(field(gas, "PaO2")).to_be_focused()
    gas.keyboard.type("11,254")
    gas.wait_for_timeout(600)
    gas.keyboard.press("F4")
    expect(gas.get_by_label("Unit of PaCO2")).to_be_focused()


def test_a_number_with_more_decimals_than_its_other_unit_has_goes_on_at_once(
    page: Page, patient, nurse, enter
) -> None:
    """6,123 · 10⁹/L cannot be a number per µL, which has no decimals; nothing was entered before."""
    enter(nurse)
    page.goto(address(patient, "haematology"))
    cells = page.locator("#id_wbc")
    cells.focus()
    page.keyboard.type("6,12")
    expect(cells).to_be_focused()
    page.keyboard.type("3")
    expect(page.locator("#id_neutrophils")).to_be_focused()


@pytest.fixture
def history(page: Page, patient, nurse, enter) -> Page:
    enter(nurse)
    page.goto(address(patient, "medical_history"))
    return page


def test_a_whole_date_goes_on_unless_its_year_may_get_longer(history: Page) -> None:
    """9oct20 may become 9oct2020; 9oct25 and 9/10/25 are whole."""
    diagnosed, admitted = field(history, "Diagnosis of COVID-19"), field(history, "Admission to hospital")
    diagnosed.focus()
    history.keyboard.type("9oct20")
    expect(diagnosed).to_be_focused()
    history.keyboard.type("25")
    expect(admitted).to_be_focused()
    history.keyboard.type("9/10/25")
    expect(group(history, "Arterial hypertension").get_by_label("Yes")).to_be_focused()


def test_a_whole_date_in_the_first_of_three_inputs_goes_past_the_others(history: Page) -> None:
    """The unknown day waits: its month follows."""
    onset = group(history, "First symptom")
    onset.get_by_label("Day", exact=True).focus()
    history.keyboard.type("unk")
    expect(onset.get_by_label("Day", exact=True)).to_be_focused()
    history.keyboard.press("Control+a")
    with history.expect_response("**/check/"):
        history.keyboard.type("9oct25")
    expect(onset.get_by_label("Year", exact=True)).to_have_value("2025")
    expect(onset.get_by_label("Month", exact=True)).to_have_value("10")
    assert history.locator(":focus").evaluate("node => node.name") == "diagnosed_on"


def test_a_full_cell_goes_on_within_its_row(page: Page, patient, nurse, enter) -> None:
    """Enter right after it is the habit; past the last cell Enter decides whether a row follows."""
    included(patient)
    enter(nurse)
    page.goto(address(patient, "infusion_monitoring", visit="INF1"))
    cell = page.locator("#id_series-0-sbp")
    cell.focus()
    page.keyboard.type("137")
    expect(page.locator("#id_series-0-dbp")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#id_series-0-dbp")).to_be_focused()
    page.keyboard.type("95")
    expect(page.locator("#id_series-0-hr")).to_be_focused()
    last = page.locator("#id_series-0-temp")
    last.focus()
    page.keyboard.type("36,40")
    expect(last).to_be_focused()
