"""Every request acts as the user who sent it; refusals are recorded."""

import hashlib
import uuid
from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from audit import context, events
from audit.context import Actor
from audit.stored_text import StoredText, Text
from audit.system_texts import NOT_SIGNED_IN
from audit.triggers.tables import REFUSED_BY_LOCK


class ActorMiddleware:
    """Sets the actor of a request before any view runs, and clears it afterwards."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        actor = actor_of(request)
        context.set_actor(actor)
        try:
            response = self.get_response(request)
        finally:
            context.run_deferred()
            context.set_actor(None)
        response.headers["X-Request-ID"] = actor.request_id
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Record a missing permission (AUD-08); Django answers with 403.

        If the database refuses a write because the data were locked while the page was open, answer 409 with an
        explanation.
        """
        if isinstance(exception, PermissionDenied):
            trial = getattr(request, "trial", None)
            events.record(
                kind=events.AccessKind.DENIED,
                trial_id=getattr(trial, "pk", None),
                detail={"method": request.method, "path": request.path, "message": _message(exception)},
                request=request,
            )
        if isinstance(exception, DatabaseError) and REFUSED_BY_LOCK in str(exception):
            return render(request, "409.html", status=409)
        return None


def actor_of(request: HttpRequest) -> Actor:
    """Return the actor of a request. Reads the session and the user: two queries that every page needs anyway."""
    try:
        user = request.user if request.user.is_authenticated else None
    except DatabaseError:
        # The health check must be able to report that the database is down.
        user = None
    return Actor(
        user_id=user.pk if user else None,
        user_name=user.get_username() if user else "anonymous",
        full_name=user.get_full_name() if user else NOT_SIGNED_IN,
        origin="web",
        request_id=uuid.uuid4().hex,
        session=session_name(request),
        address=client_address(request),
    )


def _message(exception: Exception) -> Text:
    """Return why a permission was missing: as code where the system says it."""
    message = exception.args[0] if exception.args else ""
    return message if isinstance(message, StoredText) else str(exception)


def signed_in(sender: Any, user: Any, request: HttpRequest | None = None, **_: Any) -> None:
    """Attribute the rest of the request to the user who has just signed in; receiver of `user_logged_in`."""
    context.set_user(user, session=session_name(request) if request is not None else "")


def session_name(request: HttpRequest) -> str:
    """Return a name for the session that cannot be used to enter it: half of the SHA-256 of its key."""
    key = request.session.session_key
    return hashlib.sha256(key.encode()).hexdigest()[:32] if key else ""


def client_address(request: HttpRequest) -> str:
    """Return the address of the client, as `config.proxies` found it."""
    return request.META.get("REMOTE_ADDR", "")[:64]
