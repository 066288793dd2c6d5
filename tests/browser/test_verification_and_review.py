"""A monitor verifies forms in bulk. A later change undoes the mark of that item only, and the page says why."""

import re

import pytest
from playwright.sync_api import Page, expect

from patients.models import Mark, Record
from tests.browser.pages import choose, field, press
from tests.browser.test_queries import Hand
from tests.support import build

pytestmark = [pytest.mark.browser, pytest.mark.one_engine, pytest.mark.django_db(transaction=True)]


def pages_of(record: Record) -> str:
    return f"/trials/{record.patient.trial.slug}/patients/{record.patient.code}/"


def change_weight(page: Page, record: Record) -> None:
    """Correct the weight as a coordinator."""
    page.goto(f"{pages_of(record)}visits/SCR/demography/")
    page.get_by_role("link", name=re.compile("^Change")).click()
    field(page, "Weight at screening").fill("80")
    page.keyboard.press("Tab")
    changes = page.get_by_role("list", name="What is changed")
    expect(changes).to_contain_text("80 kg")
    page.get_by_role("combobox", name="Reason").select_option(label="Transcription error")
    press(page, "Save the change")
    expect(page.get_by_role("main").get_by_role("definition").filter(has_text="80 kg").first).to_be_visible()


def test_a_visit_is_verified_at_once_and_a_change_undoes_one_item(
    page: Page, trial, record, enter, complaints, looked_at
):
    """Only the mark of the changed item is undone."""
    monitor, nurse = build.user("monitor", trial=trial), build.user("coordinator", trial=trial)
    enter(monitor)
    page.goto(f"/trials/{trial.slug}/verification/")
    looked_at("verification")
    page.get_by_role("link", name=record.patient.code).first.click()
    looked_at("verify")
    press(page, "Mark the ticked as verified")
    expect(page.get_by_role("alert").first).to_be_visible()
    page.get_by_role("checkbox", name="Tick everything on this page").check()
    press(page, "Mark the ticked as verified")
    expect(page.get_by_text("Nothing waits for verification here.")).to_be_visible()
    expect(page.get_by_role("region", name="Verified")).to_contain_text("Demography")
    looked_at("verified")
    assert Mark.objects.valid().on_forms().count() == 4
    assert {mark.target for mark in Mark.objects.valid().outside_forms()} == {"consent"}

    enter(nurse)
    change_weight(page, record)

    enter(monitor)
    page.goto(f"{pages_of(record)}verify/")
    row = page.get_by_role("row", name=re.compile("^(Tick )?Weight at screening"))
    expect(row).to_contain_text("Mark undone")
    expect(row).to_contain_text(nurse.full_name)
    expect(page.get_by_role("checkbox", name=re.compile("^Tick Height"))).to_have_count(0)
    looked_at("verify-undone")
    page.get_by_role("link", name="Undone verification and review").click()
    expect(page.get_by_role("table")).to_contain_text("Weight at screening")
    looked_at("undone")
    assert [complaint for complaint in complaints if "422" not in complaint] == []


def test_a_form_is_signed_beside_what_changed_since(page: Page, trial, record, enter, complaints, looked_at):
    """SIG-04: the signature form stays in view; visits without changes or queries are folded."""
    doctor, nurse = build.user("investigator", trial=trial), build.user("coordinator", trial=trial)
    enter(doctor)
    page.goto(f"{pages_of(record)}sign/")
    for box in page.get_by_role("checkbox", name=re.compile("^(Tick every form of|I reviewed) ")).all():
        box.check()
    expect(page.get_by_role("checkbox", name="Demography")).to_be_checked()
    looked_at("sign")
    choose(page, "Meaning of the signature", "Review")
    field(page, "Your password").fill(build.PASSWORD)
    press(page, "Sign the chosen forms")
    expect(page.get_by_role("status").filter(has_text="1 form is signed.")).to_be_visible()

    enter(nurse)
    change_weight(page, record)

    enter(doctor)
    page.goto(f"{pages_of(record)}sign/")
    expect(page.get_by_text("1 changed since it was signed")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("Demography"))).to_contain_text("70 kg → 80 kg")
    page.set_viewport_size({"width": 1440, "height": 500})
    page.mouse.wheel(0, 4000)
    expect(page.get_by_role("button", name="Sign the chosen forms")).to_be_in_viewport()
    looked_at("sign-changed")
    assert complaints == []


def test_a_patient_is_verified_and_its_casebook_signed_in_few_clicks(
    page: Page, trial, record, enter, looked_at
):
    """From home: verify one patient with the events and consents of the shipped plan ≤ 12, sign the casebook ≤ 8."""
    monitor, doctor = build.user("monitor", trial=trial), build.user("investigator", trial=trial)
    build.event(patient=record.patient)
    hand = Hand()
    enter(monitor)
    page.goto(f"/trials/{trial.slug}/")
    hand.click(page.get_by_role("navigation").get_by_role("link", name="Source verification").first)
    hand.click(page.get_by_role("row").get_by_role("link", name=record.patient.code).first)
    hand.click(page.get_by_role("checkbox", name="Tick everything on this page"))
    hand.click(page.get_by_role("button", name="Mark the ticked as verified"))
    expect(page.get_by_text("Nothing waits for verification here.")).to_be_visible()
    verified = hand.clicks
    looked_at("verified-outside")

    enter(doctor)
    hand = Hand()
    page.goto(f"/trials/{trial.slug}/")
    hand.click(page.get_by_role("navigation").get_by_role("link", name="To sign").first)
    hand.click(page.get_by_role("row").get_by_role("link", name=record.patient.code).first)
    hand.click(page.get_by_role("link", name="Sign the casebook").first)
    # `all` waits for nothing: on a slow machine it looked for the boxes before the page was there.
    expect(page.get_by_role("button", name="Sign the casebook")).to_be_visible()
    for box in page.get_by_role("checkbox", name=re.compile("^I reviewed")).all():
        hand.click(box)
    choose(page, "Meaning of the signature", "Review")
    hand.clicks += 1
    hand.click(page.get_by_label("Your password"))
    page.keyboard.type(build.PASSWORD)
    hand.click(page.get_by_role("button", name="Sign the casebook"))
    expect(page.get_by_text("Signed, with every form in it.")).to_be_visible()
    print(f"verify one patient: {verified} clicks; sign a casebook: {hand.clicks} clicks")
    assert verified <= 12
    assert hand.clicks <= 8
