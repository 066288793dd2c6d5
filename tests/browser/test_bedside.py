"""The bedside on a tablet: the connection is lost during an infusion, and nothing that was tapped is lost (CEL-12)."""

import re
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from audit.context import acting
from dosing.infusions.administration import record_weight
from dosing.models import BedsideObservation, InfusionStep
from protocol.values.moments import Moment
from tests.browser.pages import field
from tests.support import build
from tests.support.pages.infusions import page as address
from tests.support.pages.infusions import stored

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nothing_counted"),
]
SIGNS = {
    "Heart rate": "80", "Respiratory rate": "20", "Systolic pressure": "120", "Diastolic pressure": "70", "SpO2": "95"
}  # fmt: skip


@pytest.fixture
def weighed(trial, nurse):
    """A patient included today, whose weight of the day was measured at the screening."""
    patient = build.enrolled(trial=trial, on=trial.today)
    row = stored(patient)
    with acting(user=nurse, role="coordinator"):
        record_weight(
            infusion=row,
            weight_kg=Decimal("82.4"),
            weight_measured=Moment.from_datetime(timezone.now(), str(trial.zone)),
            version=row.version,
            by=nurse,
        )
    return patient


def observe(page: Page, **changed: str) -> None:
    for label, value in {**SIGNS, **changed}.items():
        page.get_by_label(re.compile(f"^{label}")).fill(value)
    page.get_by_label("Rhythm").select_option(label="Sinus")
    page.get_by_label("Infusion reaction").select_option(label=changed.get("reaction", "None"))
    page.get_by_role("button", name="Save the observation").click()


def test_what_was_tapped_without_a_connection_is_sent_in_order_when_it_is_back(
    page: Page, weighed, nurse, enter, looked_at, complaints
):
    """CEL-12, CEL-15, REL-13: each entry once, at the time at which it was tapped; leaving the page warns."""
    enter(nurse)
    page.goto(address(weighed, "bedside"))
    observe(page)
    expect(page.get_by_role("row", name=re.compile("15 minutes before the start"))).to_contain_text("Taken")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("region", name="Steps")).to_contain_text("Started")
    page.context.set_offline(True)
    observe(page, SpO2="88")
    page.get_by_label(re.compile("^Why it is interrupted")).fill("State of the patient")
    page.get_by_role("button", name="Pause", exact=True).click()
    waiting = page.get_by_role("region", name="Not sent yet")
    expect(waiting.get_by_role("listitem")).to_have_count(2)
    expect(waiting).to_contain_text("Pause")
    page.get_by_role("button", name="Go on").click()
    expect(waiting.get_by_role("listitem")).to_have_count(3)
    assert list(InfusionStep.objects.values_list("kind", flat=True)) == ["started"]
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.evaluate("location.reload()")
    expect(waiting).to_be_visible()
    page.context.set_offline(False)
    expect(waiting).to_be_hidden(timeout=15_000)
    assert asked == ["beforeunload"]
    expect(page.get_by_role("heading", name=re.compile("Proposed: stop the infusion"))).to_be_visible()
    assert list(InfusionStep.objects.order_by("at").values_list("kind", flat=True)) == [
        "started",
        "paused",
        "resumed",
    ]
    seen = BedsideObservation.objects.get(point="start")
    assert (seen.values["spo2"], seen.rules_met) == ("88", ["spo2_fall"])
    assert seen.clock_offset == 0
    looked_at("bedside")
    assert [each for each in complaints if "ERR_INTERNET_DISCONNECTED" not in each] == []


def test_a_refused_entry_stays_on_the_page_with_its_sentence(page: Page, weighed, nurse, enter):
    """REL-13: what the server refuses is not lost either."""
    enter(nurse)
    page.goto(address(weighed, "bedside"))
    field(page, "Rate in mL/h if known").fill("fast")
    page.get_by_role("button", name="Start", exact=True).click()
    waiting = page.get_by_role("region", name="Not sent yet")
    expect(waiting).to_contain_text("is not a number")
    expect(waiting).to_contain_text("fast")
    waiting.get_by_role("button").click()
    expect(waiting).to_be_hidden()
