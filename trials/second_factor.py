"""Roles that need a second factor (`SECOND_FACTOR_ROLES`, SEC-06): without one, a page leads to where it is set up."""

from typing import TYPE_CHECKING

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts.sessions import kept_forms
from audit.stored_text import system_text
from trials.roles import KNOWS, ROLES

if TYPE_CHECKING:
    from trials.access import Access

FACTORS = (Authenticator.Type.WEBAUTHN, Authenticator.Type.TOTP)


def check_roles() -> None:
    """Raise ImproperlyConfigured if `SECOND_FACTOR_ROLES` names a role that does not exist."""
    if unknown := [role for role in settings.SECOND_FACTOR_ROLES if role not in ROLES]:
        raise ImproperlyConfigured(
            f"Unexpected value SECOND_FACTOR_ROLES={','.join(unknown)}: use none, or some of {', '.join(ROLES)}"
        )


def knows(access: "Access") -> bool:
    """Return True if the role itself, by its rights, knows the treatment of a masked trial."""
    return bool(KNOWS & access.role.permissions) and access.trial.masked


def is_missing(request: HttpRequest, access: "Access") -> bool:
    """Return True if the role needs a second factor and the user has none.

    In production a role that knows the treatment of a masked trial needs one whatever the setting says.

    A session that began with a factor costs no query. A user who has one was asked for it, or has just set it up.
    """
    if access.role.code not in settings.SECOND_FACTOR_ROLES and not (settings.PRODUCTION and knows(access)):
        return False
    steps = request.session.get(AUTHENTICATION_METHODS_SESSION_KEY) or []
    if any(step.get("method") == "mfa" for step in steps):
        return False
    return not Authenticator.objects.filter(user=access.user.pk, type__in=FACTORS).exists()


def where_to_set_up(request: HttpRequest, access: "Access") -> HttpResponseRedirect:
    """Return the redirect to the user's second factors. What was typed is kept, and the way back is shown there.

    Raises PermissionDenied for a request of a script, which cannot follow.
    """
    if "HX-Request" in request.headers:
        raise PermissionDenied(
            system_text("trials.second_factor_needed", role=system_text(f"role.{access.role.code}"))
        )
    owner = kept_forms.owner_of(request) if request.method == "POST" else None
    back = kept_forms.keep(request=request, user=owner) if owner == access.user else request.get_full_path()
    return HttpResponseRedirect(f"{reverse('mfa_index')}?{urlencode({'needed': back})}")


def where_to_confirm(request: HttpRequest) -> HttpResponseRedirect:
    """Return the redirect to where a person confirms who they are. Raises PermissionDenied for a script."""
    if "HX-Request" in request.headers:
        raise PermissionDenied(system_text("trials.identity_to_be_confirmed"))
    messages.warning(
        request,
        _("You know the treatment of this trial: confirm who you are before you read it."),
    )
    return HttpResponseRedirect(reverse("account_confirmation"))
