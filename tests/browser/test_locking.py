"""Forms are frozen and locked in the browser and unlocked by two people; the checklist links to the open points."""

import re
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from patients.models import Record
from protocol.values.moments import Moment
from tests.browser.pages import field, press
from tests.support import build
from tests.support.pages.entry_pages import address
from tests.support.study.deviations import added

LONG_AGO = date(2021, 3, 1)
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def form_of(record: Record) -> str:
    return address(record.patient, record.form)


def test_a_form_is_frozen_locked_and_unlocked_by_two_people(
    page: Page, trial, record, enter, complaints, looked_at
):
    """P11-06, ACC-08: the person who requests an unlock cannot grant it."""
    first, second = (build.user("data_manager", trial=trial) for _ in range(2))
    nurse = build.user("coordinator", trial=trial)
    enter(first)
    page.goto(form_of(record))
    page.get_by_role("link", name="Freeze and lock this form").click()
    looked_at("lock-open")
    press(page, "Freeze")
    expect(page.get_by_role("alert").first).to_contain_text("Nothing was done")
    looked_at("lock-refused")
    field(page, "Why entry stops; queries and marks go on").fill("Interim analysis")
    press(page, "Freeze")
    expect(page.get_by_text("is frozen: entry stops")).to_be_visible()
    looked_at("lock-frozen")

    enter(nurse)
    page.goto(form_of(record))
    expect(page.get_by_role("textbox", name="Age at consent")).to_have_count(0)
    looked_at("form-frozen")

    enter(first)
    page.goto(form_of(record))
    page.get_by_role("link", name="Freeze and lock this form").click()
    field(page, "Why entry goes on").fill("The analysis is done")
    press(page, "Release the freeze")
    expect(page.get_by_text("is released: entry goes on")).to_be_visible()
    field(page, "Reason for the lock").fill("All is clean")
    press(page, "Lock")
    expect(page.get_by_role("status").filter(has_text="is locked.")).to_be_visible()
    field(page, "Why it must be unlocked").fill("A late answer from the ward")
    press(page, "Ask to unlock")
    expect(page.get_by_text("You requested this: a second person decides.")).to_be_visible()
    expect(page.get_by_role("button", name="Unlock")).to_have_count(0)
    looked_at("lock-asked")

    enter(second)
    page.reload()
    looked_at("lock-to-decide")
    field(page, "Note").fill("Seen with the ward")
    press(page, "Unlock")
    expect(page.get_by_role("status").filter(has_text="is unlocked.")).to_be_visible()

    enter(nurse)
    page.goto(form_of(record))
    page.get_by_role("link", name=re.compile("^Change")).click()
    expect(page.get_by_role("textbox", name="Age at consent")).to_be_visible()
    assert [complaint for complaint in complaints if "422" not in complaint] == []


def test_the_checklist_leads_to_open_points_and_the_trial_is_locked(
    page: Page, trial, record, enter, complaints, looked_at
):
    """SIG-03: every blocking point is resolved, or its reason is kept with the lock."""
    manager = build.user("data_manager", trial=trial)
    for category in ("consent", "other"):
        added(record.patient, manager, category=category, occurred_on=Moment(2021), detected_on=LONG_AGO)
    enter(build.user("investigator", trial=trial))
    page.goto(f"/trials/{trial.slug}/deviations/?state=waiting")
    looked_at("deviations")
    page.get_by_role("main").get_by_role("row").nth(1).get_by_role("link").click()
    looked_at("deviation")
    page.get_by_role("link", name="Classify").click()
    looked_at("deviation-classify")
    page.get_by_role("radio", name="Minor").check()
    press(page, "Classify the deviation")
    expect(page.get_by_role("main").get_by_text("Minor", exact=True)).to_be_visible()
    enter(manager)
    page.goto(f"/trials/{trial.slug}/locks/")
    looked_at("locks")
    page.get_by_role("main").get_by_role("link", name="Checklist").first.click()
    expect(page.get_by_role("heading", name="Database lock")).to_be_visible()
    looked_at("checklist")
    counts = page.get_by_role("region", name="In the whole trial").get_by_role("link")
    places = [link.get_attribute("href") for link in counts.all()]
    assert places
    for place in places:
        page.goto(place)
        expect(page.get_by_role("main").get_by_role("table").first).to_be_visible()

    page.goto(f"/trials/{trial.slug}/lock/")
    press(page, "Lock the trial")
    expect(page.get_by_role("alert").first).to_contain_text("The trial was not locked")
    looked_at("checklist-refused")
    lock = page.get_by_role("region", name="Lock the trial")
    for text in lock.get_by_role("textbox").all():
        text.fill("The sponsor stopped the trial")
    press(page, "Lock the trial")
    expect(page.get_by_text("The trial is locked.").first).to_be_visible()
    looked_at("trial-locked")
    page.goto(form_of(record))
    expect(page.get_by_role("textbox", name="Age at consent")).to_have_count(0)
    assert [complaint for complaint in complaints if "422" not in complaint] == []
