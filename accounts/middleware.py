"""The reader's language, and the end of sessions without loss of typed data."""

from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.utils import translation
from django.utils.cache import add_never_cache_headers

from accounts.addresses import address
from accounts.models import User
from accounts.sessions import kept_forms, session_limits
from accounts.sign_in import known_browsers
from audit.stored_text import reader_language

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
WORDED = ("text/html", "application/json", "text/csv")
Responder = Callable[[HttpRequest], HttpResponseBase]


class LanguageMiddleware:
    """Answer in the language of the cookie or the browser, and drop that language at the end of the request.

    It is outside everything that refuses a request: the page that refuses is in the reader's language too.
    A thread serves one reader after another, so a language left behind would greet the next one.
    """

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with translation.override(translation.get_language_from_request(request)):
            response = self.get_response(request)
            if response.headers.get("Content-Type", "").startswith(WORDED):
                response.headers.setdefault("Content-Language", reader_language())
            return response


class ProfileLanguageMiddleware:
    """Go on in the language of the profile once the person is known, also where no view answers."""

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        chosen = "" if _is_health_check(request) else getattr(request.user, "language", "")
        if chosen in dict(settings.LANGUAGES):
            translation.activate(chosen)
        return self.get_response(request)


class SessionLimitsMiddleware:
    """Ends idle and overlong sessions, and stores forms sent later."""

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if _is_health_check(request):
            return self.get_response(request)
        if not request.user.is_authenticated:
            return self._not_signed_in(request)
        if reason := session_limits.ended(request.session):
            return self._end(request, reason)
        if not _is_polled(request):
            session_limits.touch(request.session)
        response = self.get_response(request)
        kept_forms.forget_saved(request, response)
        if getattr(request, "has_new_password", False):
            known_browsers.remember(request, response, cast(User, request.user))
        # Computers on a ward are shared: no page of a signed-in user stays in the browser's cache (PRV-05).
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response

    def _not_signed_in(self, request: HttpRequest) -> HttpResponseBase:
        """Handle a form sent after its session ended elsewhere: store it and ask for the password."""
        if request.method != "POST" or kept_forms.OWNER_FIELD not in request.POST:
            return self.get_response(request)
        return (
            _session_ended_response("closed")
            if _is_script_request(request)
            else self._keep_form_and_redirect(request, "closed")
        )

    def _end(self, request: HttpRequest, reason: str) -> HttpResponseBase:
        # The receiver of user_logged_out reads it, to record a time-out instead of a sign-out.
        request.session_ended = reason  # type: ignore[attr-defined]
        logout(request)
        if _is_script_request(request):
            return _session_ended_response(reason)
        if _has_owner(request):
            return self._keep_form_and_redirect(request, reason)
        return HttpResponseRedirect(kept_forms.sign_in_address(request.get_full_path(), reason))

    def _keep_form_and_redirect(self, request: HttpRequest, reason: str) -> HttpResponseBase:
        owner = kept_forms.owner_of(request)
        if owner is None:
            return HttpResponseRedirect(kept_forms.sign_in_address(request.get_full_path(), reason))
        return HttpResponseRedirect(
            kept_forms.sign_in_address(kept_forms.keep(request=request, user=owner), reason)
        )


def _is_polled(request: HttpRequest) -> bool:
    """Return True if the page itself polls (session time, state of a document), without the user's doing."""
    if request.method not in SAFE:
        return False
    return request.path == address("account_session") or request.headers.get("HX-Trigger") == "document-state"


def _session_ended_response(reason: str) -> HttpResponseBase:
    answer = JsonResponse({"left": 0, "ended": reason}, status=401)
    answer["HX-Trigger"] = "session-ended"
    return answer


def _is_health_check(request: HttpRequest) -> bool:
    """Return True for the health check, which must answer even without a database."""
    return request.path == address("healthz")


def _has_owner(request: HttpRequest) -> bool:
    return (
        request.method == "POST"
        and not _is_script_request(request)
        and kept_forms.OWNER_FIELD in request.POST
    )


def _is_script_request(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers or request.headers.get("Accept") == "application/json"
