"""A casebook is requested in the browser, followed while it is made, downloaded, and deleted after its time."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from exports.documents import forget
from exports.models import Document
from tests.browser.pages import field, press
from tests.support import build

pytestmark = [pytest.mark.browser, pytest.mark.one_engine, pytest.mark.django_db(transaction=True)]


def test_a_casebook_is_asked_for_watched_taken_and_deleted_after_its_time(
    page: Page, patient, enter, complaints, looked_at
):
    """P11-02: three clicks to the PDF; the page updates the progress by itself."""
    enter(build.user("monitor", trial=patient.trial))
    page.goto(f"/trials/{patient.trial.slug}/documents/")
    looked_at("documents")
    field(page, "Patient").select_option(label=patient.code)
    press(page, "Make the casebook")
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    made = Document.objects.get()

    half = {"state": Document.State.WORKING, "progress": 42, "touched_at": timezone.now()}
    Document.objects.filter(pk=made.pk).update(**half)
    page.reload()
    expect(page.get_by_role("progressbar", name="42 % done")).to_be_visible()
    looked_at("document-made")
    Document.objects.filter(pk=made.pk).update(state=made.state, progress=100, touched_at=timezone.now())
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    expect(page.get_by_text(made.sha256)).to_be_visible()
    looked_at("document")
    with page.expect_download() as taken:
        page.get_by_role("link", name="Download").click()
    assert Path(taken.value.path()).read_bytes().startswith(b"%PDF")

    assert forget(now=timezone.now() + timedelta(days=30)) == (1, 0)
    page.reload()
    expect(page.get_by_text("The file is deleted. Ask for it again.")).to_be_visible()
    page.get_by_role("link", name="All documents").click()
    expect(page.get_by_role("row", name=str(made.title))).to_contain_text("Deleted after its time")
    looked_at("documents-asked")
    assert complaints == []


def test_a_period_that_ends_before_it_begins_is_refused_and_kept(page: Page, patient, enter, looked_at):
    enter(build.user("monitor", trial=patient.trial))
    page.goto(f"/trials/{patient.trial.slug}/documents/")
    field(page, "From").fill("02-Nov-2026")
    field(page, "To").fill("01-Nov-2026")
    press(page, "Make the report")
    expect(page.get_by_role("alert").first).to_contain_text("One thing needs your attention")
    expect(field(page, "From")).to_have_value("02-Nov-2026")
    looked_at("documents-refused")
    assert not Document.objects.exists()
