"""The listings on a phone: cards whose deciding column is seen without scrolling, filters behind one button."""

import os

import pytest
from playwright.sync_api import Page

from protocol.values.moments import Moment
from tests.support import build
from tests.support.study import deviations

pytestmark = [
    pytest.mark.browser,
    pytest.mark.one_engine,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nothing_counted"),
]
SHOTS = os.environ.get("SHOTS", "")
LISTINGS = {
    "coordinator": (
        "patients/",
        "forms/",
        "queries/?state=open",
        "deviations/",
        "quality/",
        "adverse-events/",
        "infusions/",
    ),
    "investigator": ("to-sign/",),
    "monitor": ("verification/",),
}
# Of the first card: every deciding cell, and whether any is outside the screen.
DECIDING = """() => [...document.querySelectorAll('.cards tbody tr:first-child .decides')].map((cell) => {
  const box = cell.getBoundingClientRect();
  return box.width > 0 && box.left >= 0 && box.right <= innerWidth;
})"""
SIDEWAYS = "document.documentElement.scrollWidth"


@pytest.fixture
def included(db):
    """Return an included patient with something in each listing."""
    patient = build.enrolled(trial=build.trial())
    by = build.user("coordinator", trial=patient.trial)
    build.event(patient=patient, grade=2)
    build.record(patient, "vitals", {"hr": "185"}, visit="INF1", draft=True, by=by)
    when = Moment.from_date(patient.trial.today)
    deviations.added(patient, by, occurred_on=when, detected_on=patient.trial.today)
    return patient


def test_every_listing_shows_on_a_phone_what_decides(page: Page, included, enter, violations, complaints):
    """UX-05, WCAG 1.4.10, 2.2 AA as far as axe checks it: 390 pixels in both themes, 320 without sideways scrolling."""
    for role, listings in LISTINGS.items():
        enter(build.user(role, trial=included.trial))
        for listing in listings:
            page.set_viewport_size({"width": 390, "height": 844})
            page.goto(f"/trials/{included.trial.slug}/{listing}")
            seen = page.evaluate(DECIDING)
            assert set(seen) == {True}, (listing, seen)
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme, reduced_motion="reduce")
                assert violations() == [], (listing, theme)
                if SHOTS:
                    page.screenshot(path=f"{SHOTS}/phone-{listing.split('/')[0]}-{theme}.png", full_page=True)
            page.set_viewport_size({"width": 320, "height": 844})
            assert page.evaluate(SIDEWAYS) <= 320, listing
    assert complaints == []
