"""A request acts as its user; events that must survive a rollback are recorded after it."""

import hashlib

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from audit.context import acting, current_actor, set_role
from audit.middleware import ActorMiddleware
from tests.support.database.writers import person


class Session:
    session_key = "the key that opens the session"


def request_of(user, **headers):
    request = RequestFactory().get("/trials/", headers=headers, REMOTE_ADDR="192.0.2.9")
    request.user, request.session = user, Session()
    return request


@pytest.mark.django_db
def test_a_request_acts_as_the_person_who_sent_it():
    """AUD-02, P11-08: role, origin, request, session and address; the session's name does not open it."""
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
def test_what_a_client_says_of_its_address_is_not_believed():
    with acting(system="test"):
        user = person("proxied")
    seen = []
    view = ActorMiddleware(lambda request: seen.append(current_actor().address) or HttpResponse())
    view(request_of(user, x_forwarded_for="203.0.113.1"))

    assert seen == ["192.0.2.9"]
