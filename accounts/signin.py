"""Settings of django-allauth: no sign-up, throttled sign-in, failures recorded, secrets encrypted."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts.models import User, normal_username
from accounts.secret_box import box
from audit import events
from audit.context import acting
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
        "too_many_login_attempts": _("Too many failed attempts. Wait five minutes, then try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: accounts are created by an administrator of a trial only."""
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """Check the credentials. This may store a stronger hash of the same password."""
        with acting(system="sign-in"):
            return super().authenticate(request, **credentials)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse and record after too many failures from one address or for one user name."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            _refused(request, events.AccessKind.LOCKED_OUT, credentials)
            raise

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

    def encrypt(self, text: str) -> str:
        """Encrypt the secret of a TOTP app or of the recovery codes."""
        return box(self.purpose).encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret. Raises InvalidToken if the secret key of the installation was changed."""
        return box(self.purpose).decrypt(encrypted_text.encode()).decode()

    def _get_user_identifier(self, user: Any) -> str:
        return user.username


def _refused(request: HttpRequest, kind: events.AccessKind, credentials: dict[str, Any]) -> None:
    user = User.objects.filter(username=normal_username(credentials.get("username", ""))).first()
    events.record(
        kind=kind,
        user=user,
        detail={} if user else {"reason": system_text("sign-in.unknown")},
        request=request,
    )
