"""Hold a trial and release it: enrolment, allocation and treatment read `Trial.held_since` (CEL-16).

A stopping rule of the protocol sets a hold through `hold_by_rule`, a person through `hold_trial`. It ends with two
signatures of two persons: an investigator and a representative of the sponsor.
"""

from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import signatures
from audit.context import acting
from audit.models import Meaning
from trials.models import HoldRelease, Trial, TrialHold
from trials.reader import shown_moment
from trials.roles import Investigator, PrincipalInvestigator, SponsorRepresentative
from trials.sponsor_notices import tell_sponsor

SIDES = {
    Investigator.code: HoldRelease.Side.SITE,
    PrincipalInvestigator.code: HoldRelease.Side.SITE,
    SponsorRepresentative.code: HoldRelease.Side.SPONSOR,
}
"""For which side a role signs the release."""


@transaction.atomic
def hold_trial(*, trial: Trial, reason: str, by: User) -> TrialHold:
    """Hold the trial from now on. Raises ValidationError without a reason."""
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the trial is held.")})
    held = Trial.objects.for_update(trial.pk)
    return _set(held, TrialHold(trial=held, reason=reason.strip(), set_by=by), by)


@transaction.atomic
def hold_by_rule(*, trial: Trial, rule: str, title: str, events: Sequence[str], by: User) -> TrialHold | None:
    """Hold the trial because a stopping rule fired on these events. The caller holds the lock of the trial.

    Returns None if every event was in an earlier hold of the rule: people have decided about those.
    """
    known = {event for row in TrialHold.objects.filter(trial=trial, rule=rule) for event in row.events}
    if set(events) <= known:
        return None
    held = Trial.objects.for_update(trial.pk)
    row = TrialHold(trial=held, rule=rule, title=title, events=list(events))
    with acting(user=by, system="stopping_rule"):
        return _set(held, row, by)


@transaction.atomic
def sign_release(*, hold: TrialHold, role: str, reason: str, password: str, by: User) -> TrialHold:
    """Sign the release of a hold for the side of the role; the second side ends it.

    Raises ValidationError by field: no reason, a role of neither side, a side that signed already, the same person
    for both sides, a hold that has ended, and what a signature refuses.
    """
    trial = Trial.objects.for_update(hold.trial_id)
    row = TrialHold.objects.select_for_update().get(pk=hold.pk)
    side = SIDES.get(role)
    if side is None:
        raise ValidationError(_("A hold is released by an investigator and a representative of the sponsor."))
    if row.released_at is not None:
        raise ValidationError(_("This hold has been released."))
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the trial may go on.")})
    signed = list(HoldRelease.objects.filter(hold=row))
    if any(each.side == side for each in signed):
        raise ValidationError(_("This side has signed already: the other one signs too."))
    if any(each.signed_by_id == by.pk for each in signed):
        raise ValidationError(_("Two persons release a hold: you have signed already."))
    release = HoldRelease.objects.create(
        trial=trial, hold=row, side=side, reason=reason.strip(), signed_by=by
    )
    zone = trial.rules.trial.site.time_zone
    signatures.sign(target=release, meaning=Meaning.APPROVAL, password=password, by=by, zone=zone)
    if signed:
        row.released_at = timezone.now()
        row.save(update_fields=["released_at"])
        _note_on_trial(trial)
    return row


def hold_message(trial: Trial, at: datetime | None = None) -> str:
    """Return the message why nothing begins in the trial; empty if it is not held, or was not yet at a moment.

    No query: the trial as it was read.
    """
    since = trial.held_since
    if since is None or (at is not None and at < since):
        return ""
    text = _(
        "The trial is on hold since %(moment)s: nobody is included, allocated or treated until it is released."
    )
    return text % {"moment": shown_moment(since, trial.zone)}


def refuse_held(trial: Trial, at: datetime | None = None) -> None:
    """Raise ValidationError while the trial is held; at: unless it was not held yet at that moment."""
    if words := hold_message(trial, at):
        raise ValidationError(words)


def _set(trial: Trial, row: TrialHold, by: User) -> TrialHold:
    row.number = (trial.holds.aggregate(last=Max("number"))["last"] or 0) + 1
    row.save()
    _note_on_trial(trial)
    tell_sponsor(trial=trial, what="held", by=by)
    return row


def _note_on_trial(trial: Trial) -> None:
    """Keep at the trial since when it is held, so that no page and no step needs another query."""
    trial.held_since = trial.holds.filter(released_at=None).aggregate(first=Min("set_at"))["first"]
    trial.save(update_fields=["held_since"])
