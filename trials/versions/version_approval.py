"""Approval of a protocol version by the principal investigator, before it is in force (DAT-09).

Two persons: the one who loaded the version does not approve it. The approval is a signature on this very text and its
first day; where it is required (`VERSIONS_NEED_APPROVAL`, in production), nobody is screened under the version before.
"""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import signatures
from audit.models import Meaning
from trials.models import ProtocolVersion, Trial
from trials.versions.loading import put_in_force


@transaction.atomic
def approve_version(*, version: ProtocolVersion, password: str, by: User) -> ProtocolVersion:
    """Sign a version, and put it in force if its day has come.

    Raises ValidationError for a version that is withdrawn or approved already, for the person who loaded it, and for
    what a signature refuses.
    """
    trial = Trial.objects.for_update(version.trial_id)
    row = ProtocolVersion.with_withdrawn.get(pk=version.pk)
    if row.withdrawn_at is not None:
        raise ValidationError(_("This version is withdrawn."))
    if row.approved_at is not None:
        raise ValidationError(_("This version is approved already."))
    if row.loaded_by_id == by.pk:
        raise ValidationError(_("You loaded this version: another person has to approve it."))
    signatures.sign(
        target=row, meaning=Meaning.APPROVAL, password=password, by=by, zone=row.rules.trial.site.time_zone
    )
    row.approved_at, row.approved_by = timezone.now(), by
    row.save(update_fields=["approved_at", "approved_by"])
    # A frozen or locked trial keeps its version: the database refuses another one.
    if trial.frozen_at is None and trial.locked_at is None:
        put_in_force(trial)
    return row
