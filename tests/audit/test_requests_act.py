"""A request acts as its user; events that must survive a rollback are recorded after it."""

import hashlib

import pytest
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponse
from django.test import RequestFactory

from audit import events
from audit.context import acting, current_actor, set_role
from audit.middleware import ActorMiddleware
from audit.models import AccessEvent
from tests.support.database.writers import person


class Session:
    session_key = "the key that opens the session"


def request_of(user, **headers):
    request = RequestFactory().get("/trials/", headers=headers, REMOTE_ADDR="192.0.2.9")
    request.user, request.session = user, Session()
    return request


@pytest.mark.django_db
def test_a_request_acts_as_the_person_who_sent_it():
    """AUD-02: role, origin, request, session and address; the session's name does not open it."""
    with acting(system="test"):
        user = person("reader")
    seen = []

    def view(request):
        set_role("monitor")
        seen.append(current_actor())
        return HttpResponse()

    response = ActorMiddleware(view)(request_of(user))
    (actor,) = seen

    assert (actor.user_id, actor.user_name, actor.full_name) == (user.pk, "reader", "Reader")
    assert (actor.role, actor.origin, actor.address) == ("monitor", "web", "192.0.2.9")
    assert actor.session == hashlib.sha256(Session.session_key.encode()).hexdigest()[:32]
    assert response["X-Request-ID"] == actor.request_id
    assert current_actor() is None


@pytest.mark.django_db
def test_the_address_of_a_request_is_that_before_our_own_proxies(settings):
    with acting(system="test"):
        user = person("proxied")
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    seen = []
    view = ActorMiddleware(lambda request: seen.append(current_actor().address) or HttpResponse())
    view(request_of(user, x_forwarded_for="203.0.113.1, 198.51.100.4"))
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 0
    view(request_of(user, x_forwarded_for="203.0.113.1"))

    assert seen == ["198.51.100.4", "192.0.2.9"]


@pytest.mark.django_db
def test_a_missing_permission_is_recorded():
    """AUD-08: permission denied."""
    with acting(system="test"):
        user = person("curious")
    request = request_of(user, user_agent="Browser 1")
    middleware = ActorMiddleware(lambda request: HttpResponse())
    with acting(user=user, role="monitor", origin="web"):
        middleware.process_exception(request, PermissionDenied("not yours"))
        middleware.process_exception(request, ValueError())
    event = AccessEvent.objects.get(kind="denied")

    assert (event.kind, event.user_name, event.role, event.agent) == (
        "denied",
        "curious",
        "monitor",
        "Browser 1",
    )
    assert event.detail == {"method": "GET", "path": "/trials/", "message": "not yours"}


@pytest.mark.django_db
def test_an_event_of_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="Unknown kind"):
        events.record(kind="holiday")


@pytest.mark.django_db
def test_an_event_costs_one_statement(django_assert_num_queries):
    with acting(system="test"), django_assert_num_queries(1):
        events.record(kind=events.AccessKind.EXPORTED, detail={"format": "csv"}, trial_id=3)

    assert AccessEvent.objects.get(kind="exported").detail == {"format": "csv"}


@pytest.mark.django_db(transaction=True)
def test_a_wrong_password_in_a_request_is_recorded_after_the_rollback():
    """P11-24: with the person, the session and the address of the request."""
    with acting(system="test"):
        user = person("hasty")

    def view(request):
        with transaction.atomic():
            events.record_outside_transaction(kind=events.AccessKind.SIGNING_FAILED, user=user)
            assert not AccessEvent.objects.filter(kind="signing_failed").exists()
            transaction.set_rollback(True)
        return HttpResponse(status=400)

    ActorMiddleware(view)(request_of(user))
    event = AccessEvent.objects.get(kind="signing_failed")

    assert (event.user_id, event.address, event.origin) == (user.pk, "192.0.2.9", "web")


@pytest.mark.django_db
def test_who_is_not_signed_in_acts_as_nobody_in_particular():
    seen = []
    request = request_of(type("Anonymous", (), {"is_authenticated": False})())
    ActorMiddleware(lambda request: seen.append(current_actor()) or HttpResponse())(request)

    assert (seen[0].user_id, seen[0].user_name, seen[0].full_name) == (None, "anonymous", "Not signed in")
