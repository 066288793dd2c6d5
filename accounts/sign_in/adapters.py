"""Settings of django-allauth: no sign-up, guessing slowed down, failures recorded, secrets encrypted."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import signing_suspension
from accounts.models import User, normal_username
from accounts.secret_box import box
from accounts.sign_in import attempts, known_browsers
from audit import events
from audit.context import acting
from audit.middleware import client_address, session_name
from audit.stored_text import system_text


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in by user name and password. Every refusal is recorded as an access event (SEC-06, SEC-18)."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": _(
            "The user name or the password is not right. Check both and try again."
        ),
        "incorrect_password": _("This is not your password."),
        "enter_current_password": _("This is not your present password."),
        "too_many_login_attempts": _("Too many failed attempts. Wait a few minutes, then try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: accounts are created by an administrator of a trial only."""
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """Check the credentials. This may store a stronger hash of the same password."""
        with acting(system="sign-in"):
            found = super().authenticate(request, **credentials)
        if found is not None:
            attempts.succeeded(_subjects(request, credentials))
        return found

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse and record an attempt that comes too soon after failures from the address or for the account."""
        seconds = attempts.claim(_subjects(request, credentials))
        if seconds:
            _refused(request, events.AccessKind.LOCKED_OUT, credentials)
            request.sign_in_wait = seconds  # type: ignore[attr-defined]
            raise too_early(seconds)

    def post_login(self, request: HttpRequest, user: Any, **about: Any) -> HttpResponse:
        """Make the browser known: guesses from elsewhere do not make it wait. Say what others did to the account."""
        response = super().post_login(request, user, **about)
        known_browsers.remember(request, response, user)
        steps = request.session.get(AUTHENTICATION_METHODS_SESSION_KEY) or []
        for sentence in signing_suspension.confirm_at_sign_in(user=user, steps=steps):
            messages.warning(request, sentence)
        return response

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record the failure. The typed user name is stored only if such a user exists."""
        _refused(request, events.AccessKind.SIGN_IN_FAILED, credentials)

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """Record that a deactivated user entered the correct password."""
        events.record(
            kind=events.AccessKind.SIGN_IN_FAILED,
            user=user,
            detail={"reason": system_text("sign-in.deactivated")},
            request=request,
        )
        return super().respond_user_inactive(request, user)


class FactorAdapter(DefaultMFAAdapter):
    """Second factors: secrets are encrypted; authenticator apps show the user name."""

    purpose = "second factors"
    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "cannot_delete_authenticator": _(
            "Your role needs a second factor, and this is the only one. Add another before you remove it."
        ),
    }

    def encrypt(self, text: str) -> str:
        """Encrypt the secret of a TOTP app or of the recovery codes."""
        return box(self.purpose).encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret. Raises InvalidToken if the secret key of the installation was changed."""
        return box(self.purpose).decrypt(encrypted_text.encode()).decode()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Return False for the last factor of a person whose role needs one: a password alone must not add another."""
        factors = Authenticator.objects.filter(user=authenticator.user_id).exclude(pk=authenticator.pk)
        if factors.exclude(type=Authenticator.Type.RECOVERY_CODES).exists():
            return True
        roles = authenticator.user.delegations.active().filter(role__in=settings.SECOND_FACTOR_ROLES)
        return not roles.exists()

    def _get_user_identifier(self, user: Any) -> str:
        return user.username


def too_early(seconds: int) -> ValidationError:
    """Return the refusal of an attempt that has to wait."""
    message = ngettext(
        "Too many failed attempts. Wait %(seconds)s second, then try again.",
        "Too many failed attempts. Wait %(seconds)s seconds, then try again.",
        seconds,
    )
    return ValidationError(message, code="too_many_login_attempts", params={"seconds": seconds})


def _subjects(request: HttpRequest, credentials: dict[str, Any]) -> list[attempts.AttemptSubject]:
    """Return whose failures count for an attempt: the known browser's, or those of the address and of the account.

    The account is counted by what was typed, so a name that nobody has is answered like any other.
    """
    typed = normal_username(credentials.get("username") or "")
    user = User.objects.filter(username=typed).first()
    browser = known_browsers.browser_of(request, user) if user is not None else ""
    if not browser and request.user.is_authenticated and request.user == user:
        browser = session_name(request)
    if browser and user is not None:
        return [attempts.AttemptSubject("browser", f"{user.pk} {browser}")]
    return [
        attempts.AttemptSubject("address", client_address(request)),
        attempts.AttemptSubject("account", typed),
    ]


def _refused(request: HttpRequest, kind: events.AccessKind, credentials: dict[str, Any]) -> None:
    user = User.objects.filter(username=normal_username(credentials.get("username", ""))).first()
    events.record(
        kind=kind,
        user=user,
        detail={} if user else {"reason": system_text("sign-in.unknown")},
        request=request,
    )
