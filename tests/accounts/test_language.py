"""A page speaks the language of who reads it, also the page that refuses; it leaves none behind for the next reader."""

import pytest
from django.core.cache import cache
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse
from django.utils import translation

from audit.context import acting
from audit.triggers.tables import REFUSED_BY_LOCK
from tests.support import build
from tests.support.translation import invented

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _spoken(tmp_path):
    cache.clear()
    with invented.spoken(tmp_path):
        yield


@pytest.fixture
def reader(trial):
    """A coordinator whose profile says the invented language."""
    return build.user("coordinator", trial=trial, language=invented.LANGUAGE)


def spoken(response) -> str:
    """Return the language of a page, which its heading is in too."""
    page = response.content.decode()
    language = response["Content-Language"]
    assert f'<html lang="{language}"' in page
    assert (invented.OPENS in page) is (language == invented.LANGUAGE)
    return language


def broken(request, *args, **kwargs):
    raise RuntimeError("broken on purpose")


def answer(browser: Client, status: int, trial):
    """Return the page with a status, as this browser meets it."""
    home = reverse("reports:home", args=[trial.slug])
    match status:
        case 400:
            return browser.get(f"/trials/{trial.slug}/patients/%00/")
        case 403:
            return browser.get(reverse("patients:queries-close", args=[trial.slug]))
        case 404:
            return browser.get("/nowhere/at/all/")
        case 405:
            return browser.post(home)
        case 429:
            for _attempt in range(12):
                last = browser.post(reverse("account_login"), {"login": "x", "password": "y"})
            return last
    raise AssertionError(status)


@pytest.mark.parametrize("status", [400, 404])
def test_a_refusal_speaks_the_language_of_the_browser(status, trial):
    """Whoever was served before by the same thread."""
    foreign = Client(headers={"accept-language": invented.LANGUAGE})
    assert spoken(answer(foreign, status, trial)) == invented.LANGUAGE
    assert spoken(answer(Client(), status, trial)) == "en"


@pytest.mark.parametrize("status", [403, 404, 405])
def test_a_refusal_speaks_the_language_of_the_profile(status, reader, trial, monkeypatch):
    """An address that leads to no view too."""
    refused = answer(build.client(reader), status, trial)
    assert refused.status_code == status
    assert spoken(refused) == invented.LANGUAGE
    other = build.client(build.user("coordinator", trial=trial))
    assert spoken(answer(other, status, trial)) == "en"


def test_a_broken_page_says_so_in_the_language_of_the_profile(reader, trial, monkeypatch):
    browser = build.client(reader)
    browser.raise_request_exception = False
    monkeypatch.setattr("config.urls.RedirectView.get", broken)
    failed = browser.get(reverse("start"))
    assert failed.status_code == 500
    assert spoken(failed) == invented.LANGUAGE


def test_a_stale_form_is_refused_in_the_language_of_the_profile(reader):
    browser = Client(enforce_csrf_checks=True)
    with acting(system="test"):
        browser.force_login(reader, backend="accounts.backends.PersonBackend")
    refused = browser.post(reverse("account_end_sessions"))
    assert refused.status_code == 403
    assert spoken(refused) == invented.LANGUAGE


def test_a_refusal_of_the_database_is_in_the_language_of_the_profile(reader, monkeypatch):
    def locked(*args, **kwargs):
        raise DatabaseError(REFUSED_BY_LOCK)

    browser = build.client(reader)
    monkeypatch.setattr("accounts.preferences.choose_theme", locked)
    refused = browser.post(reverse("account_theme"), {"theme": "dark"})
    assert refused.status_code == 409
    assert spoken(refused) == invented.LANGUAGE


def test_too_many_attempts_are_refused_in_the_language_of_the_browser(trial):
    foreign = Client(headers={"accept-language": invented.LANGUAGE})
    refused = answer(foreign, 429, trial)
    assert refused["Content-Language"] == invented.LANGUAGE
    assert invented.OPENS in refused.content.decode()


def test_a_request_leaves_no_language_behind(reader):
    before = translation.get_language()
    assert spoken(build.client(reader).get(reverse("account_profile"))) == invented.LANGUAGE
    assert translation.get_language() == before


def test_a_request_that_fails_leaves_no_language_behind(reader, monkeypatch):
    before = translation.get_language()
    monkeypatch.setattr("config.urls.RedirectView.get", broken)
    with pytest.raises(RuntimeError, match="on purpose"):
        build.client(reader).get(reverse("start"))
    assert translation.get_language() == before
