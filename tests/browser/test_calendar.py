"""A calendar beside every typed date: by mouse and by keyboard alone, and nothing of it without scripts."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import field, sign_in
from tests.support.pages.entry_pages import address

pytestmark = [
    pytest.mark.browser,
    pytest.mark.one_engine,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nothing_counted"),
]


def test_a_day_is_taken_from_the_calendar_and_typing_stays_first(
    page: Page, patient, nurse, enter, violations, complaints
):
    """WCAG 2.1.1: Alt ↓ opens it, arrows move, Enter takes the day, Escape closes; the day is one that can be typed."""
    enter(nurse)
    page.goto(address(patient, "medical_history"))
    admitted = field(page, "Admission to hospital")
    admitted.focus()
    page.keyboard.type("9-oct-2025")
    # A whole date leads on; who wants to see its calendar goes back to it.
    expect(admitted).not_to_be_focused()
    admitted.focus()
    page.keyboard.press("Alt+ArrowDown")
    calendar = page.get_by_role("dialog", name="Calendar")
    expect(calendar.get_by_role("button", name="Thursday, October 9, 2025")).to_be_focused()
    assert violations() == []
    for key in ("ArrowRight", "ArrowDown", "PageDown"):
        page.keyboard.press(key)
    expect(calendar.get_by_role("button", name="Monday, November 17, 2025")).to_be_focused()
    page.keyboard.press("Enter")
    expect(calendar).to_be_hidden()
    expect(admitted).to_be_focused()
    expect(admitted).to_have_value("17-Nov-2025")
    page.keyboard.press("Alt+ArrowDown")
    page.keyboard.press("Escape")
    expect(admitted).to_be_focused()
    page.goto(address(patient))
    moment = field(page, "Date and time")
    page.get_by_role("button", name="Calendar").first.click()
    calendar.get_by_role("button", name="Previous month").click()
    calendar.get_by_role("button", name=" 15, ").click()
    expect(moment).to_be_focused()
    page.keyboard.type("9:05")
    assert moment.input_value().startswith("15-")
    assert moment.input_value().endswith(" 9:05")
    page.goto(f"/trials/{patient.trial.slug}/patients/screen/")
    expect(page.get_by_role("button", name="Calendar").first).to_be_visible()
    assert complaints == []


def test_without_scripts_there_is_no_calendar(browser, base_url, patient, nurse):
    """UX-11: the typed field is all that is shown."""
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, nurse)
    page.goto(address(patient))
    expect(page.get_by_role("button", name="Calendar")).to_have_count(0)
    expect(page.get_by_role("dialog", name="Calendar")).to_have_count(0)
    context.close()
