"""Delegation log: roles given and ended, access stopped (ACC-01 to ACC-04).

Nobody changes their own rights, and a user has one role in a trial at a time, so an administrator never has a clinical
role as well (ACC-02).
"""

from datetime import date
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import PasswordKey, User
from accounts.password_keys import make_key
from accounts.sessions.session_limits import end_sessions
from audit.context import because
from trials.delegations.last_action import last_action
from trials.delegations.treatment_roles import needs_second_person, refuse_blinded_role
from trials.models import Delegation
from trials.permissions import Permission
from trials.reader import shown_day
from trials.roles import ROLES
from trials.sponsor_notices import tell_sponsor

if TYPE_CHECKING:
    from trials.models import Trial

MANAGING = [code for code, role in ROLES.items() if Permission.MANAGE_PEOPLE in role.permissions]


@transaction.atomic
def delegate(
    *,
    user: User,
    trial: "Trial",
    role: str,
    starts_on: date,
    ends_on: date | None,
    by: User,
    reason: str = "",
) -> Delegation:
    """Give a user a role in a trial from `starts_on` to `ends_on`, both included.

    Raises ValidationError for one's own account, a deactivated user, a time-boxed role without a last day, days on
    which the user has another role in the trial, or a first day that is over without the reason why it is recorded now.
    The sponsor is told. A role that knows the treatment of a masked trial waits for a second person (`confirm_role`);
    who held one cannot get a blinded role: that is refused and recorded.
    """
    not_oneself(user, by)
    user = held(user)
    if not user.is_active:
        raise ValidationError(_("%(person)s is deactivated and cannot get a role.") % {"person": user})
    check_days(role, starts_on, ends_on)
    if starts_on < trial.today and not reason.strip():
        message = _("This day is over: say why the role is recorded only now.")
        raise ValidationError({"reason": message})
    _refuse_second_role(_overlapping(user, trial, starts_on, ends_on))
    refuse_blinded_role(user, trial, role)
    with because(reason.strip()):
        given = Delegation.objects.create(
            user=user,
            trial=trial,
            role=role,
            starts_on=starts_on,
            ends_on=ends_on,
            granted_by=by,
            reason=reason.strip(),
            awaits_second=needs_second_person(trial, role),
        )
    tell_sponsor(trial=trial, what="new_role", person=user, role=role, by=by)
    return given


@transaction.atomic
def end_delegation(
    *, delegation: Delegation, ends_on: date, reason: str, by: User, at_once: bool = False
) -> None:
    """Set the last day of a role. If that day is over, access stops at the next request (ACC-04).

    at_once: it stops now; then the last day is today. Raises ValidationError for one's own role, a last day before the
    first or before the person's last action, or days on which the user has another role.
    """
    held(delegation.user)
    row = Delegation.objects.select_related("user", "trial").get(pk=delegation.pk)
    if row.user_id == by.pk:
        raise ValidationError(_("You cannot end your own role. Ask another administrator."))
    if ends_on < row.starts_on:
        raise ValidationError({"ends_on": _("The last day must not be before the first day.")})
    _refuse_second_role(_overlapping(row.user, row.trial, row.starts_on, ends_on).exclude(pk=row.pk))
    if at_once and ends_on != row.trial.today:
        raise ValidationError({"ends_on": _("To stop the access at once, give today as the last day.")})
    _refuse_before_last_action(row, ends_on)
    row.ends_on, row.stopped_at = ends_on, timezone.now() if at_once else None
    with because(reason):
        row.save(update_fields=["ends_on", "stopped_at"])


@transaction.atomic
def verify_identity(*, user: User, on: date, trial: "Trial", by: User) -> None:
    """Record the day on which the user's identity was verified, required before signing (21 CFR 11.100(b)).

    trial: the one whose administrator verified it; the day is one at its site, not in the future.
    """
    not_oneself(user, by)
    user = held(user)
    not_later_than_today(on, trial, "on")
    user.identity_verified_on = on
    user.save(update_fields=["identity_verified_on"])


@transaction.atomic
def deactivate(*, user: User, reason: str, by: User) -> None:
    """Stop all access of a user; open sessions end at once (P11-04)."""
    user = held(user)
    may_manage(user, by)
    user.is_active = False
    with because(reason):
        user.save(update_fields=["is_active"])
    end_sessions(user=user)


@transaction.atomic
def reactivate(*, user: User, reason: str, by: User) -> None:
    """Let a user sign in again; roles that have not ended are valid again."""
    user = held(user)
    may_manage(user, by)
    user.is_active = True
    with because(reason):
        user.save(update_fields=["is_active"])


@transaction.atomic
def ask_new_password(*, user: User, trial: "Trial", reason: str, by: User) -> PasswordKey:
    """Let a person who forgot the password choose another: a link to their own address, or two halves of a code.

    Nobody is shown a password, and the present one works until another is chosen.
    """
    user = held(user)
    may_manage(user, by)
    if not user.is_active:
        raise ValidationError(_("%(person)s is deactivated and cannot sign in.") % {"person": user})
    return make_key(user=user, by=by, made_in=trial.slug, reason=reason)


def check_days(role: str, starts_on: date, ends_on: date | None) -> None:
    """Raise ValidationError for a time-boxed role without a last day, or a last day before the first."""
    if ends_on is None and ROLES[role].time_boxed:
        raise ValidationError({"ends_on": _("This role is for a limited time: give a last day.")})
    if ends_on is not None and ends_on < starts_on:
        raise ValidationError({"ends_on": _("The last day must not be before the first day.")})


def held(user: User) -> User:
    """Return the user as stored now, locked until the transaction ends: one step at a time for each account."""
    # Read by the statement that locks: a colleague may have deactivated the account since the page was shown. The lock
    # also keeps two delegations given at once from overlapping.
    return User.objects.select_for_update(no_key=True).get(pk=user.pk)


def may_manage(user: User, by: User) -> None:
    """Raise ValidationError unless `by` manages every trial in which the user has, had or will have a role.

    An account serves all trials of its user, and what is done with it today reaches a role that begins tomorrow.
    """
    not_oneself(user, by)
    managed = Delegation.objects.active().filter(user=by, role__in=MANAGING).values("trial_id")
    if Delegation.objects.filter(user=user).exclude(trial_id__in=managed).exists():
        raise ValidationError(
            _(
                "%(person)s has, had or will have a role in a trial that you do not manage."
                " End the role in this trial instead."
            )
            % {"person": user}
        )


def not_oneself(user: User, by: User) -> None:
    """Raise ValidationError if a person would change the own account."""
    if user.pk == by.pk:
        raise ValidationError(_("You cannot change your own rights. Ask another administrator."))


def not_later_than_today(day: date, trial: "Trial", field: str) -> None:
    """Raise ValidationError beside the field for a day that has not come at the site."""
    if day > trial.today:
        raise ValidationError({field: _("This day has not come yet. Check the year.")})


def _refuse_before_last_action(row: Delegation, ends_on: date) -> None:
    """Raise ValidationError for a last day after which the person acted: the log would deny what the trail shows."""
    last = last_action(row) if ends_on < row.trial.today else None
    if last is None or row.trial.day_of(last) <= ends_on:
        return
    raise ValidationError(
        {
            "ends_on": _(
                "%(person)s was active in this role on %(day)s. The last day cannot lie before that: stop the access"
                " at once instead."
            )
            % {"person": row.user, "day": shown_day(row.trial.day_of(last))}
        }
    )


def _refuse_second_role(others: QuerySet[Delegation]) -> None:
    if clash := others.select_related("user").first():
        raise ValidationError(
            _("%(person)s is %(role)s in this trial on some of these days. End that role first.")
            % {"person": clash.user, "role": clash.get_role_display()}
        )


def _overlapping(user: User, trial: "Trial", starts_on: date, ends_on: date | None) -> QuerySet[Delegation]:
    rows = Delegation.objects.filter(Q(ends_on=None) | Q(ends_on__gte=starts_on), user=user, trial=trial)
    # A role that was stopped leaves the rest of its last day to another one.
    rows = rows.exclude(stopped_at__isnull=False, ends_on=starts_on)
    return rows if ends_on is None else rows.filter(starts_on__lte=ends_on)
