"""A donor found unfit after the donation: a signed decision that stops every bag of the donor (ATM-03)."""

from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import signatures
from audit.context import because
from audit.models import Meaning
from audit.stored_text import trimmed
from dosing.models import Donor, DonorDecision
from dosing.stock.balance import recipients_of
from trials.sponsor_notices import tell_sponsor

Kind = DonorDecision.Kind


@transaction.atomic
def decide_donor(
    *, donor: Donor, kind: str, since: date | None, reason: str, password: str, by: User
) -> DonorDecision:
    """Decide with a signature that a donor is unfit, or that this was a mistake. Every bag of an unfit donor stops.

    since: the day from which the donor is unfit. Raises ValidationError for what is decided already, a missing reason
    or day, a day to come, and what a signature refuses. Somebody who received the cells is told to the sponsor.
    """
    list(Donor.objects.select_for_update().filter(pk=donor.pk).values_list("pk"))
    row = Donor.objects.select_related("trial__protocol").get(pk=donor.pk)
    if errors := _errors(row, kind, since, reason):
        raise ValidationError(errors)
    day = since or row.trial.today
    now = timezone.now()
    # One moment of a save: a decision is not recorded before it is taken.
    made = DonorDecision.objects.create(
        trial=row.trial,
        donor=row,
        kind=kind,
        since=day,
        reason=reason.strip(),
        decided_at=now,
        recorded_at=now,
        recorded_by=by,
    )
    row.unfit_since = day if kind == Kind.UNFIT else None
    row.unfit_reason = reason.strip() if kind == Kind.UNFIT else ""
    row.version += 1
    with because(trimmed(reason)):
        row.save(update_fields=["unfit_since", "unfit_reason", "version"])
    zone = row.trial.rules.trial.site.time_zone
    signatures.sign(target=made, meaning=Meaning.RESPONSIBILITY, password=password, by=by, zone=zone)
    if kind == Kind.UNFIT and recipients_of(lot__bank__donation__donor=row):
        # In a masked trial the sponsor learns neither donor nor patient.
        tell_sponsor(trial=row.trial, what="donor_unfit", by=by)
    return made


def _errors(donor: Donor, kind: str, since: date | None, reason: str) -> dict[str, str]:
    errors = {}
    if kind not in Kind.values or (kind == Kind.UNFIT) == (donor.unfit_since is not None):
        errors["kind"] = _("This is decided already, or nothing is to be taken back.")
    if not reason.strip():
        errors["reason"] = _("Say why.")
    if kind == Kind.UNFIT and since is None:
        errors["since"] = _("Enter since when the donor is unfit.")
    if since is not None and since > donor.trial.today:
        errors["since"] = _("This day has not come yet.")
    return errors
