"""Record every sign-in, sign-out, new password and change of a second factor as an access event (AUD-08, SEC-18)."""

from typing import Any

from allauth.account.signals import password_changed
from allauth.mfa import signals as factors
from allauth.mfa.models import Authenticator
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.models import User
from accounts.sessions import session_limits
from audit import events

METHODS_KEY = "account_authentication_methods"


@receiver(user_logged_in)
def signed_in(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    """Start the clocks of the session and record the methods used to sign in."""
    session_limits.begin(request.session)
    steps = request.session.get(METHODS_KEY, [])
    detail = {"with": [step.get("type") or step.get("method") for step in steps]}
    events.record(kind=events.AccessKind.SIGNED_IN, user=user, detail=detail, request=request)


@receiver(user_logged_out)
def signed_out(sender: Any, request: HttpRequest, user: User | None, **_: Any) -> None:
    """Record a sign-out, or the end of a session by time."""
    if user is None:
        return
    ended = getattr(request, "session_ended", "")
    kind = events.AccessKind.TIMED_OUT if ended else events.AccessKind.SIGNED_OUT
    events.record(kind=kind, user=user, detail={"limit": ended} if ended else {}, request=request)


@receiver(password_changed)
def password_was_changed(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    """Record the new password. The browser, which was known by the earlier one, is made known again."""
    request.has_new_password = True  # type: ignore[attr-defined]
    events.record(kind=events.AccessKind.PASSWORD_CHANGED, user=user, request=request)


def _factor(change: str) -> Any:
    def changed(
        sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
    ) -> None:
        detail = {"factor": str(authenticator.type), "change": change}
        events.record(kind=events.AccessKind.FACTOR_CHANGED, user=user, detail=detail, request=request)

    return changed


factors.authenticator_added.connect(_factor("added"), weak=False, dispatch_uid="factor added")
factors.authenticator_removed.connect(_factor("removed"), weak=False, dispatch_uid="factor removed")
factors.authenticator_reset.connect(_factor("reset"), weak=False, dispatch_uid="factor reset")


@receiver(factors.authentication_failed)
def factor_refused(
    sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    """Record a wrong second factor after a correct password as a failed sign-in."""
    detail = {"factor": str(authenticator.type)}
    events.record(kind=events.AccessKind.SIGN_IN_FAILED, user=user, detail=detail, request=request)
