"""Observations and checklists at the bedside (CEL-15), and the stopping rules that an observation fulfils (CEL-16)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import Text, trimmed
from dosing.bedside.ledger import Ledger, ledger_of, locked_row, refuse_moment, sent_before
from dosing.bedside.tablet_clock import Tap
from dosing.infusions.infusion_checks import infusion_refusal
from dosing.models import BedsideObservation, Infusion, InfusionEventCheck, StopDecision
from dosing.models.bedside import BedsideRow
from protocol.document.items import Item
from protocol.document.monitoring_times import BedsidePlan, ChecklistTime
from protocol.expressions.stopping_rules import rules_met
from protocol.values.inputs import Clock
from protocol.values.parsing import Value, is_answered, is_missing, limit_findings, parse
from protocol.values.refusals import ValueRefused
from trials.reader import reader_language, shown_moment, shown_sentence

MOST_NOTE = 2000
YES, NO = "Y", "N"


@transaction.atomic
def record_observation(
    *, infusion: Infusion, point: str, typed: Mapping[str, str], tap: Tap, key: str, by: User
) -> BedsideObservation:
    """Record an observation at a planned time, or an extra one (empty `point`). The same key again stores nothing.

    typed: what was typed, by item. The stopping rules are judged at once and stored with it. Raises ValidationError by
    field: unreadable or impossible values, a required item without answer at a planned time, nothing answered, a
    planned time observed before, a moment in the future or after the death, an infusion that cannot be given.
    """
    patient, row = locked_row(infusion)
    if (existing := sent_before(BedsideObservation, row, key)) is not None:
        return existing
    ledger = ledger_of(row)
    _refuse_time(ledger, point)
    refuse_moment(patient, tap)
    values = _values(ledger.plan, typed, is_planned=bool(point), zone=str(patient.trial.zone))
    row_stored = BedsideObservation(
        infusion=row, point=point, at=tap.at, clock_offset=tap.offset, sent_later=tap.sent_later,
        values=values, recorded_by=by, save_key=key,
    )  # fmt: skip
    row_stored.rules_met = rules_met(
        patient.protocol.rules,
        values=values,
        baseline=baseline_of(ledger.observations, ledger.started, tap.at),
        previous=_previous(ledger.observations, tap.at),
    )
    row_stored.save()
    return row_stored


def baseline_of(
    observations: Sequence[BedsideObservation], started: datetime | None, before: datetime
) -> dict[str, Value]:
    """Return the last known values up to the start, by item; without a start those up to the moment."""
    until = min(started, before) if started is not None else before
    found: dict[str, Value] = {}
    for row in observations:
        if row.at <= until:
            found |= _known(row.values)
    return found


def _previous(observations: Sequence[BedsideObservation], before: datetime) -> dict[str, Value]:
    earlier = [row for row in observations if row.at < before]
    return _known(earlier[-1].values) if earlier else {}


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if not is_missing(value)}


def _refuse_time(ledger: Ledger, point: str) -> None:
    row = ledger.infusion
    if not ledger.plan.items:
        raise ValidationError(_("The protocol plans no observation at the bedside."))
    if row.state == Infusion.State.NOT_GIVEN:
        raise ValidationError(_("This infusion is marked as not given."))
    if ledger.started is None and (refusal := infusion_refusal(row)):
        raise ValidationError(refusal)
    planned = {time.code: time for time in ledger.plan.times}
    if point and point not in planned:
        raise ValidationError({"point": _("Choose a planned time, or another time.")})
    if any(each.point == point for each in ledger.observations if point):
        raise ValidationError(
            {"point": _("This time is recorded already: strike it out first, with a reason.")}
        )
    if point and planned[point].after == "end" and ledger.ended is None:
        raise ValidationError({"point": _("The infusion has not ended yet.")})
    if point and planned[point].minutes >= 0 and ledger.started is None:
        raise ValidationError({"point": _("The infusion has not been started yet.")})


def _values(plan: BedsidePlan, typed: Mapping[str, str], *, is_planned: bool, zone: str) -> dict[str, Value]:
    clock, values, errors = Clock(zone=zone, language=reader_language()), {}, {}
    for item in plan.items:
        try:
            value = parse(typed.get(item.name, ""), item, clock)
        except ValueRefused as refused:
            errors[item.name] = shown_sentence(refused)
            continue
        if value is not None:
            values[item.name] = value
        problem = _problem(item, value, is_planned=is_planned)
        if problem:
            errors[item.name] = problem
    if not errors and not any(is_answered(value) for value in values.values()):
        raise ValidationError(_("Nothing is observed yet."))
    if errors:
        raise ValidationError(dict(errors))
    return values


def _problem(item: Item, value: Value | None, *, is_planned: bool) -> str:
    if value is None:
        return _("Answer this, or choose why it is missing.") if is_planned and item.required else ""
    hard = [each for each in limit_findings(value, item) if each.severity == "hard"]
    return hard[0].sentence(_, reader_language()) if hard else ""


@transaction.atomic
def record_checklist(
    *,
    infusion: Infusion,
    hours: int,
    answers: Mapping[str, str],
    notes: Mapping[str, str],
    tap: Tap,
    key: str,
    by: User,
) -> InfusionEventCheck:
    """Record the checklist some hours after the end: each event yes or no, a yes with a note. The same key stores
    once.

    Raises ValidationError by field: an event without an answer, a yes without a note, before it is due, done before.
    """
    patient, row = locked_row(infusion)
    if (existing := sent_before(InfusionEventCheck, row, key)) is not None:
        return existing
    ledger = ledger_of(row)
    plan = {each.hours: each for each in ledger.plan.checklists}
    if hours not in plan:
        raise ValidationError(_("The protocol plans no such checklist."))
    if any(each.hours == hours for each in ledger.checks):
        raise ValidationError(_("This checklist is recorded already: strike it out first, with a reason."))
    refuse_moment(patient, tap)
    opens = checklist_opens(plan[hours], ledger.ended)
    if opens is None or tap.at < opens:
        when = shown_moment(opens, patient.trial.zone) if opens else _("the end of the infusion")
        raise ValidationError(_("This checklist is not answered before %(when)s.") % {"when": when})
    errors = _unanswered(ledger.plan, answers, notes)
    if errors:
        raise ValidationError(dict(errors))
    codes = [event.code for event in ledger.plan.events]
    return InfusionEventCheck.objects.create(
        infusion=row, hours=hours, at=tap.at, clock_offset=tap.offset, sent_later=tap.sent_later,
        answers={code: answers[code] for code in codes},
        notes={code: notes[code].strip() for code in codes if notes.get(code, "").strip()},
        recorded_by=by, save_key=key,
    )  # fmt: skip


def checklist_opens(planned: ChecklistTime, ended: datetime | None) -> datetime | None:
    """Return from when a checklist is answered: as long before it is due as it may be late. None before the end."""
    if ended is None:
        return None
    return ended + timedelta(hours=planned.hours, minutes=-planned.within_minutes)


def _unanswered(plan: BedsidePlan, answers: Mapping[str, str], notes: Mapping[str, str]) -> dict[str, str]:
    errors = {}
    for event in plan.events:
        note = notes.get(event.code, "").strip()
        if answers.get(event.code) not in (YES, NO):
            errors[f"e-{event.code}"] = _("Answer yes or no.")
        elif answers[event.code] == YES and not note:
            errors[f"n-{event.code}"] = _("Say what happened, and report it as an adverse event.")
        elif len(note) > MOST_NOTE:
            errors[f"n-{event.code}"] = _("At most %(most)d characters.") % {"most": MOST_NOTE}
    return errors


@transaction.atomic
def strike_out(*, row: BedsideRow, reason: Text, by: User) -> BedsideRow:
    """Strike out an observation, a checklist or a decision with a reason; steps are corrected by `correct_step`.

    Raises ValidationError without a reason, for a row struck out before, and for an observation on which a physician
    decided.
    """
    locked_row(row.infusion)
    stored = type(row).objects.select_for_update().get(pk=row.pk)
    if not trimmed(reason):
        raise ValidationError({"reason": _("Say why this is changed.")})
    if stored.struck_out:
        raise ValidationError(_("This was struck out already."))
    if (
        isinstance(stored, BedsideObservation)
        and StopDecision.objects.in_force().filter(observation=stored).exists()
    ):
        raise ValidationError(_("A physician decided on this observation: strike out the decision first."))
    with because(trimmed(reason)):
        stored.struck_out_reason = trimmed(reason)
        stored.save(update_fields=["struck_out_reason"])
    return stored
