"""Invitations: a role is offered, and the person accepts it after signing in (ACC-01).

The answer is "invited" in every case: whether somebody has a user name is told to nobody but its owner.
"""

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import PasswordKey, User, check_full_name, check_username
from accounts.password_keys import make_key
from accounts.tasks import send_link
from trials.delegations import delegation as delegation_log
from trials.models import Delegation, Invitation
from trials.tasks import tell_of_invitation

if TYPE_CHECKING:
    from trials.models import Trial


class _Days(NamedTuple):
    role: str
    starts_on: date
    ends_on: date | None


@transaction.atomic
def invite_new(
    *,
    full_name: str,
    email: str,
    identity_verified_on: date,
    trial: "Trial",
    role: str,
    starts_on: date,
    ends_on: date | None,
    by: User,
    installation: str,
) -> tuple[Invitation, PasswordKey]:
    """Make an account without a password for a new person, a key to choose one, and an invitation.

    The system makes the user name. installation: the address of the start page, for the link in the mail. Raises
    ValidationError for a refused name or day.
    """
    delegation_log.not_later_than_today(identity_verified_on, trial, "identity_verified_on")
    full_name = check_full_name(full_name)
    user = User.objects.create_user(
        _free_username(full_name),
        None,
        full_name=full_name,
        email=email,
        identity_verified_on=identity_verified_on,
    )
    days = _Days(role, starts_on, ends_on)
    invitation = _invite(trial=trial, username=user.username, full_name=full_name, by=by, days=days)
    return invitation, renew_key(invitation=invitation, by=by, installation=installation)


@transaction.atomic
def invite_known(
    *,
    username: str,
    trial: "Trial",
    role: str,
    starts_on: date,
    ends_on: date | None,
    by: User,
    installation: str,
) -> Invitation:
    """Offer a role to the person with a user name, if there is one; the answer does not tell.

    Raises ValidationError for oneself, for a person of this trial, or for one invited to it already.
    """
    username = check_username(username)
    if username == by.username:
        raise ValidationError(_("You cannot change your own rights. Ask another administrator."))
    if Delegation.objects.filter(trial=trial, user__username=username).exists():
        message = _("This person is or was in this trial: give the role on the page of the person.")
        raise ValidationError({"username": message})
    days = _Days(role, starts_on, ends_on)
    invitation = _invite(trial=trial, username=username, full_name="", by=by, days=days)
    tell_of_invitation.enqueue(invitation.pk, installation)
    return invitation


@transaction.atomic
def renew_key(*, invitation: Invitation, by: User, installation: str) -> PasswordKey:
    """Make a new key for a new person who has not chosen a password yet; the earlier one ends."""
    user = User.objects.select_for_update(no_key=True).get(username=invitation.username)
    if not invitation.full_name or user.has_usable_password():
        raise ValidationError(_("This person has a password. The invitation waits in the account."))
    key = make_key(user=user, by=by, made_in=invitation.trial.slug)
    if key.way == PasswordKey.Way.MAIL:
        send_link.enqueue(key.pk, installation)
    return key


@transaction.atomic
def accept(*, invitation: Invitation, user: User) -> Delegation:
    """Give the person the role that was offered, from the day of the acceptance at the earliest.

    Raises ValidationError if the invitation was withdrawn, its last day is over, or another role is in the way.
    """
    found = _open(invitation, user)
    first = max(found.starts_on, found.trial.today)
    if found.ends_on is not None and found.ends_on < first:
        raise ValidationError(_("The last day of this role is over. Ask for a new invitation."))
    given = delegation_log.delegate(
        user=user,
        trial=found.trial,
        role=found.role,
        starts_on=first,
        ends_on=found.ends_on,
        by=found.invited_by,
    )
    _end(found, Invitation.State.ACCEPTED)
    return given


@transaction.atomic
def decline(*, invitation: Invitation, user: User) -> None:
    """Refuse the role that was offered. Raises ValidationError if the invitation has ended."""
    _end(_open(invitation, user), Invitation.State.DECLINED)


@transaction.atomic
def withdraw(*, invitation: Invitation, by: User) -> None:
    """Take an invitation back; a link for a first password ends with it. Raises ValidationError if it has ended."""
    found = Invitation.objects.select_for_update().get(pk=invitation.pk)
    _require_open(found)
    _end(found, Invitation.State.WITHDRAWN)
    new = User.objects.filter(username=found.username).first()
    if found.full_name and new is not None and not new.has_usable_password():
        PasswordKey.objects.filter(user=new, made_in=found.trial.slug, ended_at=None).update(
            ended_at=timezone.now()
        )


def invitations_of(user: User) -> QuerySet[Invitation]:
    """Return the open invitations of a person."""
    rows = Invitation.objects.filter(username=user.username, state=Invitation.State.OPEN)
    return rows.select_related("trial__protocol", "invited_by").order_by("pk")


def _invite(*, trial: "Trial", username: str, full_name: str, by: User, days: _Days) -> Invitation:
    delegation_log.check_days(*days)
    if Invitation.objects.filter(trial=trial, username=username, state=Invitation.State.OPEN).exists():
        raise ValidationError(_("This person is invited already. Withdraw that invitation first."))
    return Invitation.objects.create(
        trial=trial, username=username, full_name=full_name, invited_by=by, **days._asdict()
    )


def _free_username(full_name: str) -> str:
    """Return a user name that nobody has, and to which no role was offered by a guess."""
    while True:
        name = User.objects.free_username(full_name)
        if not Invitation.objects.filter(username=name).exists():
            return name


def _open(invitation: Invitation, user: User) -> Invitation:
    found = Invitation.objects.select_for_update().get(pk=invitation.pk, username=user.username)
    _require_open(found)
    return found


def _require_open(invitation: Invitation) -> None:
    if invitation.state != Invitation.State.OPEN:
        raise ValidationError(_("This invitation has ended: somebody accepted, declined or withdrew it."))


def _end(invitation: Invitation, state: str) -> None:
    invitation.state, invitation.ended_at = state, timezone.now()
    invitation.save(update_fields=["state", "ended_at"])
