"""A data manager applies an amendment in the browser; a coordinator enters the first form under it."""

import re

import pytest
from playwright.sync_api import expect

from patients.models import Patient, Record
from tests.browser.pages import field, press
from tests.support import build
from tests.support.study import amended_protocol

pytestmark = [pytest.mark.browser, pytest.mark.one_engine, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def trial(db):
    return amended_protocol.trial()


@pytest.fixture
def patient(trial, doctor) -> Patient:
    """Return a patient whose screening visit was held under version 1.0."""
    found = amended_protocol.enrolled(trial, by=doctor)
    amended_protocol.hold(found, "SCR", by=doctor)
    amended_protocol.vitals(found, "SCR", by=doctor)
    amended_protocol.amendment()
    return found


def test_the_amendment_is_read_applied_and_worked_with(
    page, enter, trial, doctor, patient, complaints, looked_at
):
    """DAT-09: the changes are shown before the step; WCAG 2.2 on each of its pages, wide and narrow, light and dark."""
    enter(build.user("data_manager", trial=trial))
    page.goto(f"/trials/{trial.slug}/")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Protocol").click()
    expect(page.get_by_role("heading", name="Version 1.1")).to_be_visible()
    looked_at("versions")
    page.get_by_role("link", name="Changes since 1.0").click()
    expect(page.get_by_role("heading", name="What it means for the patients")).to_be_visible()
    looked_at("difference")
    page.get_by_role("main").get_by_role("link", name="Move patients").click()
    page.get_by_role("checkbox", name="Tick every patient").check()
    press(page, "Move the ticked patients")
    expect(page.get_by_role("alert").first).to_contain_text("One thing needs your attention")
    expect(page.get_by_role("checkbox", name=f"Move {patient.code}")).to_be_checked()
    looked_at("move")
    field(page, "Reason for the move").fill("Approved by the ethics committee")
    press(page, "Move the ticked patients")
    expect(page.get_by_text("1 patient is on version 1.1 now.")).to_be_visible()

    enter(doctor)
    page.goto(f"/trials/{trial.slug}/patients/{patient.code}/visits/INF1/vitals/")
    expect(page.get_by_text("has to sign version 2.0")).to_be_visible()
    page.get_by_role("link", name="Record the consent").click()
    expect(page.get_by_role("heading", name="Record a consent")).to_be_visible()
    looked_at("consent")
    build.consent(Patient.objects.get(pk=patient.pk), given=build.moment(now_words()), by=doctor)
    page.goto(f"/trials/{trial.slug}/patients/{patient.code}/visits/SCR/vitals/?change=1")
    expect(page.get_by_text("captured under version 1.0")).to_be_visible()
    looked_at("form")
    field(page, "Oxygen saturation").fill("97")
    page.get_by_role("combobox", name="Reason").select_option(label="Transcription error")
    press(page, "Save the change")
    expect(page.get_by_text("captured under version 1.0")).to_have_count(0)
    record = Record.objects.get(form="vitals", visit__code="SCR")
    assert record.protocol.version == "1.1"
    assert record.values == {"pulse": "72", "spo2": "97", "steps": "4000"}
    assert [complaint for complaint in complaints if not re.search(r"422", complaint)] == []


def now_words() -> str:
    """Return the time at the site one minute ago, as people type it."""
    from datetime import timedelta
    from zoneinfo import ZoneInfo

    from django.utils import timezone

    now = timezone.now().astimezone(ZoneInfo("Europe/Brussels")) - timedelta(minutes=1)
    return f"{now:%d-%b-%Y %H:%M}"
