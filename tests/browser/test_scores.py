"""A nurse fills in the score forms by keyboard: points are calculated, missing inputs are named, all is accessible."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from patients.models import Record
from tests.patients.casebook.test_score_forms import SUPPORT, VITALS
from tests.support import build

pytestmark = [pytest.mark.browser, pytest.mark.one_engine, pytest.mark.django_db(transaction=True)]


def test_the_total_follows_the_scale_and_another_category_asks_why(
    enter: Callable[[User], Page], base_url: str, violations: Callable[[], list[Any]], complaints: list[str]
) -> None:
    trial = build.trial()
    nurse = build.user("coordinator", trial=trial)
    patient = build.patient(trial=trial, by=nurse)
    build.consent(patient, by=nurse)
    build.record(patient, "vitals", {**VITALS, "acvpu": "A"}, draft=True, by=nurse)
    build.record(patient, "respiratory_support", SUPPORT, draft=True, by=nurse)
    page = enter(nurse)
    forms = f"{base_url}/trials/{trial.slug}/patients/{patient.code}/visits/SCR"

    page.goto(f"{forms}/news2/")
    total = page.get_by_role("status", name="NEWS2, 0 to 20")
    expect(total).to_have_text("not known yet: needs SpO2")
    page.get_by_label("1: usual target").press("Space")
    expect(total).to_have_text("11")
    assert violations() == []
    # A page that is asked for while the saved one is on its way is not opened.
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")

    page.goto(f"{forms}/who_cps/")
    expect(page.get_by_role("status", name="Proposed from the support")).to_contain_text("needs In hospital")
    page.get_by_role("group", name="In hospital").get_by_label("Yes").press("Space")
    expect(page.get_by_role("status", name="Proposed from the support")).to_have_text(
        "5: oxygen by mask or prongs"
    )
    expect(page.get_by_role("textbox", name="Why not the one proposed")).to_be_hidden()
    page.get_by_role("combobox", name="Category, chosen by you").select_option("4")
    page.get_by_role("textbox", name="Why not the one proposed").fill("Oxygen was stopped in the morning")
    assert violations() == []
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda url: "who_cps" not in url)

    stored = {
        record.form: record.values for record in Record.objects.filter(patient=patient, state="complete")
    }
    assert (stored["news2"]["total"], stored["news2"]["risk"]) == ("11", "HIGH")
    assert (stored["who_cps"]["proposed"], stored["who_cps"]["score"]) == ("5", "4")
    assert complaints == []
