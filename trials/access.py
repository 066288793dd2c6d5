"""Access to the pages of a trial: every page is declared with `@trial_page`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseNotAllowed
from django.utils import timezone
from django.views.decorators.cache import never_cache

from accounts.models import User
from audit import context
from audit.compiled_queries import CompiledQuery
from audit.stored_text import system_text
from trials import second_factor, training
from trials.delegated_tasks import DELEGATED, opened_by
from trials.models import Delegation
from trials.permissions import Permission
from trials.roles import ROLES, Role

if TYPE_CHECKING:
    from trials.models import Trial

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# In an open trial the second right includes the first.
IN_OPEN_TRIAL = {
    Permission.SEE_TREATMENT: Permission.SEE_TRIAL,
    Permission.CLASSIFY_PRODUCT: Permission.ASSESS_EVENT,
    Permission.ASK_PRODUCT: Permission.RAISE_QUERY,
    Permission.VERIFY_PRODUCT: Permission.VERIFY,
}
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
    # Without one, as for a document that is made later, every task of the role counts as delegated.
    delegation: Delegation | None = None

    @classmethod
    def by(cls, delegation: Delegation, user: User) -> "Access":
        """Return the access that a delegation gives to its user."""
        return cls(user=user, trial=delegation.trial, role=ROLES[delegation.role], delegation=delegation)

    def may(self, permission: Permission) -> bool:
        """Return True if the role has the permission, and the task that opens it is delegated (SIG-05).

        After a planned unblinding the roles that the protocol named know the treatment. In an open trial every role
        sees the treatment, who classifies deviations classifies those of the product, and who raises queries and
        verifies does so on the product.
        """
        if permission == Permission.SEE_TREATMENT and self.role.code in (self.trial.opened_to or ()):
            return True
        wider = None if self.trial.masked else IN_OPEN_TRIAL.get(permission)
        if wider in self.role.permissions and wider not in self.not_delegated:
            return True
        return permission in self.role.permissions and permission not in self.not_delegated

    @cached_property
    def not_delegated(self) -> frozenset[Permission]:
        """The rights of the role whose tasks are not delegated, or not approved where that is required."""
        if not self.role.delegated or self.delegation is None:
            return frozenset()
        if self.awaits_approval:
            return DELEGATED
        tasks = self.delegation.tasks
        return frozenset() if tasks is None else DELEGATED - opened_by(tasks)

    @property
    def awaits_approval(self) -> bool:
        """True until the principal investigator has approved the role, where the installation asks for it."""
        return (
            settings.DELEGATIONS_NEED_APPROVAL
            and self.role.delegated
            and self.delegation is not None
            and self.delegation.approved_at is None
        )

    @property
    def permissions(self) -> frozenset[Permission]:
        """All permissions held."""
        return frozenset(permission for permission in Permission if self.may(permission))

    @property
    def sees_treatment(self) -> bool:
        """True if product and arm may be shown to this user."""
        return self.may(Permission.SEE_TREATMENT)

    @property
    def see_of_files(self) -> str:
        """Right that is needed to know of a file that this user takes along: its size and hash follow the arms."""
        return str(Permission.SEE_TREATMENT) if self.trial.masked and self.sees_treatment else ""

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
    return Access.by(delegation, user)


def role_refused(access: Access, needed: Permission | None = None) -> PermissionDenied:
    """Return the refusal of a person whose role lacks a permission; the trail keeps it as code."""
    if needed is not None and needed in access.role.permissions & access.not_delegated:
        code = "trials.role_not_approved" if access.awaits_approval else "trials.task_not_delegated"
        return PermissionDenied(system_text(code, role=system_text(f"role.{access.role.code}")))
    return PermissionDenied(system_text("trials.role_refused", role=system_text(f"role.{access.role.code}")))


def trial_page(
    see: Permission | None, change: Permission | None = None
) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Declare the permissions of a trial page: `see` to read it, `change` to post to it.

    Who knows the treatment of a masked trial sees nothing of it while others opened the account (a new password,
    removed factors) and it is not confirmed who signs in. A role that needs a second factor is led to where it is set
    up; who has not read what the role must know is led to where it is read, before anything is entered or signed.

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
            if second_factor.knows(access) and request.user.signing_suspended:
                return second_factor.where_to_confirm(request)
            if needed is None or request.method not in OFFERED:
                return HttpResponseNotAllowed(["GET", "HEAD"] if see else ["POST"])
            if not access.may(needed):
                raise role_refused(access, needed)
            if training.is_missing(access, needed):
                return training.where_to_read(request, access)
            return view(request, *args, **kwargs)

        page = never_cache(guarded)
        page.see, page.change = see, change  # type: ignore[attr-defined]
        return page

    return declare
