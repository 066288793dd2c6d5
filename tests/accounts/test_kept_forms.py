"""Form data sent after a session ended are stored encrypted for their user and restored."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from accounts.models import KeptPost
from accounts.sessions import kept_forms
from audit.context import acting
from tests.support import build
from tests.support.pages.signing_in import LOGIN, new_role_page, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_counted")]


@pytest.fixture
def person(trial):
    return build.user("coordinator", trial=trial)


def form_left_open(administrator, trial):
    """An administrator opens a form, leaves for an hour, comes back and sends it."""
    with time_machine.travel("2026-03-02 09:00Z", tick=False) as clock:
        browser = build.client(administrator)
        page = browser.get(new_role_page(trial)).content.decode()
        assert 'name="form_owner"' in page
        clock.shift(timedelta(hours=1))
        sent = {
            "username": "nobody-yet",
            "role": "monitor",
            "form_owner": kept_forms.owner_value(administrator),
        }
        sent |= {"starts_on": "02-Mar-2026", "password": "typed into a signing form"}
        return browser, browser.post(new_role_page(trial), sent)


def test_what_was_typed_before_the_session_ended_comes_back_after_signing_in(administrator, trial):
    """ACC-05, REL-13: time-out without loss of typed data."""
    browser, answer = form_left_open(administrator, trial)
    assert answer.url.startswith(f"{LOGIN}?next=")
    page = browser.get(answer.url).content.decode()
    assert "What you typed is kept" in page
    kept = KeptPost.objects.get()
    address = f"{kept.path}?kept={kept.token}"
    _, answer = sign_in(administrator, browser=browser, next=address)
    assert answer.url == address
    page = browser.get(address).content.decode()
    assert 'value="nobody-yet"' in page
    assert f'name="kept" value="{kept.token}"' in page


def test_what_was_typed_is_encrypted_and_passwords_are_not_kept_at_all(administrator, trial):
    """PRV-04: no typed value is readable in the database."""
    form_left_open(administrator, trial)
    kept = KeptPost.objects.get()
    assert b"nobody-yet" not in bytes(kept.payload)
    browser = build.client(administrator)
    request = browser.get(f"{kept.path}?kept={kept.token}").wsgi_request
    assert kept_forms.kept_data(request).dict() == {
        "username": "nobody-yet",
        "role": "monitor",
        "starts_on": "02-Mar-2026",
    }


def test_another_person_does_not_get_what_was_typed(administrator, trial):
    """PRV-04: the next person at the same desk."""
    form_left_open(administrator, trial)
    kept = KeptPost.objects.get()
    other = build.client(build.user("administrator", trial=trial))
    page = other.get(f"{kept.path}?kept={kept.token}").content.decode()
    assert "nobody-yet" not in page


def test_what_was_kept_is_deleted_when_the_form_is_saved(administrator, trial):
    """PRV-02: nothing is kept longer than it is needed."""
    form_left_open(administrator, trial)
    known = build.user("monitor")
    sent = {"username": known.username, "role": "monitor", "starts_on": "02-Mar-2026"}
    browser = build.client(administrator)
    assert (
        browser.post(new_role_page(trial), sent | {"kept": KeptPost.objects.get().token}).status_code == 302
    )
    assert KeptPost.objects.count() == 0


@pytest.mark.parametrize("token", ["\x00", "' OR 1=1", "x" * 70_000, "é"])
def test_a_token_that_was_made_up_gives_an_empty_form(administrator, trial, token):
    """SEC-19: no fault on any input, on either database."""
    browser = build.client(administrator)
    shown = browser.get(new_role_page(trial), {"kept": token})
    assert (shown.status_code, shown.context["form"].is_bound) == (200, False)
    refused = browser.post(new_role_page(trial), {"kept": token})
    assert refused.status_code == 422
    assert set(refused.context["form"].errors) >= {"username", "role"}


def test_what_nobody_came_back_for_is_gone_after_a_week(administrator, trial):
    """PRV-02: storage is limited; storing another form deletes the old ones."""
    form_left_open(administrator, trial)
    KeptPost.objects.update(created_at=datetime(2026, 2, 20, tzinfo=UTC))
    old = KeptPost.objects.get().token
    form_left_open(administrator, trial)
    assert old not in KeptPost.objects.values_list("token", flat=True)


@pytest.mark.parametrize("note", ["", "1|2026-03-02:forged", "1|2026-03-02"])
def test_a_form_without_a_genuine_note_of_its_owner_is_not_kept(trial, note):
    """SEC-02: nobody stores forms in another person's name."""
    answer = Client().post(new_role_page(trial), {"username": "x", "form_owner": note})
    assert answer.status_code == 302
    assert KeptPost.objects.count() == 0


def test_a_form_with_the_token_of_an_earlier_sign_in_comes_back_instead_of_being_lost(administrator, trial):
    """REL-13: signed in again in another tab, so this tab's token is stale."""
    browser = Client(enforce_csrf_checks=True)
    with acting(system="test"):
        browser.force_login(administrator)
    sent = {"username": "typed", "form_owner": kept_forms.owner_value(administrator)}
    answer = browser.post(new_role_page(trial), sent)
    assert answer.status_code == 302
    page = browser.get(answer.url).content.decode()
    assert 'value="typed"' in page
    assert "signed in again after opening this page" in page


def test_a_forged_request_from_another_site_is_refused(administrator, trial):
    """SEC-09: the token is checked on every unsafe method."""
    browser = Client(enforce_csrf_checks=True)
    with acting(system="test"):
        browser.force_login(administrator)
    answer = browser.post(new_role_page(trial), {"username": "typed"})
    assert answer.status_code == 403
    assert "open for too long" in answer.content.decode()
