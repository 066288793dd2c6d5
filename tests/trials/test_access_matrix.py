"""Access matrix: rights declared here, URLs enumerated from the application, tried for every role (REL-11)."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from audit.context import acting
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages.access_matrix import OPEN, SIGNED_IN, TRIAL_PAGES, sample
from trials.access import access_to
from trials.models import Trial
from trials.permissions import Permission as P
from trials.roles import ROLES

pytestmark = pytest.mark.django_db

RENDERED = ["data_manager", "investigator"]


def addresses(
    patterns=None, namespace: str = "", inside: bool = False
) -> Iterator[tuple[str, URLPattern, bool]]:
    """Yield name, pattern and whether it belongs to a trial, for every URL of the application."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            inner = ":".join(part for part in (namespace, pattern.namespace) if part)
            yield from addresses(pattern.url_patterns, inner, inside or "slug" in str(pattern.pattern))
        else:
            yield ":".join(part for part in (namespace, pattern.name or "") if part), pattern, inside


ALL = list(addresses())


def test_every_address_is_declared():
    """P11-07: a new address without declared rights fails the build."""
    declared = {*TRIAL_PAGES, *SIGNED_IN, *OPEN}
    assert {name for name, _pattern, _inside in ALL} == declared


@pytest.mark.parametrize("name", sorted(TRIAL_PAGES))
def test_the_declared_rights_are_those_of_the_view(name):
    pattern = next(pattern for each, pattern, _inside in ALL if each == name)
    view = pattern.callback
    assert (getattr(view, "see", "missing"), getattr(view, "change", "missing")) == TRIAL_PAGES[name]


def test_every_page_of_a_trial_is_guarded():
    unguarded = [name for name, pattern, inside in ALL if inside and not hasattr(pattern.callback, "see")]
    assert unguarded == []


@pytest.fixture(scope="module")
def filled(django_db_setup, django_db_blocker) -> Iterator[tuple[Trial, dict[str, Any]]]:
    """A trial with a patient, made once for the tests that the same process runs; each takes back what it stores."""
    with django_db_blocker.unblock(), transaction.atomic():
        trial = build.trial(build.COVID_MSV)
        yield trial, sample(trial, build.enrolled(trial=trial))
        transaction.set_rollback(True)


@pytest.fixture
def places(filled, db) -> tuple[Trial, dict[str, Any]]:
    return filled


def not_rendered(*arguments: Any, **options: Any) -> str:
    return ""


def answer(client, name: str, kwargs: dict, method: str):
    pattern = next(pattern for each, pattern, _inside in ALL if each == name)
    wanted = {key: kwargs[key] for key in pattern.pattern.converters}
    return getattr(client, method)(reverse(name, kwargs={"slug": kwargs["slug"], **wanted}))


@pytest.mark.parametrize("role", each_engine_or_one(sorted(ROLES), on_each=RENDERED))
def test_each_role_reaches_exactly_what_it_may(role, places, monkeypatch):
    """SEC-01, ACC-02: for every address and both methods, refused with 403 or 405, or not refused.

    The view of each page runs; its template only for two roles, here. As each role, the same pages are rendered in
    tests/config/test_invented_language.py, which fails if a template does.
    """
    trial, kwargs = places
    if role not in RENDERED:
        # What a view hands over as its page, not the parts that the process keeps for later pages.
        monkeypatch.setattr("django.shortcuts.loader", SimpleNamespace(render_to_string=not_rendered))
    person = build.user(role, trial=trial)
    permissions = ROLES[role].permissions
    client = build.client(person)
    wrong = []
    for name, (see, change) in sorted(TRIAL_PAGES.items()):
        for method, needed in (("get", see), ("post", change)):
            status = answer(client, name, kwargs.get(name, kwargs), method).status_code
            expected = 405 if needed is None else (None if needed in permissions else 403)
            refused = status if status in {403, 405} else None
            if refused != expected or status >= 500:
                wrong.append((name, method, status, expected))
    assert wrong == []


def test_nobody_without_a_role_learns_that_a_trial_exists(places):
    """SEC-02: another trial's page is 404 for every address, as one that does not exist."""
    _trial, kwargs = places
    stranger = build.client(build.user("investigator", trial=build.trial(build.LIEGE)))
    found = [name for name in TRIAL_PAGES if answer(stranger, name, kwargs, "get").status_code != 404]
    assert found == []


def test_a_patient_of_another_trial_is_not_found_in_mine(places):
    """SEC-02: a code of a foreign patient in my trial's address."""
    _trial, kwargs = places
    mine = build.trial(build.LIEGE)
    person = build.user("investigator", trial=mine)
    client, access, found = build.client(person), access_to(user=person, slug=mine.slug), []
    for name, pattern, _inside in ALL:
        see = TRIAL_PAGES[name][0] if name in TRIAL_PAGES and "code" in pattern.pattern.converters else None
        if see is not None:
            status = answer(client, name, {**kwargs, "slug": mine.slug}, "get").status_code
            found.append((name, status, 404 if access.may(see) else 403))
    assert len(found) > 20
    assert [wrong for wrong in found if wrong[1] != wrong[2]] == []


def test_a_visitor_is_sent_to_sign_in(client, places):
    """P11-04: no page of a trial without signing in."""
    _trial, kwargs = places
    for name in TRIAL_PAGES:
        response = answer(client, name, kwargs, "get")
        assert response.status_code == 302, name
        assert response["Location"].startswith("/accounts/login/"), name


def test_access_ends_with_the_delegation(places):
    """ACC-04: the day after the last day, the trial is not there any more."""
    trial, _kwargs = places
    person = build.user("monitor", trial=trial)
    client = build.client(person)
    home = reverse("reports:home", args=[trial.slug])
    assert client.get(home).wsgi_request.access.role.code == "monitor"
    with acting(system="test"):
        person.delegations.update(ends_on=trial.today - timedelta(days=1))
    assert client.get(home).status_code == 404


def test_product_deviations_are_classified_by_the_investigator_only_in_the_open_trial():
    """BLD-01: in a masked trial only those who make or hand over the product decide on them."""
    expected = {
        build.LIEGE: {"cell_laboratory", "pharmacist", "investigator", "principal_investigator"},
        build.COVID_MSV: {"cell_laboratory", "pharmacist"},
    }  # fmt: skip
    for slug, roles in expected.items():
        trial = build.trial(slug)
        accesses = [access_to(user=build.user(role, trial=trial), slug=slug) for role in ROLES]
        assert {each.role.code for each in accesses if each and each.may(P.CLASSIFY_PRODUCT)} == roles


def test_see_treatment_is_held_by_everybody_only_in_the_open_trial():
    for slug, expected in ((build.LIEGE, True), (build.COVID_MSV, False)):
        trial = build.trial(slug)
        person = build.user("coordinator", trial=trial)
        access = access_to(user=person, slug=slug)
        assert access is not None
        assert access.may(P.SEE_TREATMENT) is expected
