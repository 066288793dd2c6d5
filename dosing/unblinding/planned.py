"""The planned unblinding: after the lock of the trial the treatment is opened for the roles that the protocol names."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from dosing.models import PlannedUnblinding
from dosing.unblinding.opening import require_password
from trials.models import Trial
from trials.sponsor_notices import tell_sponsor


@transaction.atomic
def open_treatment(*, trial: Trial, reason: str, password: str, by: User) -> PlannedUnblinding:
    """Open the treatment of all patients for the roles in `[unblinding] planned`, and record it (BLD-04).

    Raises ValidationError before the lock of the trial, without roles in the protocol, without a reason, with a wrong
    password, or if it is open.
    """
    row = Trial.objects.for_update(trial.pk)
    plan = row.rules.unblinding
    if not row.masked or plan is None:
        raise ValidationError(_("The protocol names no roles for a planned unblinding."))
    if row.locked_at is None:
        raise ValidationError(
            _("The trial is not locked: the treatment is opened when no value can be changed any more.")
        )
    if PlannedUnblinding.objects.filter(trial=row).exists():
        raise ValidationError(_("The treatment is open already."))
    if not reason.strip():
        raise ValidationError({"reason": _("Say what the treatment is opened for.")})
    require_password(by, password)
    made = PlannedUnblinding.objects.create(
        trial=row, opened_to=list(plan.planned), reason=reason.strip(), opened_by=by
    )
    row.opened_to = list(plan.planned)
    row.save(update_fields=["opened_to"])
    tell_sponsor(trial=row, what="opened", by=by)
    return made
