"""Access to the pages of a trial: every page is declared with `@trial_page`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseNotAllowed
from django.utils import timezone
from django.views.decorators.cache import never_cache

from accounts.models import User
from audit import context
from audit.compiled_queries import CompiledQuery
from audit.stored_text import system_text
from trials import second_factor
from trials.models import Delegation
from trials.permissions import Permission
from trials.roles import ROLES, Role

if TYPE_CHECKING:
    from trials.models import Trial

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OFFERED = SAFE | {"POST"}
DELEGATION = CompiledQuery(
    lambda user, slug, now: (
        Delegation.objects.active(now)
        .filter(user=user, trial__slug=slug)
        .select_related("trial__protocol")
        # The protocol text (170 kB) is not needed here: its parsed form is cached per process.
        .defer("trial__protocol__text")
        .order_by("-starts_on", "-pk")[:1]
    ),
    user=int,
    slug=str,
    now=datetime,
)


@dataclass(frozen=True)
class Access:
    """Permissions of one user in one trial now."""

    user: User
    trial: "Trial"
    role: type[Role]

    def may(self, permission: Permission) -> bool:
        """Return True if the role has the permission. In an open trial every role sees the treatment."""
        if permission is Permission.SEE_TREATMENT and not self.trial.masked:
            return Permission.SEE_TRIAL in self.role.permissions
        return permission in self.role.permissions

    @property
    def permissions(self) -> frozenset[Permission]:
        """All permissions held."""
        return frozenset(permission for permission in Permission if self.may(permission))

    @property
    def sees_treatment(self) -> bool:
        """True if product and arm may be shown to this user."""
        return self.may(Permission.SEE_TREATMENT)

    @property
    def blinded(self) -> bool:
        """True if the arm must stay hidden from this user."""
        return not self.sees_treatment


class TrialRequest(HttpRequest):
    """A request that passed `trial_page`: with the user, the trial, and the user's access to it."""

    user: User
    trial: "Trial"
    access: Access


def access_to(*, user: User, slug: str) -> Access | None:
    """Return the user's access to the trial, or None without a role in it. One query."""
    delegation = DELEGATION.first(user=user.pk, slug=slug, now=timezone.now())
    if delegation is None:
        return None
    return Access(user=user, trial=delegation.trial, role=ROLES[delegation.role])


def role_refused(access: Access) -> PermissionDenied:
    """Return the refusal of a person whose role lacks a permission; the trail keeps it as code."""
    return PermissionDenied(system_text("trials.role_refused", role=system_text(f"role.{access.role.code}")))


def trial_page(
    see: Permission | None, change: Permission | None = None
) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Declare the permissions of a trial page: `see` to read it, `change` to post to it.

    A role that needs a second factor is led to where it is set up.

    Without a role in the trial the answer is 404, as if the trial did not exist; without the permission it is 403. The
    view receives `request.access` and `request.trial`; the slug is taken from the URL. A page without `change` answers
    every unsafe method with 405; one without `see` answers reading with 405.
    """

    def declare(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, slug: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            needed = see if request.method in SAFE else change
            access = access_to(user=request.user, slug=slug)
            # Before 405 and 403, which would reveal that the trial exists.
            if access is None:
                raise Http404
            request.access, request.trial = access, access.trial  # type: ignore[attr-defined]
            context.set_role(access.role.code)
            if second_factor.is_missing(request, access):
                return second_factor.where_to_set_up(request, access)
            if needed is None or request.method not in OFFERED:
                return HttpResponseNotAllowed(["GET", "HEAD"] if see else ["POST"])
            if not access.may(needed):
                raise role_refused(access)
            return view(request, *args, **kwargs)

        page = never_cache(guarded)
        page.see, page.change = see, change  # type: ignore[attr-defined]
        return page

    return declare
