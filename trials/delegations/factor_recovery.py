"""Second factors of a person who lost them are removed by two people: one asks, another with another role decides.

A single administrator could otherwise reduce any account to its password.
"""

from typing import TYPE_CHECKING

from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import SigningSuspension, User
from accounts.sessions.session_limits import end_sessions
from accounts.signing_suspension import refuse_voucher, suspend_signing
from audit import events
from audit.context import because
from audit.stored_text import system_text
from trials.delegations.delegation import held, may_manage
from trials.models import FactorRecovery

if TYPE_CHECKING:
    from trials.models import Trial


@transaction.atomic
def ask_recovery(*, user: User, trial: "Trial", reason: str, by: User) -> FactorRecovery:
    """Ask for the removal of a person's second factors. Nothing changes until another person decides.

    Raises ValidationError for one's own account, a person of a trial that `by` does not manage, a person without a
    second factor, or while an earlier request waits.
    """
    user = held(user)
    may_manage(user, by)
    if not Authenticator.objects.filter(user=user).exists():
        raise ValidationError(_("%(person)s has no second factor.") % {"person": user})
    if FactorRecovery.objects.filter(user=user, decided_at=None).exists():
        raise ValidationError(_("This was asked already and waits for the second person."))
    return FactorRecovery.objects.create(user=user, trial=trial, reason=reason, asked_by=by)


@transaction.atomic
def decide_recovery(*, recovery: FactorRecovery, granted: bool, reason: str, by: User) -> None:
    """Grant or refuse. Granted, all second factors are removed and the person's sessions end.

    Raises ValidationError for who asked, for the person concerned, or if it is decided already.
    """
    user = held(recovery.user)
    found = FactorRecovery.objects.select_for_update().get(pk=recovery.pk)
    if found.decided_at is not None:
        raise ValidationError(_("Somebody has decided this already."))
    if by.pk in {found.asked_by_id, found.user_id}:
        raise ValidationError(_("Another person has to decide this."))
    refuse_voucher(by)
    found.granted, found.decided_by, found.decided_at = granted, by, timezone.now()
    with because(reason):
        found.save(update_fields=["granted", "decided_by", "decided_at"])
    if granted:
        remove_factors(user=user, asked_by=found.asked_by, second=by.username, reason=found.reason)


def remove_factors(*, user: User, asked_by: User | None, second: str, reason: str) -> None:
    """Remove all second factors of a person; sessions end, signing is suspended. asked_by: None for a command."""
    removed, _details = Authenticator.objects.filter(user=user).delete()
    end_sessions(user=user)
    suspend_signing(user=user, cause=SigningSuspension.Cause.FACTORS, asked_by=asked_by)
    detail = {
        "change": system_text("trials.all_factors_removed"),
        "person": user.username,
        "count": removed,
        "by": asked_by.username if asked_by else "",
        "second": second,
        "reason": reason,
    }
    events.record(kind=events.AccessKind.FACTOR_CHANGED, detail=detail)
