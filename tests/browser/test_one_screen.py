"""A form of many short items fits on one screen, and Tab follows the reading order."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import field
from tests.support.pages.entry_pages import address

pytestmark = [pytest.mark.browser, pytest.mark.one_engine, pytest.mark.django_db(transaction=True)]
# Top, left and height of each visible item.
PLACES = """() => [...document.querySelectorAll("#entry [data-item]")].filter((item) => item.checkVisibility())
    .map((item) => item.getBoundingClientRect())
    .map((box) => [Math.round(box.top), Math.round(box.left), box.height])"""

# Distance by which the focused control reaches below the upper edge of the save bar.
BELOW_THE_BAR = """() => document.activeElement.getBoundingClientRect().bottom
    - document.querySelector(".save-bar").getBoundingClientRect().top"""


@pytest.fixture
def biochemistry(page: Page, patient, nurse, enter) -> Page:
    enter(nurse)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(address(patient, "biochemistry"))
    return page


@pytest.mark.parametrize("width", [390, 1100, 1440, 1920])
def test_items_are_read_row_by_row_in_the_order_of_tab(biochemistry: Page, width):
    """WCAG 2.4.3: also where two or three items are side by side."""
    biochemistry.set_viewport_size({"width": width, "height": 900})
    places = biochemistry.evaluate(PLACES)
    assert len(places) > 20
    assert places == sorted(places, key=lambda place: place[:2])
    assert biochemistry.evaluate("document.documentElement.scrollWidth") <= width


def test_an_item_is_one_line_of_44_pixels(biochemistry: Page):
    """One screen per form if the content allows."""
    assert max(height for _top, _left, height in biochemistry.evaluate(PLACES)) <= 44
    assert biochemistry.locator("#entry").bounding_box()["height"] <= 900


def test_a_field_stays_where_it_is_when_its_history_opens_beside_it(biochemistry: Page):
    field(biochemistry, "Albumin").fill("34")
    opened = biochemistry.get_by_role("link", name="History of Albumin")
    opened.scroll_into_view_if_needed()
    before = opened.bounding_box()["y"]
    opened.click()
    expect(biochemistry.get_by_role("heading", name="History of “Albumin”")).to_be_in_viewport()
    assert abs(opened.bounding_box()["y"] - before) <= 2


def test_what_an_answer_opens_does_not_push_the_next_field_under_the_bar(biochemistry: Page):
    """WCAG 2.4.11: the focused field stays in view when messages open above it."""
    biochemistry.set_viewport_size({"width": 390, "height": 600})
    field(biochemistry, "Albumin").focus()
    biochemistry.keyboard.type("70")
    biochemistry.keyboard.press("Tab")
    expect(biochemistry.locator("#result-albumin")).not_to_be_empty()
    biochemistry.wait_for_timeout(200)
    below = biochemistry.evaluate(BELOW_THE_BAR)
    assert below <= 0
