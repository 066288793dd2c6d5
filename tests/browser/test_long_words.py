"""On a phone, in a language a third longer than English, no page scrolls sideways and no text lies on another."""

import pytest
from django.core.cache import cache
from playwright.sync_api import Page

from tests.support import build
from tests.support.study import casebooks
from tests.support.translation import invented

pytestmark = [pytest.mark.browser, pytest.mark.one_engine, pytest.mark.django_db(transaction=True)]
PHONE = {"width": 390, "height": 844}
# Pairs of buttons, links, fields and headings that cover each other by more than a border.
OVERLAPS = """() => {
  const asked = 'h1, h2, h3, a.btn, button, input:not([type=hidden]), select, dt, th';
  // What scrolls by itself, or stays in place above what scrolls, may cover something.
  const apart = 'svg, .visually-hidden, table, .scroll, dialog, [popover], .sticky, .save-bar, .calendar-button';
  const seen = [...document.querySelectorAll(`main :is(${asked})`)]
    .filter((node) => node.checkVisibility() && !node.closest(apart))
    .map((node) => [node, node.getBoundingClientRect()]).filter(([, box]) => box.width > 1 && box.height > 1);
  const words = (node) => node.textContent.trim().slice(0, 40), found = [];
  seen.forEach(([one, a], at) => seen.slice(at + 1).forEach(([other, b]) => {
    if (one.contains(other) || other.contains(one)) return;
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 3 && high > 3) found.push(`${words(one)} | ${words(other)}`);
  }));
  return found;
}"""


@pytest.fixture
def reader(trial, doctor, tmp_path):
    cache.clear()
    casebooks.full_patient(trial, doctor)
    with invented.spoken(tmp_path):
        yield build.user("investigator", trial=trial, language=invented.LANGUAGE)


def faults(page: Page) -> list[str]:
    """Return by how much a page is too wide, and what overlaps."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*([f"{wide} px too wide"] if wide > 0 else []), *page.evaluate(OVERLAPS)]


def test_long_words_fit_on_a_phone(page: Page, base_url, trial, reader, enter):
    page.set_viewport_size(PHONE)
    patient = f"/trials/{trial.slug}/patients/{trial.patients.get().code}/"
    enter(reader)
    found = {}
    for address in (
        "/trials/",
        "/accounts/profile/",
        f"/trials/{trial.slug}/",
        f"/trials/{trial.slug}/patients/",
        f"/trials/{trial.slug}/patients/screen/",
        patient,
        f"{patient}consent/",
        f"{patient}eligibility/",
        f"{patient}sign/",
        f"{patient}visits/SCR/",
        f"{patient}visits/SCR/demography/",
        f"{patient}visits/SCR/vitals/",
        f"{patient}infusions/1/",
        f"{patient}adverse-events/1/",
        f"{patient}adverse-events/new/",
        f"/trials/{trial.slug}/adverse-events/",
        f"/trials/{trial.slug}/queries/",
        f"/trials/{trial.slug}/quality/",
        f"/trials/{trial.slug}/trail/",
        f"/trials/{trial.slug}/documents/",
        f"/trials/{trial.slug}/locks/",
        f"/trials/{trial.slug}/protocol/",
    ):
        page.goto(f"{base_url}{address}")
        assert page.locator("html").get_attribute("lang") == invented.LANGUAGE, address
        if wrong := faults(page):
            found[address] = wrong
    assert found == {}
    # The same page is too wide for a narrower screen than any phone has: the measure does measure.
    page.set_viewport_size({"width": 120, "height": 844})
    assert faults(page)
