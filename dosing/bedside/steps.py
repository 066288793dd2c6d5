"""The steps of an infusion at the bedside, kept in a ledger; the record of the infusion is derived from it."""

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import Text, trimmed
from dosing.bedside.course import Running
from dosing.bedside.ledger import (
    as_course_step,
    checked_course,
    locked_row,
    refuse_moment,
    sent_before,
)
from dosing.bedside.tablet_clock import Tap
from dosing.infusions.administration import record_infusion
from dosing.infusions.infusion_checks import MOST_ML, Bedside, start_errors
from dosing.models import Infusion, InfusionStep
from dosing.patient_dose import asks_weight
from patients.models import Patient
from patients.participation.questions import Questioned
from protocol.values.moments import Moment

Kind = InfusionStep.Kind
MOST_ML_PER_HOUR = 10_000


@transaction.atomic
def record_step(
    *,
    infusion: Infusion,
    kind: str,
    tap: Tap,
    key: str,
    by: User,
    value: Decimal | None = None,
    reason: str = "",
    timing_reason: str = "",
) -> InfusionStep:
    """Record a start, pause, resumption, change of rate or stop. The same key again returns the step stored first.

    value: rate in mL/h, for a stop the volume infused in mL. A stop completes the record of the infusion, if nothing
    is missing there. Raises ValidationError for a start that `record_infusion` would refuse, an impossible order, a
    moment in the future or after the death, and a missing rate. A stop without a volume and a pause without a reason
    are recorded at once; the record of the infusion then waits for a person.
    """
    patient, row = locked_row(infusion)
    if (existing := sent_before(InfusionStep, row, key)) is not None:
        return existing
    _refuse_state(row, kind)
    refuse_moment(patient, tap)
    _refuse_value(kind, value)
    if kind == Kind.STARTED:
        _refuse_start(patient, row, tap, timing_reason.strip())
    step = InfusionStep(
        infusion=row, kind=kind, at=tap.at, clock_offset=tap.offset, sent_later=tap.sent_later, value=value,
        reason=reason.strip(), timing_reason=timing_reason.strip(), recorded_by=by, save_key=key,
    )  # fmt: skip
    checked_course(patient, [*map(as_course_step, _in_force(row)), as_course_step(step)])
    step.save()
    derive(patient, row, by=by)
    return step


@transaction.atomic
def correct_step(
    *,
    step: InfusionStep,
    reason: Text,
    key: str,
    by: User,
    tap: Tap | None = None,
    value: Decimal | None = None,
) -> InfusionStep:
    """Strike a step out with a reason; with `tap` record it anew at another moment or with another value.

    Returns the new step, or the one struck out. Raises ValidationError without a reason, for a step struck out
    before, and if what remains is impossible.
    """
    patient, row = locked_row(step.infusion)
    if (existing := sent_before(InfusionStep, row, key)) is not None:
        return existing
    old = InfusionStep.objects.select_for_update().get(pk=step.pk, infusion=row)
    if not trimmed(reason):
        raise ValidationError({"reason": _("Say why this is changed.")})
    if old.struck_out:
        raise ValidationError(_("This was struck out already."))
    new = None
    if tap is not None:
        refuse_moment(patient, tap)
        _refuse_value(old.kind, value)
        new = InfusionStep(
            infusion=row, kind=old.kind, at=tap.at, clock_offset=tap.offset, sent_later=tap.sent_later,
            value=value, reason=old.reason, timing_reason=old.timing_reason, recorded_by=by, save_key=key,
        )  # fmt: skip
    left = [each for each in _in_force(row) if each.pk != old.pk]
    checked_course(patient, map(as_course_step, [*left, new] if new else left))
    with because(trimmed(reason)):
        old.struck_out_reason = trimmed(reason)
        old.save(update_fields=["struck_out_reason"])
        if new is not None:
            new.save()
    derive(patient, row, by=by, reason=reason)
    return new or old


def derive(patient: Patient, row: Infusion, *, by: User, reason: Text = "") -> bool:
    """Complete the record of a stopped infusion from its steps; return whether its columns agree with them now.

    What the record refuses (a signature that fell meanwhile, a question) is left for a person, who completes it in the
    form of the infusion: the steps stay as they happened.
    """
    facts = stopped_facts(patient, row)
    if facts is None:
        return False
    if row.state == Infusion.State.GIVEN and not trimmed(reason):
        return False
    try:
        with transaction.atomic():
            record_infusion(infusion=row, facts=facts, version=row.version, by=by, reason=reason)
    except (ValidationError, Questioned):
        return False
    return True


def stopped_facts(patient: Patient, row: Infusion) -> Bedside | None:
    """Return the facts of a stopped infusion from its steps; None while it runs, or without its weight or volume."""
    steps = list(_in_force(row))
    course = checked_course(patient, map(as_course_step, steps))
    if course.state is not Running.STOPPED or course.started is None or course.stopped is None:
        return None
    zone, stop = str(patient.trial.zone), steps[-1]
    first = next(step for step in steps if step.kind == Kind.STARTED)
    if (asks_weight(row) and row.weight_kg is None) or stop.value is None:
        return None
    return Bedside(
        weight_kg=row.weight_kg,
        weight_measured=Moment.from_iso(row.weight_measured) if row.weight_measured else None,
        weight_confirmation=row.weight_confirmation,
        started=Moment.from_datetime(course.started, zone),
        ended=Moment.from_datetime(course.stopped, zone),
        volume_ml=stop.value,
        interrupted="Y" if course.pauses else "N",
        interruption_reason="; ".join(step.reason for step in steps if step.reason),
        premedication=row.premedication,
        tolerated=row.tolerated,
        tolerance_note=row.tolerance_note,
        timing_deviation_reason=first.timing_reason or row.timing_deviation_reason,
    )


def _in_force(row: Infusion) -> Any:
    return InfusionStep.objects.in_force().filter(infusion=row).order_by("at", "pk")


def _refuse_state(row: Infusion, kind: str) -> None:
    if kind not in Kind.values:
        raise ValidationError(_("Choose what happened."))
    if row.state == Infusion.State.NOT_GIVEN:
        raise ValidationError(_("This infusion is marked as not given."))
    if row.state == Infusion.State.GIVEN:
        raise ValidationError(_("This infusion is already recorded: correct a step, or amend it there."))


def _refuse_start(patient: Patient, row: Infusion, tap: Tap, timing_reason: str) -> None:
    started = Moment.from_datetime(tap.at, str(patient.trial.zone))
    errors = start_errors(row, started, timing_reason)
    if errors:
        raise ValidationError(dict(errors))


def _refuse_value(kind: str, value: Decimal | None) -> None:
    # A stop or a pause waits for no number and no reason: the record of the infusion asks for what is missing.
    most = MOST_ML if kind == Kind.STOPPED else MOST_ML_PER_HOUR
    if kind == Kind.RATE and value is None:
        raise ValidationError({"value": _("Give the rate, in mL/h.")})
    if value is not None and not 0 < value <= most:
        raise ValidationError(
            {"value": _("The number must be above zero and at most %(most)d.") % {"most": most}}
        )
    if value is not None and kind in (Kind.PAUSED, Kind.RESUMED):
        raise ValidationError({"value": _("A pause has no rate and no volume.")})
