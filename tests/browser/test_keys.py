"""Keys on a form: within a group, from field to field, after saving, at an error, and in the panel beside the form."""

import re

import pytest
from playwright.sync_api import Page, expect

from patients.models import Record
from tests.browser.pages import field, group
from tests.support import build
from tests.support.pages.entry_pages import address

pytestmark = [pytest.mark.browser, pytest.mark.one_engine, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def desk(page, patient, nurse, enter):
    """Return a function that opens a screening form as the coordinator."""
    enter(nurse)

    def opened(form: str) -> Page:
        page.goto(address(patient, form))
        return page

    return opened


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_boxes_are_answered_by_their_first_letter_and_cleared_by_delete(desk):
    """WCAG 2.1.1: the arrow keys cycle through the answers and never clear one; the focus stays in the question."""
    page = desk("vitals")
    boxes = group(page, "ACVPU")
    boxes.get_by_label("Alert").focus()
    press(page, "r")
    expect(boxes.get_by_label("Responds to voice")).to_be_checked()
    press(page, "r")
    expect(boxes.get_by_label("Responds to pain")).to_be_checked()
    press(page, "ArrowRight", "ArrowRight")
    expect(boxes.get_by_label("Alert")).to_be_checked()
    press(page, "ArrowLeft")
    expect(boxes.get_by_label("Unresponsive")).to_be_focused()
    press(page, "Delete")
    expect(boxes.get_by_label("Unresponsive")).to_be_focused()
    expect(boxes.get_by_label("Unresponsive")).not_to_be_checked()
    press(page, "Control+s")
    expect(page.get_by_text("Not saved yet")).to_have_count(0)
    assert Record.objects.get().values == {}


def test_a_question_with_several_answers_is_one_stop(desk):
    """WCAG 2.1.1: arrow keys and first letters move, Space checks, Tab goes on."""
    page = desk("covid_diagnosis")
    boxes = group(page, "Symptoms since the onset")
    boxes.get_by_role("checkbox").first.focus()
    press(page, "ArrowDown", "Space", "ArrowUp", "ArrowUp")
    expect(boxes.get_by_role("checkbox").last).to_be_focused()
    press(page, "Tab")
    assert page.locator(":focus").evaluate("node => node.name") != "symptoms"
    press(page, "Shift+Tab")
    expect(boxes.get_by_role("checkbox").last).to_be_focused()
    expect(boxes.get_by_role("checkbox", checked=True)).to_have_count(1)


def test_enter_goes_on_and_never_sends_half_a_form(desk):
    """UX-07: Enter acts like Tab, up to the button that completes the form."""
    page = desk("vitals")
    page.keyboard.type("v 9:05")
    press(page, "Enter")
    expect(field(page, "Temperature")).to_be_focused()
    for _ in range(20):
        press(page, "Enter")
        if page.locator(":focus").evaluate("node => node.tagName") == "BUTTON":
            break
    expect(page.get_by_role("button", name="Save and next form")).to_be_focused()
    assert not Record.objects.exists()


def test_enter_leads_to_what_is_wrong_and_what_is_typed_replaces_it(desk):
    """WCAG 3.3.1: from the error summary to the first field, with its text selected as by Tab."""
    page = desk("vitals")
    field(page, "Temperature").focus()
    page.keyboard.type("warm")
    press(page, "Control+s")
    expect(page.locator(".error-summary")).to_be_focused()
    press(page, "Enter")
    expect(field(page, "Temperature")).to_be_focused()
    page.keyboard.type("36,7")
    press(page, "Control+s")
    expect(page.get_by_text("Not saved yet")).to_have_count(0)
    assert Record.objects.get().values == {"temp": "36.7"}


def test_a_saved_draft_comes_back_where_one_was(desk):
    """UX-07: Ctrl+S in the middle of a form keeps focus and caret."""
    page = desk("vitals")
    field(page, "Heart rate").focus()
    page.keyboard.type("7")
    press(page, "Control+s")
    expect(page.get_by_text("Not saved yet")).to_have_count(0)
    expect(field(page, "Heart rate")).to_be_focused()
    page.keyboard.type("2")
    expect(field(page, "Heart rate")).to_have_value("72")
    expect(page).to_have_url(re.compile("/vitals/$"))


def test_an_offered_value_never_replaces_an_answer_by_a_slip(desk, patient):
    """DAT-01: a known value is offered only while the field is empty; Enter does not accept it."""
    build.record(patient, "demography", {"age": "54", "sex": "M", "height": "178", "weight": "82.4"})
    page = desk("vitals")
    weight = field(page, "Weight")
    offer = page.get_by_role("button", name="Use it")
    expect(offer).to_have_count(1)
    weight.focus()
    page.keyboard.type("85")
    press(page, "Enter")
    expect(field(page, "Urine in 24 hours")).to_be_focused()
    expect(offer).to_be_hidden()
    expect(weight).to_have_value("85")


def test_one_key_leads_into_the_panel_beside_the_form_and_back(desk):
    """UX-07: history and queries of a field are read without leaving the form."""
    page = desk("vitals")
    field(page, "Heart rate").focus()
    press(page, "F2")
    panel = page.locator("#panel")
    expect(panel).to_contain_text("History of “Heart rate”")
    expect(panel).to_be_focused()
    press(page, "Escape")
    expect(field(page, "Heart rate")).to_be_focused()


def test_the_focus_goes_on_from_a_question_that_an_answer_hides(desk):
    """WCAG 2.4.3: Tab was faster than the server's answer, which hides the field that now has the focus."""
    page = desk("medical_history")
    allergy = group(page, "Known allergy")
    with page.expect_response("**/check/"):
        allergy.get_by_label("Yes").check()
    expect(field(page, "To what")).to_be_visible()
    allergy.get_by_label("Yes").focus()
    press(page, "n", "Tab")
    expect(field(page, "To what")).to_be_hidden()
    assert page.locator(":focus").evaluate("node => node.name") == "smoking"


def test_a_date_in_three_parts_is_typed_whole(desk):
    """DAT-05: the first part accepts a whole date, and the page shows how it was read."""
    page = desk("medical_history")
    onset = group(page, "First symptom")
    onset.get_by_label("Day", exact=True).focus()
    page.keyboard.type("oct 2025")
    with page.expect_response("**/check/"):
        press(page, "Tab")
    expect(onset.get_by_label("Year", exact=True)).to_have_value("2025")
    expect(onset.get_by_label("Month", exact=True)).to_have_value("10")
    expect(onset.get_by_label("Day", exact=True)).to_have_value("UNK")


def test_after_the_last_form_the_page_of_the_visit_leads_on(desk, patient):
    """UX-02: Enter opens the next form."""
    page = desk("vitals")
    page.goto(page.url.removesuffix("vitals/") + "#next")
    expect(page.get_by_role("main").get_by_role("link", name="Demography").last).to_be_focused()
    press(page, "Enter")
    expect(field(page, "Age at consent")).to_be_focused()
