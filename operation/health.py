"""`GET /healthz`: one word for everybody, and every part for the administrator.

It is answered before sessions, host names and redirects are looked at: a load balancer asks by address, each second,
also while the database is away. The word is found at most once a second per process, however many ask.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Generic, TypeVar

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from audit import triggers
from audit.integrity.guard import refusal_of
from config.warming import warm
from operation import condition

WORD_SECONDS = 1.0
PARTS_SECONDS = 5.0
LOOPBACK = {"127.0.0.1", "::1"}
FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded")
Value = TypeVar("Value")
Responder = Callable[[HttpRequest], HttpResponseBase]


class HealthMiddleware:
    """Answers `/healthz`. It is the outermost middleware."""

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return healthz(request) if request.path_info == "/healthz" else self.get_response(request)


class _Kept(Generic[Value]):
    """A value that is found again after some seconds."""

    def __init__(self, find: Callable[[], Value], seconds: float) -> None:
        self.find, self.seconds, self.until = find, seconds, 0.0

    def now(self) -> Value:
        """Return the value, at most `seconds` old."""
        if time.monotonic() >= self.until:
            self.value = self.find()
            self.until = time.monotonic() + self.seconds
        return self.value


def readiness() -> dict[str, object]:
    """Return the status `ok`, or why this process is not ready. A few queries."""
    try:
        if pending := len(condition.pending_migrations()):
            return {"status": "migrations pending", "pending": pending}
        if condition.read_only():
            return {"status": "database read-only"}
        if not triggers.guarded(connection):
            return {"status": "trail not guarded"}
        # A process that was started while the database was away is not warm yet.
        warm()
    except DatabaseError as error:
        return {"status": "being upgraded" if refusal_of(error) == "upgrading" else "no database"}
    return {"status": "ok"}


_ready = _Kept(lambda: readiness(), WORD_SECONDS)
_parts = _Kept(lambda: [asdict(part) for part in condition.parts()], PARTS_SECONDS)


def forget() -> None:
    """Find everything again at the next request."""
    _ready.until = _parts.until = 0.0


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 with the version if this process is ready, else 503 with a word; to the administrator every part."""
    body = {**_ready.now(), "version": settings.VERSION}
    if _may_see_parts(request):
        body["parts"] = _parts.now()
    answer = JsonResponse(body, status=200 if body["status"] == "ok" else 503)
    answer["Cache-Control"] = "no-store"
    return answer


def _may_see_parts(request: HttpRequest) -> bool:
    """Return True for the machine itself, and for whoever sends the token."""
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if settings.HEALTH_TOKEN and constant_time_compare(sent, settings.HEALTH_TOKEN):
        return True
    # Behind a proxy on the same machine every request comes from here, with a header that says for whom.
    through_proxy = any(name in request.headers for name in FORWARDED)
    return request.META.get("REMOTE_ADDR") in LOOPBACK and not through_proxy
