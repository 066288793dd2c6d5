"""Questions of inspectors about the review of the trail: which sample, when, with what result."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audit.context import acting
from audit.models import SavedView, TrailReview
from dosing.models import Infusion
from tests.inspection.trail.conftest import change
from tests.support import build
from tests.support.pages.inspecting import InspectorAtScreen
from tests.support.pages.trail_pages import vitals

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("any_value")]


def test_who_reviewed_the_trail_which_sample_when_with_what_result(trial, patient, coordinator):
    """Question 25: reviewer, plan, seed and sample, result, conclusion, queries. At most two pages an entry. AUD-11."""
    record = vitals(patient, temp="37.3")
    change(record, coordinator, temp="38.1")
    manager = InspectorAtScreen(trial, "data_manager")
    query = "form=vitals"
    new = f"/trials/{trial.slug}/trail/views/new/?{query}"
    filled = {"name": "Vital signs", "purpose": "Fever", "every_days": "30", "sample": "1"}
    without = manager.browser.post(new, filled)
    assert (without.status_code, list(without.context["form"].errors)) == (400, ["person"])
    assert not SavedView.objects.exists()
    assert manager.browser.post(new, {**filled, "person": str(manager.person.pk)}).status_code == 302
    view = SavedView.objects.get()
    manager.page = manager.browser.get(f"/trials/{trial.slug}/notices/")
    assert "A review of the audit trail is due" in manager.text

    sample = manager.browser.get(f"/trials/{trial.slug}/trail/views/{view.pk}/sample/")
    (line,) = sample.context["lines"]
    content = sample.content.decode()
    for fact in (line.when, line.subject.title, line.entry.full_name):
        assert fact in content
    sent = {"drawn": sample.context["token"], "finding": "follow_up", "conclusion": "Ask for the source."}
    assert (
        manager.browser.post(f"/trials/{trial.slug}/trail/views/{view.pk}/sample/", sent).status_code == 302
    )
    review = TrailReview.objects.get()

    inspector = InspectorAtScreen(trial)
    inspector.follow("Audit trail")
    inspector.follow("Plan and reviews")
    assert (review.reviewer_id, review.view_id, review.finding) == (manager.person.pk, view.pk, "follow_up")
    assert review.seen["sample"] == [[line.entry.source, line.entry.row.history_id]]
    assert review.seen["of"] == record.history.count() == 2
    for fact in (
        manager.person.full_name,
        review.seen["seed"],
        "Something to follow up",
        "Ask for the source.",
    ):
        assert fact in inspector.text
    assert inspector.clicks <= 3
    manager.page = manager.browser.get(f"/trials/{trial.slug}/notices/")
    assert "A review of the audit trail is due" not in manager.text


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_what_was_written_while_a_sample_was_reviewed_is_in_the_next_one(trial, patient, coordinator):
    """AUD-11: a sample may lie for days before its review is recorded; no entry falls between two samples."""
    manager = build.user("data_manager", trial=trial)
    browser, start = build.client(manager), timezone.now()
    record = vitals(patient, temp="37.3")
    with acting(user=manager):
        view = SavedView.objects.create(
            trial_id=trial.pk, name="Vital signs", query="form=vitals", made_by=manager.pk, made_by_name="x",
            made_at=start,
        )  # fmt: skip
    address = f"/trials/{trial.slug}/trail/views/{view.pk}/sample/"
    with time_machine.travel(start + timedelta(days=1), tick=False):
        browser.force_login(manager)
        drawn = browser.get(address).context["token"]
    with time_machine.travel(start + timedelta(days=2), tick=False):
        change(record, coordinator, temp="38.1")
    with time_machine.travel(start + timedelta(days=3), tick=False):
        browser.force_login(manager)
        sent = {"drawn": drawn, "finding": "nothing", "conclusion": "Fine."}
        assert browser.post(address, sent).status_code == 302
    with time_machine.travel(start + timedelta(days=4), tick=False):
        browser.force_login(manager)
        (line,) = browser.get(address).context["lines"]

    assert line.entry.row.values["temp"] == "38.1"


def test_a_forged_sample_is_not_recorded(trial, patient):
    """AUD-11: nobody reviews other entries than were drawn."""
    manager = build.user("data_manager", trial=trial)
    with acting(user=manager):
        view = SavedView.objects.create(
            trial_id=trial.pk, name="All", made_by=manager.pk, made_by_name="x", made_at=timezone.now()
        )
    sent = {"drawn": "forged", "finding": "nothing", "conclusion": "Fine."}
    answer = build.client(manager).post(f"/trials/{trial.slug}/trail/views/{view.pk}/sample/", sent)

    assert answer.status_code == 400
    assert "Fine." in answer.content.decode()
    assert not TrailReview.objects.exists()
    assert not Infusion.objects.exists()
