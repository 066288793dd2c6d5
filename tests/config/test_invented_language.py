"""Every text of every page, document and form can be translated: all are read in a language that does not exist.

`tests/support/translation/invented.py` makes the language from the marked texts;
`tests/support/translation/untranslated.py` knows which texts are data.
Each role opens every address that it may read in a shipped trial, and the kinds of pages linked from there. Two roles
open a page with every set of parameters that a link has; the others with every parameter, alone or beside others: each
filter and each saved list has its own words, whatever else is asked for.
The application sends no mail.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import NoReverseMatch, resolve, reverse

from accounts.models import User
from audit.context import acting
from audit.trail import label_of, title_of, tracked_models
from exports.document_requests import ask_for
from exports.documents import documents_storage
from exports.models import Document
from operation.blinding.readings import links_of
from tests.support import build
from tests.support.pages.access_matrix import SIGNED_IN, TRIAL_PAGES, sample, widest_roles
from tests.support.pages.paper import Paper
from tests.support.study import every_state
from tests.support.translation import invented, untranslated
from tests.support.translation.untranslated import Data
from tests.trials.test_access_matrix import ALL
from trials.access import access_to
from trials.models import Trial
from trials.roles import ROLES

pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]

DOCUMENTS = {
    build.LIEGE: [Document.Kind.CASEBOOK, Document.Kind.VISIT_REPORT, Document.Kind.BLANK_CRF],
    build.COVID_MSV: [Document.Kind.CASEBOOK, Document.Kind.VISIT_REPORT],
}
TRIALS = [build.LIEGE, build.COVID_MSV]
# Every role in the masked trial; in the open one the roles that together see all that any role sees.
WALKS = [(role, build.COVID_MSV) for role in sorted(ROLES)] + [(role, build.LIEGE) for role in widest_roles()]
IN_FULL = ("data_manager", "investigator")
# Filters and places in a listing change which rows are shown, not the words around them.
NO_OTHER_WORDS = {"after", "field", "form", "item", "page", "patient", "row", "show", "sort", "state"}


@pytest.fixture(scope="module")
def filled(django_db_setup, django_db_blocker) -> Iterator[dict[str, User]]:
    """Both trials, made once for every test of this file that the same process runs."""
    with django_db_blocker.unblock(), transaction.atomic():
        _trials, people = every_state.trials()
        with acting(system="test"):
            for person in people.values():
                person.language = invented.LANGUAGE
                person.save()
        yield people
        transaction.set_rollback(True)


@pytest.fixture
def people(filled, db, tmp_path) -> Iterator[dict[str, User]]:
    """The people by role, while the invented language is spoken."""
    cache.clear()
    with invented.spoken(tmp_path):
        yield filled


def known() -> Data:
    """Return what is data now: what was done while pages were read stands in the trail already."""
    return Data([trial.rules for trial in Trial.objects.all()])


def addresses(trial: Trial, role: str) -> Iterator[str]:
    """Yield an address for every name that leads a role into a trial, and for the person's own pages."""
    values = sample(trial, trial.patients.order_by("pk")[0])
    for name, pattern, _inside in ALL:
        if name in TRIAL_PAGES and TRIAL_PAGES[name][0] in ROLES[role].permissions:
            wanted = {"slug", *pattern.pattern.converters}
            yield reverse(name, kwargs={key: values[key] for key in wanted})
        elif name in SIGNED_IN:
            with suppress(NoReverseMatch):
                yield reverse(name)


@lru_cache(maxsize=4096)
def kind(url: str) -> tuple[str, frozenset[str]]:
    """Return what is alike about pages that say the same words around other data."""
    parts = urlsplit(url)
    return resolve(parts.path).view_name, frozenset(parse_qs(parts.query).keys() - NO_OTHER_WORDS)


def walk(client: Client, trial: Trial, role: str) -> Iterator[tuple[str, Any]]:
    """Yield the pages of a trial that a person may read, one of each kind."""
    within, waiting = f"/trials/{trial.slug}/", list(addresses(trial, role))
    seen = defaultdict[str, set[frozenset[str]]](set)
    while waiting:
        url = waiting.pop(0)
        view, parameters = kind(url)
        known = seen[view]
        # A page without parameters is a kind of its own.
        is_known = parameters and role not in IN_FULL and parameters <= frozenset().union(*known)
        if parameters in known or is_known:
            continue
        known.add(parameters)
        response = client.get(url)
        if response.get("Content-Type", "").startswith("text/html") and not response.streaming:
            yield url, response
            waiting += [
                link
                for link in links_of(response.content, url)
                if link.startswith(within) and "format=" not in link
            ]


@pytest.mark.parametrize(("role", "slug"), WALKS)
def test_no_page_shows_a_text_that_was_never_marked(people, role, slug):
    trial = Trial.objects.get(slug=slug)
    pages = dict(walk(build.client(people[role]), trial, role))
    data = known()
    found: dict[str, str] = {}
    for url, response in pages.items():
        assert response["Content-Language"] == invented.LANGUAGE, url
        for text in untranslated.of_page(response.content.decode(), data):
            found.setdefault(text, url)
    assert "\n".join(f"{text}  ({url})" for text, url in found.items()) == ""
    assert len(pages) > 40


def test_a_visitor_meets_no_bare_text(people, client, settings):
    data = known()
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = invented.LANGUAGE
    for url in ("/accounts/login/", "/accounts/login/?ended=idle", "/nowhere/", "/accounts/inactive/"):
        answer = client.get(url)
        assert answer["Content-Language"] == invented.LANGUAGE
        assert list(untranslated.of_page(answer.content.decode(), data)) == []


def document(person: User, trial: Trial, kind_of: str) -> Paper:
    """Return a document that a person asked for in the invented language."""
    access = access_to(user=person, slug=trial.slug)
    assert access is not None
    asked: dict[str, Any] = {}
    if kind_of == Document.Kind.CASEBOOK:
        asked["patient"] = trial.patients.order_by("-pk")[0]
    if kind_of == Document.Kind.BLANK_CRF:
        asked["protocol"] = trial.protocol
    if kind_of == Document.Kind.VISIT_REPORT:
        asked |= {"since": trial.today - timedelta(days=20), "until": trial.today}
    with acting(user=person, role=access.role.code, origin="web"), invented.active():
        row = ask_for(kind=kind_of, access=access, **asked)
    row.refresh_from_db()
    assert row.state == Document.State.READY, row.error
    with documents_storage().open(row.file) as file:
        return Paper(file.read())


@pytest.mark.parametrize("slug", TRIALS)
def test_no_document_prints_a_text_that_was_never_marked(people, slug):
    """P11-02: casebook, blank CRF and visit report, in the language of who asked."""
    trial, found = Trial.objects.get(slug=slug), {}
    for kind_of in DOCUMENTS[slug]:
        # A word that the layout broke is read whole.
        pages = "\n".join(document(people["monitor"], trial, kind_of).pages)
        text = re.sub("[\u00ad\u200b]|[\u2010-]\\n", "", pages)
        assert invented.OPENS in text
        if words := [token for token in known().untranslated(text).split() if untranslated.is_word(token)]:
            found[str(kind_of)] = words
    assert found == {}


def test_every_column_and_table_of_the_trail_has_a_marked_name(people):
    """AUD-02: none is called by the name of its column, which no language has."""
    with invented.active():
        named = {
            f"{model._meta.label}.{field.name}": label_of(model, field)
            for model in tracked_models()
            for field in model._meta.concrete_fields
            if not field.primary_key
        } | {model._meta.label: title_of(model) for model in tracked_models()}
        choices = {
            f"{model._meta.label}.{field.name}={code}": str(words)
            for model in tracked_models()
            for field in model._meta.concrete_fields
            for code, words in field.flatchoices
        }
    plain = [name for name, words in {**named, **choices}.items() if not words.startswith(invented.OPENS)]
    assert plain == []
