"""Roles that know the treatment of a masked trial: a second person confirms them; nobody goes back to a blinded one.

One administrator alone could otherwise open the allocation, with a helper or an account of their own (BLD-01, ACC-02).
"""

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.signing_suspension import refuse_voucher
from audit import events
from trials.models import Delegation
from trials.roles import KNOWING
from trials.sponsor_notices import tell_sponsor

if TYPE_CHECKING:
    from trials.models import Trial


def needs_second_person(trial: "Trial", role: str) -> bool:
    """Return True if a role takes effect only once a second person has confirmed it."""
    return role in KNOWING and trial.masked


def refuse_blinded_role(user: User, trial: "Trial", role: str) -> None:
    """Raise ValidationError if a person who held a role that knows the treatment would get a blinded one.

    The attempt is recorded. After a planned unblinding the roles that it opened are blinded no more.
    """
    if not trial.masked or role in KNOWING or role in (trial.opened_to or ()):
        return
    held = Delegation.objects.filter(user=user, trial=trial, role__in=KNOWING, awaits_second=False)
    found = held.filter(starts_on__lte=trial.today).order_by("starts_on").first()
    if found is None:
        return
    detail = {"person": user.username, "of": role}
    events.record_outside_transaction(kind=events.AccessKind.ROLE_REFUSED, trial_id=trial.pk, detail=detail)
    raise ValidationError(
        {
            "role": _(
                "%(person)s has been %(role)s in this trial and may know the treatment: they cannot get a blinded role."
            )
            % {"person": user, "role": found.get_role_display()}
        }
    )


@transaction.atomic
def confirm_role(*, delegation: Delegation, by: User) -> Delegation:
    """Let a role that knows the treatment take effect, as the second person; from today at the earliest.

    Raises ValidationError for who gave the role, for the person concerned, for somebody who is not known well enough
    themselves, or if it is confirmed or over.
    """
    User.objects.select_for_update(no_key=True).get(pk=delegation.user_id)
    row = Delegation.objects.select_related("user", "trial__protocol").get(pk=delegation.pk)
    if not row.awaits_second:
        raise ValidationError(_("This role is confirmed already."))
    if by.pk in {row.user_id, row.granted_by_id}:
        raise ValidationError(_("Another person has to confirm this role."))
    refuse_voucher(by)
    if row.ends_on is not None and row.ends_on < row.trial.today:
        raise ValidationError(_("The last day of this role is over."))
    row.awaits_second, row.confirmed_by, row.confirmed_at = False, by, timezone.now()
    # Nobody had the role before: an earlier first day would say so.
    row.starts_on = max(row.starts_on, row.trial.today)
    row.save(update_fields=["awaits_second", "confirmed_by", "confirmed_at", "starts_on"])
    tell_sponsor(trial=row.trial, what="role_confirmed", person=row.user, role=row.role, by=by)
    return row
