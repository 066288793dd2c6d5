"""Live checks while typing: one request at a time, and never replacing what was typed since."""

import re

import pytest
from playwright.sync_api import Page, expect

from patients.models import Record
from tests.browser.pages import field, group, tab_to
from tests.support.pages.entry_pages import address

pytestmark = [pytest.mark.browser, pytest.mark.one_engine, pytest.mark.django_db(transaction=True)]


def test_the_server_answers_while_one_goes_on_typing(page: Page, patient, nurse, enter):
    """UX-07: the calculated value appears while focus and caret stay. The first answer comes when all is typed."""
    enter(nurse)
    page.goto(address(patient))
    held = []
    page.route("**/check/", lambda route: held.append(route), times=1)
    field(page, "Systolic").focus()
    with page.expect_request("**/check/"):
        page.keyboard.type("124")
        tab_to(page, field(page, "Diastolic"))
    page.keyboard.type("76")
    tab_to(page, field(page, "Mean, measured by arterial line"))
    page.keyboard.type("15")
    page.keyboard.press("ArrowLeft")
    held[0].continue_()
    expect(page.get_by_role("status", name=re.compile("Mean, from the two"))).to_contain_text("92.0")
    typing = field(page, "Mean, measured by arterial line")
    expect(typing).to_be_focused()
    assert typing.evaluate("node => [node.value, node.selectionStart]") == ["15", 1]
    page.keyboard.type("0")
    expect(typing).to_have_value("105")


def test_what_is_impossible_is_shown_beside_the_field_at_once(page: Page, patient, nurse, enter):
    """DAT-06: the message is linked to the input, so that screen readers announce it."""
    enter(nurse)
    page.goto(address(patient))
    temperature = field(page, "Temperature")
    tab_to(page, temperature)
    page.keyboard.type("46")
    page.keyboard.press("Tab")
    expect(temperature).to_have_accessible_description(re.compile("Must be between 25 and 45 °C"))
    expect(temperature).to_have_attribute("aria-invalid", "true")
    temperature.fill("36,8")
    page.keyboard.press("Tab")
    expect(temperature).not_to_have_attribute("aria-invalid", "true")


def test_an_answer_of_the_server_never_replaces_what_was_typed_after_the_question(
    page: Page, patient, nurse, enter
):
    """REL-13: on a slow line, the answer to the first value arrives after the second was typed."""
    enter(nurse)
    page.goto(address(patient))
    held = []
    page.route("**/check/", lambda route: held.append(route), times=1)
    field(page, "Heart rate").fill("072")
    with page.expect_request("**/check/"):
        page.keyboard.press("Tab")
    field(page, "Heart rate").fill("80")
    field(page, "Respiratory rate").focus()
    with page.expect_response("**/check/"):
        held[0].continue_()
    expect(field(page, "Heart rate")).to_have_value("80")
    field(page, "Heart rate").focus()
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Not saved yet")).to_have_count(0)
    assert Record.objects.get().values == {"hr": "80"}


def test_a_slow_server_is_asked_one_thing_at_a_time_and_the_console_is_silent(
    page: Page, patient, nurse, enter, complaints
):
    """UX-07: a user who types faster than the server gets the latest answer; no request is aborted."""
    enter(nurse)
    page.goto(address(patient))
    held = []
    page.route("**/check/", lambda route: held.append(route), times=1)
    with page.expect_request("**/check/"):
        field(page, "Systolic").fill("124")
        page.keyboard.press("Tab")
    asked = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/check/") else None)
    for label, value in (("Diastolic", "76"), ("Temperature", "36,7"), ("Heart rate", "72")):
        field(page, label).fill(value)
        page.keyboard.press("Tab")
        page.wait_for_timeout(200)
    assert asked == []
    with page.expect_request("**/check/") as last:
        held[0].continue_()
    sent = last.value.post_data or ""
    assert all(text in sent for text in ("sbp=124", "dbp=76", "temp=36%2C7", "hr=72"))
    expect(page.get_by_role("status", name=re.compile("Mean, from the two"))).to_contain_text("92.0")
    assert len(asked) == 1
    assert complaints == []


def test_a_quick_tab_does_not_run_past_what_an_answer_asks_for(page: Page, patient, nurse, enter):
    """UX-07: Tab is pressed before the answer arrives that shows more questions."""
    enter(nurse)
    page.goto(f"{address(patient, 'blood_gas')}#entry")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(field(page, "Sample taken")).to_be_focused()
    page.goto(address(patient, "biochemistry"))
    kind = group(page, "D-dimer reported in").get_by_role("radio").first
    kind.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(field(page, "D-dimer (FEU)")).to_be_focused()
