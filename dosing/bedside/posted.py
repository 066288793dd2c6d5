"""The input that the bedside page sends: the moment of a tap, numbers, and the entry that is meant."""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from dosing.bedside import deciding, observing, steps
from dosing.bedside.tablet_clock import Tap, tap_of
from dosing.models import BedsideObservation, Infusion, InfusionEventCheck, InfusionStep, StopDecision
from protocol.values.moments import parse_minute
from protocol.values.refusals import ValueRefused
from trials.measure_fields import MeasureField
from trials.reader import shown_sentence

OBSERVED, ANSWER, NOTE = "o-", "e-", "n-"
MEASURED = MeasureField(unit="mL", places=2, required=False)
MOST_TEXT = 1000
CLOCK_ONLY = re.compile(r"[0-9]{1,2}[:hH.][0-9]{2}", re.ASCII)
# What a page may strike out, by the name in its form.
STRUCK: dict[str, Any] = {
    "observation": BedsideObservation, "checklist": InfusionEventCheck, "decision": StopDecision
}  # fmt: skip
Sent = Mapping[str, str]


def store(sent: Sent, *, infusion: Infusion, by: User) -> str:
    """Store one entry of the bedside page; return what was stored, in words. Reads infusion.patient.

    Raises ValidationError by the name of the input, and for an entry that the page does not send.
    """
    action = sent.get("do", "")
    if action in InfusionStep.Kind.values:
        return _step(action, sent, infusion, by)
    if action in ACTIONS:
        return ACTIONS[action](sent, infusion, by)
    raise ValidationError(_("This page is out of date. Open it again."))


def _step(kind: str, sent: Sent, infusion: Infusion, by: User) -> str:
    step = steps.record_step(
        infusion=infusion,
        kind=kind,
        tap=tap_from(sent, infusion),
        key=sent.get("key", ""),
        value=number(sent),
        reason=text(sent, "reason"),
        timing_reason=text(sent, "timing_reason"),
        by=by,
    )
    return str(step.get_kind_display())


def _observation(sent: Sent, infusion: Infusion, by: User) -> str:
    observing.record_observation(
        infusion=infusion,
        point=sent.get("point", ""),
        typed=_after(sent, OBSERVED),
        tap=tap_from(sent, infusion),
        key=sent.get("key", ""),
        by=by,
    )
    return _("Observation")


def _checklist(sent: Sent, infusion: Infusion, by: User) -> str:
    hours = sent.get("hours", "")
    observing.record_checklist(
        infusion=infusion,
        hours=int(hours) if hours.isascii() and hours.isdigit() and len(hours) < 4 else 0,
        answers=_after(sent, ANSWER),
        notes=_after(sent, NOTE),
        tap=tap_from(sent, infusion),
        key=sent.get("key", ""),
        by=by,
    )
    return _("Checklist")


def _correct(sent: Sent, infusion: Infusion, by: User) -> str:
    step = _row(InfusionStep, sent, infusion)
    only_strike = sent.get("strike", "") == "Y"
    if not only_strike and not sent.get("typed_at", "").strip():
        raise ValidationError({"typed_at": _("Give the right time, or tick that it did not happen.")})
    steps.correct_step(
        step=step,
        reason=text(sent, "reason"),
        key=sent.get("key", ""),
        tap=None if only_strike else tap_from(sent, infusion),
        value=None if only_strike else number(sent),
        by=by,
    )
    return _("Correction")


def _strike(sent: Sent, infusion: Infusion, by: User) -> str:
    model = STRUCK.get(sent.get("kind", ""))
    if model is None or model is StopDecision:
        raise ValidationError(_("This page is out of date. Open it again."))
    observing.strike_out(row=_row(model, sent, infusion), reason=text(sent, "reason"), by=by)
    return _("Correction")


def _gap(sent: Sent, infusion: Infusion, by: User) -> str:
    deciding.settle_gap(
        infusion=infusion,
        gap=sent.get("gap", ""),
        choice=sent.get("choice", ""),
        reason=text(sent, "reason"),
        key=sent.get("key", ""),
        by=by,
    )
    return _("Decision")


ACTIONS = {
    "observe": _observation, "checklist": _checklist, "correct": _correct, "strike": _strike, "gap": _gap
}  # fmt: skip


def decide(sent: Sent, *, infusion: Infusion, by: User) -> str:
    """Store what a physician decided on a proposed stop. Raises ValidationError by the name of the input."""
    observation = _row(BedsideObservation, sent, infusion)
    deciding.decide_stop(
        observation=observation,
        choice=sent.get("choice", ""),
        reason=text(sent, "reason"),
        key=sent.get("key", ""),
        by=by,
    )
    return _("Decision")


def give_before(sent: Sent, *, infusion: Infusion, by: User) -> str:
    """Store until when a kit is given. Raises ValidationError by the name of the input."""
    if not sent.get("typed_at", "").strip():
        raise ValidationError({"typed_at": _("Give the time.")})
    deciding.set_give_before(
        infusion=infusion,
        tap=tap_from(sent, infusion),
        kit=text(sent, "kit"),
        key=sent.get("key", ""),
        by=by,
    )
    return _("Give before")


def tap_from(sent: Sent, infusion: Infusion) -> Tap:
    """Return the moment of an entry: typed, else of the tablet, else now. Raises ValidationError."""
    now = timezone.now()
    if typed := sent.get("typed_at", "").strip():
        return Tap(_typed_moment(typed, infusion), None, sent_later=False)
    if "tapped_ms" not in sent:
        return Tap(now, None, sent_later=False)
    try:
        return tap_of(int(sent["tapped_ms"][:20]), int(sent.get("offset_ms", "")[:20]), now)
    except ValueError:
        raise ValidationError(_("This page is out of date. Open it again.")) from None


def _typed_moment(typed: str, infusion: Infusion) -> datetime:
    zone = str(infusion.patient.trial.zone)
    try:
        # A time without a day is today's, as it is written at the bedside.
        moment = parse_minute(f"t {typed}" if CLOCK_ONLY.fullmatch(typed) else typed, zone)
    except ValueRefused as refused:
        raise ValidationError({"typed_at": shown_sentence(refused)}) from refused
    return moment.earliest


def number(sent: Sent) -> Decimal | None:
    """Return the rate or volume that was typed. Raises ValidationError on one that cannot be read."""
    try:
        return MEASURED.clean(sent.get("value", ""))
    except ValidationError as refused:
        raise ValidationError({"value": refused.messages}) from refused


def text(sent: Sent, name: str) -> str:
    """Return a short text without NUL. Raises ValidationError if it is too long."""
    found = sent.get(name, "").replace("\0", "").strip()
    if len(found) > MOST_TEXT:
        raise ValidationError({name: _("At most %(most)d characters.") % {"most": MOST_TEXT}})
    return found


def _row(model: Any, sent: Sent, infusion: Infusion) -> Any:
    key = sent.get("row", "")
    found = (
        model.objects.filter(infusion=infusion, pk=int(key)).first()
        if key.isascii() and key.isdigit() and len(key) < 19
        else None
    )
    if found is None:
        raise ValidationError(_("This page is out of date. Open it again."))
    found.infusion = infusion
    return found


def _after(sent: Sent, prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value.replace("\0", "")
        for name, value in sent.items()
        if name.startswith(prefix)
    }
