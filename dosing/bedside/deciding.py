"""Decisions at the bedside: on a proposed stop, on missing records, and until when a kit is given."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from dosing.bedside.gaps import gaps_of
from dosing.bedside.ledger import ledger_of, locked_row, sent_before
from dosing.bedside.tablet_clock import Tap
from dosing.models import BedsideGap, BedsideObservation, GiveBefore, Infusion, StopDecision
from patients.models import Deviation
from patients.participation.deviation_log.deviation_decisions import DeviationFacts, add_deviation
from protocol.values.moments import Moment


@transaction.atomic
def decide_stop(
    *, observation: BedsideObservation, choice: str, reason: str, key: str, by: User
) -> StopDecision:
    """Record what a physician decided on a proposed stop, with the reason (CEL-16). The same key stores once.

    Raises ValidationError by field without a choice or a reason, for an observation that fulfils no rule or was struck
    out, and where a decision stands already.
    """
    _patient, row = locked_row(observation.infusion)
    if (existing := sent_before(StopDecision, row, key)) is not None:
        return existing
    seen = BedsideObservation.objects.select_for_update().get(pk=observation.pk, infusion=row)
    if seen.struck_out or not seen.rules_met:
        raise ValidationError(_("This observation proposes no stop."))
    if StopDecision.objects.in_force().filter(observation=seen).exists():
        raise ValidationError(_("A physician decided on this observation already."))
    _need(choice in StopDecision.Choice.values, reason)
    now = timezone.now()
    return StopDecision.objects.create(
        infusion=row,
        observation=seen,
        choice=choice,
        reason=reason.strip(),
        at=now,
        recorded_by=by,
        save_key=key,
    )


@transaction.atomic
def settle_gap(*, infusion: Infusion, gap: str, choice: str, reason: str, key: str, by: User) -> BedsideGap:
    """Record what a person decided on something missing: a deviation, which is opened, or none.

    Raises ValidationError by field without a choice or a reason, and for something that is not missing.
    """
    patient, row = locked_row(infusion)
    if (existing := sent_before(BedsideGap, row, key)) is not None:
        return existing
    missing = {each.code: each for each in gaps_of(ledger_of(row), timezone.now())}
    if gap not in missing:
        raise ValidationError(_("This is not missing, or somebody decided on it already."))
    _need(choice in BedsideGap.Choice.values, reason)
    if choice == BedsideGap.Choice.DEVIATION:
        told = {"number": row.number, "missing": missing[gap].words, "reason": reason.strip()}
        facts = DeviationFacts(
            category=Deviation.Category.ASSESSMENT,
            occurred_on=Moment.from_date(patient.trial.day_of(missing[gap].due)),
            detected_on=patient.trial.today,
            description=_("Infusion %(number)d, not done: %(missing)s. %(reason)s") % told,
            action_taken="",
        )
        add_deviation(patient=patient, facts=facts, by=by, save_key=f"bedside:{row.pk}:{gap}")
    return BedsideGap.objects.create(
        infusion=row,
        gap=gap,
        choice=choice,
        reason=reason.strip(),
        at=timezone.now(),
        recorded_by=by,
        save_key=key,
    )


@transaction.atomic
def set_give_before(*, infusion: Infusion, tap: Tap, kit: str, key: str, by: User) -> GiveBefore:
    """Set until when a kit is given; the newest time counts. Set by the same rule in both arms, so that it tells none.

    Raises ValidationError for an infusion that is recorded already.
    """
    _patient, row = locked_row(infusion)
    if (existing := sent_before(GiveBefore, row, key)) is not None:
        return existing
    if row.state != Infusion.State.PLANNED:
        raise ValidationError(_("This infusion is already recorded: amend it there."))
    if len(kit.strip()) > 40:
        raise ValidationError({"kit": _("At most %(most)d characters.") % {"most": 40}})
    return GiveBefore.objects.create(infusion=row, at=tap.at, kit=kit.strip(), recorded_by=by, save_key=key)


def _need(chosen: bool, reason: str) -> None:
    errors = {}
    if not chosen:
        errors["choice"] = _("Choose one.")
    if not reason.strip():
        errors["reason"] = _("Say why.")
    if errors:
        raise ValidationError(errors)
