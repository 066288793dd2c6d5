"""Withdrawal of a protocol version that was loaded by mistake, before any patient is on it."""

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from patients.models import EligibilityDecision, Patient, Record, Visit
from patients.participation.protocol_amendments.amendments import chain_of
from trials.models import ProtocolVersion, Trial
from trials.versions.loading import put_in_force

USES: tuple[type[models.Model], ...] = (Patient, Visit, Record, EligibilityDecision)
"""What keeps the version under which it was captured or decided."""


@transaction.atomic
def withdraw_version(*, version: ProtocolVersion, reason: str, by: User | None = None) -> Trial:
    """Withdraw a version; the version before it is in force again, or none. Returns the trial, its row locked.

    The text stays stored with its history; the name of the version can be used again. Acts as `by`, or as the current
    actor. Raises ValidationError without a reason, for a version that a patient is or was on, that another version
    replaces, or that is withdrawn already.
    """
    if not reason.strip():
        raise ValidationError({"reason": _("Say why this version is withdrawn.")})
    # A screening and a move lock the same row: no patient comes on the version until the commit.
    trial = Trial.objects.for_update(version.trial_id)
    version = ProtocolVersion.with_withdrawn.get(pk=version.pk)
    if refusal := withdrawal_refusal(version, chain_of(trial)):
        raise ValidationError(refusal)
    version.withdrawn_at, version.withdrawn_because = timezone.now(), reason.strip()
    with because(reason.strip()):
        version.save(update_fields=["withdrawn_at", "withdrawn_because"])
        return put_in_force(trial)


def withdrawal_refusal(version: ProtocolVersion, chain: list[ProtocolVersion]) -> str:
    """Return the message why a version cannot be withdrawn, empty if there is no obstacle. Up to four queries."""
    parameters = {"version": version.version}
    if version.pk not in [each.pk for each in chain]:
        return _("Version %(version)s is withdrawn already.") % parameters
    if chain[-1].pk != version.pk:
        return _("Version %(version)s cannot be withdrawn: version %(later)s replaces it. Withdraw that one first.") % {
            **parameters, "later": chain[-1].version,
        }  # fmt: skip
    if any(model._base_manager.filter(protocol=version.pk).exists() for model in USES):
        return (
            _("Version %(version)s cannot be withdrawn: patients are or were on it. Load an amendment.")
            % parameters
        )
    return ""
