"""Outcomes, figures, reports and own questions in a browser: wide and on a phone, light and dark."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from reports.study_figures.registry import of_trial
from tests.support import build
from tests.support.study import cohort

pytestmark = [
    pytest.mark.browser,
    pytest.mark.one_engine,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nothing_counted"),
]
SIZES = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def trial():
    trial = build.trial()
    cohort.patients(trial, 3, days_ago=40)
    return trial


def addresses(trial) -> list[str]:
    """Return the pages of the study, with each figure."""
    slug = [trial.slug]
    return [
        reverse("reports:outcomes", args=slug),
        f"{reverse('reports:outcomes', args=slug)}?outcome=L-P1&reading=patients&answer=all",
        reverse("reports:figures", args=slug),
        *(reverse("reports:figure", args=[trial.slug, each.key]) for each in of_trial(trial.rules)),
        reverse("reports:packs", args=slug),
        reverse("reports:own-questions", args=slug),
        f"{reverse('reports:own-question-new', args=slug)}?form=vitals",
        reverse("exports:annual", args=slug),
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_what_the_study_shows_is_accessible_and_never_wider_than_the_window(
    page: Page, trial, enter, violations, complaints, size, scheme
):
    """OUT-06, WCAG 2.2 AA as far as axe checks it; no violation of the content policy."""
    enter(build.user("statistician", trial=trial))
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(SIZES[size])
    found = {}
    for address in addresses(trial):
        page.goto(address)
        assert page.locator("h1").count() == 1, address
        found[address] = violations(), page.evaluate(SIDEWAYS)
    assert {address: seen for address, seen in found.items() if seen != ([], 0)} == {}
    assert complaints == []
