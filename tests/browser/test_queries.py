"""A coordinator answers a query beside the value, three clicks from home, without losing typed values."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from audit.context import acting
from patients.models import Query, Record
from patients.queries.threads import raise_query
from tests.browser.pages import field
from tests.support import build
from tests.support.study.raised_queries import begin_form, begin_form_of_other_trial

pytestmark = [pytest.mark.browser, pytest.mark.one_engine, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def monitor(trial):
    return build.user("monitor", trial=trial)


@pytest.fixture
def query(patient, nurse, monitor):
    record = begin_form(patient, nurse, hr="72")
    with acting(user=monitor, role="monitor"):
        return raise_query(
            record=record, item="hr", text="The chart says 27.", origin="monitor", by=monitor, role="monitor"
        )


class Hand:
    """A mouse that counts its clicks."""

    def __init__(self) -> None:
        self.clicks = 0

    def click(self, target: Locator) -> None:
        """Click once."""
        self.clicks += 1
        target.click()


def test_a_query_is_answered_in_three_clicks_from_home(
    page: Page, nurse, query, enter, complaints, violations
):
    """UX: tile, row, send; the answer field already has the focus. The bell says that something waits."""
    enter(nurse)
    page.goto(f"/trials/{query.patient.trial.slug}/")
    expect(page.get_by_role("link", name="1 new notice")).to_have_text("1")
    hand = Hand()
    hand.click(page.get_by_role("main").get_by_role("link", name=re.compile("^1 Open query")))
    hand.click(page.get_by_role("row").get_by_role("link", name=query.patient.code))
    expect(page.get_by_role("textbox", name="Your answer")).to_be_focused()
    expect(field(page, "Heart rate")).to_have_value("72")
    page.keyboard.type("Read again: 72.")
    hand.click(page.get_by_role("button", name="Send answer"))
    expect(page.get_by_role("complementary").get_by_text("Answered")).to_be_visible()
    query.refresh_from_db()
    assert query.state == "answered"
    assert [message.text for message in query.messages.all()] == ["The chart says 27.", "Read again: 72."]
    assert hand.clicks == 3
    assert violations() == []
    assert complaints == []


def test_what_is_typed_in_the_form_stays_while_a_query_is_answered_beside_it(page: Page, nurse, query, enter):
    """UX-07: form and scroll position stay; an empty answer is refused beside its field."""
    enter(nurse)
    record = Record.objects.get()
    page.goto(f"/trials/{query.patient.trial.slug}/patients/{query.patient.code}/visits/SCR/vitals/")
    field(page, "Respiratory rate").fill("18")
    page.get_by_role("link", name=re.compile("^1 open query on Heart rate")).click()
    answer = page.get_by_role("textbox", name="Your answer")
    page.get_by_role("button", name="Send answer").click()
    expect(answer).to_have_accessible_description(re.compile("required|Write"))
    expect(answer).to_be_focused()
    page.keyboard.type("Read again: 72.")
    page.get_by_role("button", name="Send answer").dblclick()
    expect(page.get_by_role("heading", name=re.compile("^Query on"))).to_be_focused()
    expect(page.get_by_role("complementary").get_by_text("Read again: 72.")).to_be_visible()
    expect(field(page, "Respiratory rate")).to_have_value("18")
    assert query.messages.count() == 2
    with page.expect_navigation():
        page.get_by_role("button", name="Save draft").click()
    record.refresh_from_db()
    assert record.values == {"hr": "72", "rr": "18"}


def test_a_monitor_raises_several_from_a_listing_after_a_preview(
    page: Page, monitor, query, nurse, enter, complaints, violations
):
    """Select, ask, preview, confirm; an item with an open query is left out, with the reason."""
    other = begin_form_of_other_trial(query.patient.trial, nurse).patient
    enter(monitor)
    page.goto(f"/trials/{other.trial.slug}/forms/?form_code=vitals")
    assert violations() == []
    page.get_by_role("checkbox", name="Tick every row of this page").check()
    page.get_by_role("button", name="Raise queries").click()
    page.get_by_label("About which item").select_option(label="Heart rate")
    page.get_by_label("Your question").fill("Measured how?")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("region", name="1 query will be raised")).to_contain_text(other.code)
    expect(page.get_by_role("region", name="1 row is left out")).to_contain_text("open already")
    assert violations() == []
    page.get_by_role("button", name="Raise 1 query").dblclick()
    expect(page.get_by_text("1 query is raised.")).to_be_visible()
    assert Query.objects.filter(text="Measured how?").count() == 1
    page.get_by_role("link", name="Data quality").click()
    expect(page.get_by_role("heading", name="Data quality", level=1)).to_be_visible()
    assert violations() == []
    assert complaints == []
