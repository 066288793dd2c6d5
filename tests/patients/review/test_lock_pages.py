"""The pages of freezes and locks: a data manager locks, another unlocks, invalid posts store nothing."""

import pytest
from django.urls import reverse

from accounts.models import KeptPost, User
from patients.models import DataLock, UnlockRequest
from tests.support import build
from tests.support.pages.session_end import sent_after_session_end
from tests.support.study.entered_forms import DEMOGRAPHY
from tests.support.study.locking import hold
from trials.models import Trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(trial: Trial) -> User:
    return build.user("data_manager", trial=trial)


def test_a_data_manager_freezes_locks_and_another_unlocks_from_the_pages(
    record, trial, manager, second, nurse
):
    page = reverse("patients:lock", args=[trial.slug, "record", record.pk])
    web = build.client(manager)
    assert web.post(page, {"action": "freeze", "reason": "Interim"}).status_code == 302
    assert web.post(page, {"action": "release", "reason": "Done"}).status_code == 302
    assert web.post(page, {"action": "lock", "reason": "Clean"}).status_code == 302
    asking = reverse("patients:unlock-request", args=[trial.slug, "record", record.pk])
    assert build.client(nurse).post(asking, {"action": "request", "reason": "Late"}).status_code == 302
    decide = reverse("patients:unlock-decide", args=[trial.slug, UnlockRequest.objects.get().pk])
    assert build.client(second).post(decide, {"action": "grant", "reason": ""}).status_code == 302
    record.refresh_from_db()
    assert (record.frozen_at, record.locked_at) == (None, None)
    text = build.client(second).get(page).content.decode()
    for words in ("Interim", "Done", "Clean", "Late", manager.full_name, nurse.full_name, second.full_name):
        assert words in text


def test_bad_posts_store_nothing_and_lose_nothing(record, trial, manager):
    page = reverse("patients:lock", args=[trial.slug, "record", record.pk])
    web = build.client(manager)
    assert web.post(page, {"action": "melt", "reason": "x"}).status_code == 400
    assert web.post(page, {"reason": "x"}).status_code == 400
    answer = web.post(page, {"action": "release", "reason": "What was typed"})
    assert answer.status_code == 422
    assert "This is not frozen" in answer.content.decode()
    answer = web.post(page, {"action": "freeze", "reason": " "})
    assert answer.status_code == 422
    assert "Say why" in answer.content.decode()
    for bad in (("form", record.pk), ("record", record.pk + 9), ("trial", trial.pk + 9)):
        assert web.get(reverse("patients:lock", args=[trial.slug, *bad])).status_code == 404
    assert not DataLock.objects.exists()


def test_the_trial_is_not_locked_past_its_checklist(record, trial, manager):
    page = reverse("patients:lock", args=[trial.slug, "trial", trial.pk])
    assert build.client(manager).post(page, {"action": "lock", "reason": "x"}).status_code == 400


@pytest.mark.parametrize("number", [1, 3])
def test_the_list_of_locks_costs_the_same_with_one_and_three(
    trial, manager, number, django_assert_num_queries
):
    for _ in range(number):
        patient = build.patient(trial=trial)
        build.consent(patient)
        found = build.record(patient, "demography", DEMOGRAPHY)
        hold("lock", "record", found, manager)
    web, page = build.client(manager), reverse("patients:locks", args=[trial.slug])
    web.get(page)
    with django_assert_num_queries(5):
        assert web.get(page).status_code == 200


def test_a_reason_to_unlock_comes_back_after_the_session_ended(record, trial, manager, nurse):
    """ACC-05, REL-13: the request is sent to an address that cannot be opened; its page is the one of the locks."""
    hold("lock", "record", record, manager)
    page = reverse("patients:lock", args=[trial.slug, "record", record.pk])
    asking = reverse("patients:unlock-request", args=[trial.slug, "record", record.pk])
    web = build.client(nurse)
    form = sent_after_session_end(web, page, to=asking, reason="A late result")
    assert form.fields["reason"] == ["A late result"]
    assert web.post(asking, form.sent()).status_code == 302
    assert UnlockRequest.objects.get().reason == "A late result"
    assert not KeptPost.objects.exists()


@pytest.mark.parametrize("step", ["grant", "refuse"])
def test_the_note_on_a_request_comes_back_at_its_own_button(record, trial, manager, second, nurse, step):
    """ACC-05, REL-13."""
    hold("lock", "record", record, manager)
    page = reverse("patients:lock", args=[trial.slug, "record", record.pk])
    asking = reverse("patients:unlock-request", args=[trial.slug, "record", record.pk])
    build.client(nurse).post(asking, {"action": "request", "reason": "Late"})
    decide = reverse("patients:unlock-decide", args=[trial.slug, UnlockRequest.objects.get().pk])
    web = build.client(second)
    form = sent_after_session_end(web, page, to=decide, holding=step, reason="Two values are open")
    assert form.fields["reason"] == ["Two values are open"]
    shown = web.get(page, {"kept": KeptPost.objects.get().token}).content.decode()
    assert shown.count("Two values are open") == 1
