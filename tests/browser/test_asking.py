"""A save that asks, in the browser: the date of death, and a correction with its effects (DAT-08)."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from patients.models import Patient, Record
from tests.browser.pages import field, press
from tests.support import build
from tests.support.pages.entry_pages import address

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def died_and_then(trial: Any) -> Patient:
    """A patient with an adverse event of today, whose death of yesterday is a draft on day 7."""
    patient = build.enrolled(trial=trial, on=trial.today - timedelta(days=10))
    status = {"survival_status": "DEAD", "contact_by": "RECORD", "death_cause": "CARDIAC"}
    build.record(patient, "vital_status", status, visit="D7", draft=True)
    build.event(patient=patient, term="Rash", onset=build.moment(f"{trial.today:%d-%b-%Y}"))
    return patient


def test_a_date_of_death_asks_and_is_stored_with_the_box(page: Page, trial, enter, complaints, looked_at):
    patient = died_and_then(trial)
    enter(build.user("coordinator", trial=trial))
    page.goto(address(patient, "vital_status", "D7"))
    died = f"{trial.today - timedelta(days=1):%d-%b-%Y}"
    field(page, "Date of death").fill(died)
    press(page, "Save draft")
    summary = page.get_by_role("alert").filter(has_text="Nothing is saved yet")
    expect(summary).to_contain_text("the event begins after the death")
    expect(field(page, "Date of death")).to_have_value(died)
    looked_at("death-asks")
    page.get_by_role("checkbox", name="I have checked this: it is right as entered").check()
    press(page, "Save draft")
    expect(summary).to_have_count(0)
    assert Record.objects.get(form="vital_status").values["died_on"]


def test_a_correction_shows_its_effects_and_is_stored_with_the_same_box(
    page: Page, trial, enter, complaints, looked_at
):
    patient = build.enrolled(trial=trial, on=trial.today - timedelta(days=3))
    enter(build.user("investigator", trial=trial))
    page.goto(f"/trials/{trial.slug}/patients/{patient.code}/enrol/correct/")
    day = trial.today - timedelta(days=2)
    page.get_by_role("textbox", name="Corrected day").fill(f"{day:%d-%b-%Y}")
    page.get_by_role("combobox", name="Reason for the change").select_option("transcription")
    press(page, "Store the correction")
    expect(page.get_by_role("alert").filter(has_text="Nothing is saved yet")).to_contain_text(
        "planned days move"
    )
    looked_at("correction-asks")
    page.get_by_role("checkbox", name="I have checked this: it is right as entered").check()
    press(page, "Store the correction")
    expect(page.get_by_text("The correction is stored.")).to_be_visible()
    assert Patient.objects.get().enrolled_on == day
