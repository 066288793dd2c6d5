"""While the database takes no writes a page says so with status 503, and keeps what was typed (REL-02)."""

import html
import re

import pytest
from django.db import OperationalError, ProgrammingError, connection
from django.urls import reverse

from audit import triggers
from audit.integrity.guard import UPGRADING
from audit.triggers import installation
from patients.models import Patient

pytestmark = pytest.mark.django_db
SENT = {"screened_on": "14-Sep-2026", "name": 'Jeanne "Marie" <b>', "hospital_number": "h-77"}


@pytest.fixture
def screen(trial):
    return reverse("patients:screen", args=[trial.slug])


def take_the_triggers_away() -> None:
    triggers.remove()
    installation.lift(connection, False)


def kept(answer) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', answer.content.decode())
    return {name: html.unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


def test_what_was_typed_is_on_the_page_to_be_sent_again(desk, screen, monkeypatch):
    """The same request, sent again after the upgrade, is saved."""

    def refuse(**_: object) -> None:
        raise OperationalError(UPGRADING)

    with monkeypatch.context() as during:
        during.setattr("patients.participation.screening.screen", refuse)
        answer = desk.post(screen, SENT)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "10"
    assert "Stroma is being upgraded" in answer.content.decode()
    assert "Nothing was saved. Your text is kept here" in answer.content.decode()
    assert kept(answer) == SENT
    assert not Patient.objects.exists()
    assert desk.post(screen, kept(answer)).status_code == 302
    assert Patient.objects.get().identity.name == SENT["name"]


def test_without_triggers_a_save_is_refused_with_what_to_do(desk, screen):
    take_the_triggers_away()
    answer = desk.post(screen, SENT)

    assert answer.status_code == 503
    assert "does not record changes at this moment, so it takes none" in answer.content.decode()
    assert kept(answer) == SENT


def test_a_page_that_was_only_read_offers_to_try_again(desk, screen, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OperationalError("canceling statement due to lock timeout")

    monkeypatch.setattr("patients.views.participation.ScreeningForm", refuse)
    answer = desk.get(screen)

    assert answer.status_code == 503
    assert f'href="{screen}"' in answer.content.decode()
    assert "Nothing was saved" not in answer.content.decode()


def test_a_password_is_not_sent_back(client, monkeypatch):
    """The page of a signature is kept by the browser; go back to it."""

    def refuse(*_: object, **__: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("accounts.backends.PersonBackend.authenticate", refuse)
    client.raise_request_exception = False
    answer = client.post(reverse("account_login"), {"login": "anna", "password": "very secret"})

    assert answer.status_code == 503
    assert "very secret" not in answer.content.decode()
    assert "Passwords are not kept" in answer.content.decode()


def test_an_error_before_any_view_is_answered_too(desk, monkeypatch):
    """Such as the session, which is read by a part that no view surrounds."""

    def refuse(*_: object, **__: object) -> None:
        raise OperationalError(UPGRADING)

    monkeypatch.setattr("accounts.sessions.store.SessionStore._get_session_from_db", refuse)
    desk.raise_request_exception = False

    assert desk.get("/trials/").status_code == 503


def test_another_error_of_the_database_stays_an_error(desk, screen, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise ProgrammingError("no such column")

    monkeypatch.setattr("patients.views.participation.ScreeningForm", fail)
    desk.raise_request_exception = False

    assert desk.get(screen).status_code == 500
