"""The context of the bedside page: course, planned observations, proposed stops, checklists, what is missing."""

import secrets
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy

from dosing.bedside.course import Running, cells_per_minute
from dosing.bedside.gaps import checklist_words, gaps_of
from dosing.bedside.ledger import Ledger, ledger_of
from dosing.bedside.observation_lines import Errors, Sent, marks_of, observation_lines
from dosing.bedside.observing import checklist_opens
from dosing.bedside.posted import ANSWER, NOTE
from dosing.bedside.record_gaps import record_gaps
from dosing.bedside.shown_times import instant, running_clock, shown_at
from dosing.dose import MILLION
from dosing.infusions.infusion_checks import infusion_refusal
from dosing.models import (
    BedsideGap,
    Infusion,
    InfusionEventCheck,
    InfusionStep,
    Preparation,
    StopDecision,
)
from dosing.products.thaw import LONG_BEFORE
from dosing.worksheet.dispensed import needs_reason
from dosing.worksheet.give_before import newest_times
from dosing.worksheet.time_left import LENGTHS, left_words
from patients.participation.treatment.infusion_links import events_at
from protocol.values.moments import Moment
from trials.access import TrialRequest
from trials.permissions import Permission as P
from trials.reader import reader_language, shown_moment, shown_number

STANDING = {
    Running.NOT_STARTED: (gettext_lazy("Not started"), "none"),
    Running.RUNNING: (gettext_lazy("Running"), "due"),
    Running.PAUSED: (gettext_lazy("Paused"), "draft"),
    Running.STOPPED: (gettext_lazy("Stopped"), "done"),
}


def bedside_context(
    request: TrialRequest, row: Infusion, sent: Sent | None = None, errors: Errors | None = None
) -> dict[str, Any]:
    """Return the template context of the bedside page. Nothing in it depends on the arm, except for its readers.

    sent, errors: what was sent and refused, shown again. Reads row.patient. Nine queries and those of obstacles.
    """
    now, ledger = timezone.now(), ledger_of(row)
    sent, errors = sent or {}, errors or {}
    may = request.access.may(P.RECORD_INFUSION)
    return {
        "infusion": row,
        "patient": row.patient,
        "now": instant(now),
        "may_record": may,
        "may_report": request.access.may(P.REPORT_EVENT),
        "may_decide": request.access.may(P.SIGN),
        "may_set_time": request.access.may(P.PREPARE_PRODUCT) and row.state == Infusion.State.PLANNED,
        "sent": sent,
        "refused": [(name, texts) for name, texts in errors.items()],
        **_course(request, ledger, now),
        "missing": _missing(row, ledger),
        **_refusals(row, ledger, may),
        **observation_lines(ledger, now, sent, errors, request.GET.get("time", "")),
        "checklists": _checklists(ledger, now, sent, errors),
        "proposals": _proposals(ledger),
        "gaps": [(gap, shown_at(gap.due, row), secrets.token_hex(16)) for gap in gaps_of(ledger, now)],
        "gap_choices": BedsideGap.Choice.choices,
        "stop_choices": StopDecision.Choice.choices,
        "steps": [_step(step, row) for step in ledger.steps],
        "give_before": _give_before(row, now),
        "length_words": LENGTHS,
        "events": events_at(row.patient, row.number),
        "thawed": _since_thaw(request, row, ledger, now),
        "keys": {name: secrets.token_hex(16) for name in (*InfusionStep.Kind.values, "observe", "give")},
    }


def _course(request: TrialRequest, ledger: Ledger, now: datetime) -> dict[str, Any]:
    course = ledger.course
    # Documented late: there are no steps, but a start and an end.
    state = Running.STOPPED if course.started is None and ledger.ended else course.state
    volume = course.volume(now)
    words, tone = STANDING[state]
    return {
        "state": state.value,
        "standing_words": words,
        "standing_tone": tone,
        "elapsed_ms": int(course.elapsed(now) / timedelta(milliseconds=1)) if course.started else 0,
        "elapsed": running_clock(course.elapsed(now)) if course.started else "",
        "started": shown_at(ledger.started, ledger.infusion),
        "ended": shown_at(ledger.ended, ledger.infusion),
        "rate": shown_number(course.rate) if course.rate is not None else "",
        "volume": shown_number(volume.quantize(Decimal("0.1"))) if volume is not None else "",
        "pauses": course.pauses,
        "unfinished": state is Running.STOPPED and ledger.infusion.state == Infusion.State.PLANNED,
    }


def _missing(row: Infusion, ledger: Ledger) -> list[tuple[str, str]]:
    """Return the gaps of the record of a stopped infusion, each with the address of its field."""
    stopped = ledger.course.state is Running.STOPPED and row.state == Infusion.State.PLANNED
    record = reverse("dosing:infusion", args=[row.patient.trial.slug, row.patient.code, row.number])
    found = record_gaps(row) if stopped else []
    return [(words, f"{record}#id_{name}" if name else record) for words, name in found]


def _refusals(row: Infusion, ledger: Ledger, may_record: bool) -> dict[str, Any]:
    waits = ledger.started is None and row.state == Infusion.State.PLANNED
    refusal = infusion_refusal(row) if waits and may_record else ""
    return {
        "refusal": refusal,
        "weight_missing": waits and not refusal and row.weight_asked and row.weight_kg is None,
        # The same statements in both arms: what was dispensed is not read here.
        "kit_missing": waits and may_record and not refusal and needs_reason(row),
        "weight": shown_number(row.weight_kg) if row.weight_kg is not None else "",
        "not_given": row.state == Infusion.State.NOT_GIVEN,
        "may_step": may_record and not refusal and row.state == Infusion.State.PLANNED,
        "may_observe": may_record and not refusal and row.state != Infusion.State.NOT_GIVEN,
    }


def _checklists(ledger: Ledger, now: datetime, sent: Sent, errors: Errors) -> list[dict[str, Any]]:
    done, language = {check.hours: check for check in ledger.checks}, reader_language()
    return [
        {
            "hours": planned.hours,
            "title": checklist_words(planned.hours),
            "opens": shown_at(opens, ledger.infusion),
            "open": opens is not None and now >= opens,
            "done": done.get(planned.hours),
            "at": shown_at(done[planned.hours].at, ledger.infusion) if planned.hours in done else "",
            "key": secrets.token_hex(16),
            "events": [
                _event(event.code, event.text.in_language(language), done.get(planned.hours), sent, errors)
                for event in ledger.plan.events
            ],
            "is_sent": sent.get("do") == "checklist" and sent.get("hours") == str(planned.hours),
        }
        for planned in ledger.plan.checklists
        for opens in [checklist_opens(planned, ledger.ended)]
    ]


def _event(
    code: str, text: str, done: InfusionEventCheck | None, sent: Sent, errors: Errors
) -> dict[str, Any]:
    return {
        "code": code,
        "text": text,
        "answer": done.answers.get(code, "") if done else sent.get(f"{ANSWER}{code}", ""),
        "note": done.notes.get(code, "") if done else sent.get(f"{NOTE}{code}", ""),
        "error": " ".join([*errors.get(f"{ANSWER}{code}", []), *errors.get(f"{NOTE}{code}", [])]),
    }


def _proposals(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the observations that propose a stop, newest first, each with the decision on it. At most one query."""
    met = [row for row in ledger.observations if row.rules_met]
    if not met:
        return []
    rows = StopDecision.objects.in_force().filter(observation__in=met).select_related("recorded_by")
    decided = {decision.observation_id: decision for decision in rows}
    language = reader_language()
    known = {rule.code: rule.text.in_language(language) for rule in ledger.plan.stopping_rules}
    return [
        {
            "row": row,
            "at": shown_at(row.at, ledger.infusion),
            "rules": [known.get(code, code) for code in row.rules_met],
            "decision": decided.get(row.pk),
            "decided": shown_at(decided[row.pk].at, ledger.infusion) if row.pk in decided else "",
            "key": secrets.token_hex(16),
        }
        for row in reversed(met)
    ]


def _step(step: InfusionStep, row: Infusion) -> dict[str, Any]:
    unit = "mL" if step.kind == InfusionStep.Kind.STOPPED else "mL/h"
    return {
        "row": step,
        "at": shown_at(step.at, row),
        "moment": shown_moment(step.at, row.patient.trial.zone),
        "value": f"{shown_number(step.value)} {unit}" if step.value is not None else "",
        "has_value": step.kind
        in (InfusionStep.Kind.STARTED, InfusionStep.Kind.RATE, InfusionStep.Kind.STOPPED),
        "typed": shown_number(step.value) if step.value is not None else "",
        "marks": marks_of(step),
        "key": secrets.token_hex(16),
    }


def _give_before(row: Infusion, now: datetime) -> list[dict[str, Any]]:
    """Return until when each kit is given, the newest time of each. One query."""
    return [
        {
            "kit": each.kit,
            "at": shown_at(each.at, row),
            "instant": instant(each.at),
            "passed": each.at < now,
            "left": left_words(each.at, now),
        }
        for each in newest_times(row)
    ]


def _since_thaw(request: TrialRequest, row: Infusion, ledger: Ledger, now: datetime) -> dict[str, Any] | None:
    """Return until when the thawed product is given, and the cells per minute: only for who may know the treatment."""
    if not request.access.sees_treatment:
        return None
    product = Preparation.objects.visible_to(request.user).filter(infusion=row).first()
    if product is None or not product.thawed:
        return None
    latest = Moment.from_iso(product.thawed).earliest + LONG_BEFORE
    dosing, rate = row.patient.protocol.rules.dosing, ledger.course.rate
    volume = dosing.volume_ml.planned if dosing and dosing.volume_ml else None
    cells = ""
    if rate and volume and product.viable_cells:
        cells = shown_number(
            cells_per_minute(rate, product.viable_cells / MILLION, volume).quantize(Decimal("0.01"))
        )
    return {
        "at": shown_at(latest, row),
        "instant": instant(latest),
        "passed": latest < now,
        "left": left_words(latest, now),
        "waits": ledger.started is None,
        "cells": cells,
    }
