"""The page that answers while the database takes no writes: during an upgrade, without triggers, or when it is busy.

It keeps what was posted, so that the person can send it again.
"""

import sys
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.views.defaults import server_error as ordinary_error

from audit.guard import refusal_of

RETRY_SECONDS = "10"
NOT_KEPT = ("csrfmiddlewaretoken",)


def answer(request: HttpRequest, error: BaseException | None) -> HttpResponse | None:
    """Return the page with status 503 if the database refused because of its state, else None. Reads no table."""
    why = refusal_of(error) if isinstance(error, DatabaseError) else ""
    if not why:
        return None
    kept, complete = _kept(request)
    context = {
        "why": why,
        "posted": request.method == "POST",
        "kept": kept if complete else [],
        "path": request.get_full_path(),
        "csrf": get_token(request) if kept and complete else "",
    }
    # Without the request: its context would ask the database who is signed in.
    page = HttpResponse(render_to_string("503.html", context), status=503)
    page.headers["Retry-After"] = RETRY_SECONDS
    page.headers["Cache-Control"] = "no-store"
    return page


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an error that no view handled: 503 if the database takes no writes, else the page of status 500."""
    return answer(request, sys.exc_info()[1]) or ordinary_error(request)


def _kept(request: HttpRequest) -> tuple[list[tuple[str, str]], bool]:
    """Return the posted texts, and whether they are all that was posted: no password and no file is sent back."""
    if request.method != "POST":
        return [], True
    posted: Any = request.POST
    pairs = [(name, value) for name, values in posted.lists() for value in values if name not in NOT_KEPT]
    secret = any("password" in name or name == "code" for name, _value in pairs)
    return pairs, not secret and not request.FILES
