"""The answer while the database is away, being upgraded, read-only or full: 503, with everything that was typed.

The page is made from the request alone: neither session nor user can be read then. It sends the same form again.
"""

import errno
import sys
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, QueryDict
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.http import escape_leading_slashes
from django.utils.translation import gettext as _
from django.views.defaults import server_error as broken

from audit.integrity.guard import refusal_of

Responder = Callable[[HttpRequest], HttpResponseBase]
RETRY_SECONDS = "10"
# SQLSTATE classes: connection, rollback by the server, resources, operator, system; a standby; a lock that was not had.
SERVER_STATES = ("08", "40", "53", "57", "58", "25006", "55P03")
SQLITE_STATES = (
    "SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_CORRUPT", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_LOCKED",
    "SQLITE_NOMEM", "SQLITE_NOTADB", "SQLITE_PERM", "SQLITE_PROTOCOL", "SQLITE_READONLY",
)  # fmt: skip
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
FULL = ("53100", "SQLITE_FULL")
# Django's functions that commit, and that run what was put off until the commit.
AFTER_THE_WORK = {"_commit", "run_and_clear_commit_hooks"}
NEVER_SHOWN = ("csrfmiddlewaretoken",)


class UnavailableMiddleware:
    """Answers 503 if a view fails because the database or the disk does. It is the innermost middleware."""

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        # What fails after this, such as storing the session, may fail after the view has saved.
        request.view_answered = True  # type: ignore[attr-defined]
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return the page, or None for an error of the program."""
        return unavailable(request, exception) if is_unavailable(exception) else None


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an error outside a view (`handler500`): 503 if the database or the disk failed, else 500."""
    exception = sys.exc_info()[1]
    if exception is not None and is_unavailable(exception):
        return unavailable(request, exception)
    return broken(request)


def is_unavailable(exception: BaseException) -> bool:
    """Return True if the database or the disk failed, and not the program."""
    if isinstance(exception, OSError):
        return exception.errno in DISK
    if not isinstance(exception, DatabaseError | InterfaceError):
        return False
    if refusal_of(exception):
        return True
    state = _state(exception)
    if state is None:
        # No connection was made, or it broke: nobody gave an error a number. Our own errors have no cause.
        return isinstance(exception, InterfaceError) or type(exception).__name__ == "OperationalError"
    return state.startswith((*SERVER_STATES, *SQLITE_STATES))


def unavailable(request: HttpRequest, exception: BaseException) -> HttpResponse:
    """Return the page with what was typed; for a script a short answer. Reads no table."""
    context = _context(request, exception)
    if "HX-Request" in request.headers or "application/json" in request.headers.get("Accept", "")[:60]:
        response: HttpResponse = JsonResponse({"error": str(context["told"])}, status=503)
    else:
        # Without the request: its context would ask the database who is signed in.
        response = HttpResponse(render_to_string("503.html", context), status=503)
    response["Retry-After"] = RETRY_SECONDS
    response["Cache-Control"] = "no-store"
    return response


def _context(request: HttpRequest, exception: BaseException) -> dict[str, Any]:
    posted, files, whole = _sent(request)
    withheld = {name for name in posted if "password" in name or name == "code"}
    fields = [
        (name, value)
        for name, values in posted.lists()
        if name not in NEVER_SHOWN and name not in withheld
        for value in values
    ]
    uncertain = getattr(request, "view_answered", False) or _failed_in_commit(exception)
    return {
        "why": refusal_of(exception),
        "told": _told(exception, uncertain and request.method == "POST"),
        "saved_nothing": request.method == "POST" and not uncertain,
        "posted": request.method == "POST",
        "whole": whole,
        "fields": fields,
        "shown": [(name, value) for name, value in fields if value.strip() and _is_typed(name)],
        "files": files,
        "withheld": bool(withheld),
        # Two leading slashes would be read as another host.
        "address": escape_leading_slashes(request.get_full_path()),
        "csrf_token": get_token(request) if fields else "",
    }


def _told(exception: BaseException, uncertain: bool) -> str:
    """Return a sentence about the failure and the next step."""
    if uncertain:
        return _(
            "The server broke off while this was being stored. Look whether it is there, or send it again: "
            "what is stored already is not stored twice."
        )
    match refusal_of(exception):
        case "unguarded":
            return _(
                "The database does not record changes at this moment, so it takes none. Tell the administrator of "
                "the installation to run “migrate” and “verify_trail”."
            )
        case "upgrading" | "busy":
            return _("This usually takes less than a minute. What was saved before is safe.")
    if _is_full(exception):
        return _("The disk of the server is full: tell the administrator. What was saved before is safe.")
    return _("The database does not answer: try again in a minute. What was saved before is safe.")


def _sent(request: HttpRequest) -> tuple[QueryDict, list[str], bool]:
    """Return the fields, the names of the files, and whether the request could be read to its end."""
    if request.method != "POST":
        return QueryDict(), [], True
    try:
        names = [str(file.name) for files in dict(request.FILES.lists()).values() for file in files]
        return request.POST, names, not getattr(request, "_post_parse_error", False)
    except Exception:
        # The disk was full while an upload was being received: its fields were never read.
        return QueryDict(), [], False


def _is_typed(name: str) -> bool:
    """Return False for the fields that our pages add."""
    return name not in {"form_owner", "kept", "next", "version"} and not name.startswith("_")


def _is_full(exception: BaseException) -> bool:
    if isinstance(exception, OSError):
        return exception.errno in {errno.ENOSPC, errno.EDQUOT}
    return (_state(exception) or "").startswith(FULL)


def _state(exception: BaseException) -> str | None:
    """Return the SQLSTATE, or SQLite's name of the error; None if there is neither."""
    for each in _chain(exception):
        state = getattr(each, "sqlstate", None) or getattr(each, "sqlite_errorname", None)
        if state:
            return str(state)
    return None


def _chain(exception: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = exception
    while seen is not None:
        yield seen
        seen = seen.__cause__


def _failed_in_commit(exception: BaseException) -> bool:
    """Return True if an error came from a COMMIT or from what follows it: nobody here knows whether it was stored.

    After a COMMIT whose connection broke Django connects again; if that fails as well, it is the error that arrives.
    """
    waiting, seen = [exception], set[int]()
    while waiting:
        each = waiting.pop()
        if _in_commit(each.__traceback__):
            return True
        seen.add(id(each))
        before = (each.__cause__, each.__context__)
        waiting += [one for one in before if one is not None and id(one) not in seen]
    return False


def _in_commit(frames: TracebackType | None) -> bool:
    while frames is not None:
        if frames.tb_frame.f_code.co_name in AFTER_THE_WORK:
            return True
        frames = frames.tb_next
    return False
