"""The context of the bedside page: course, planned observations, proposed stops, checklists, what is missing."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dosing.bedside.course import Running, cells_per_minute
from dosing.bedside.gaps import checklist_words, gaps_of, point_words
from dosing.bedside.grid import DuePoint, PointState, next_due
from dosing.bedside.ledger import Ledger, ledger_of
from dosing.bedside.observing import checklist_opens
from dosing.bedside.posted import ANSWER, NOTE, OBSERVED
from dosing.bedside.record_gaps import record_gaps
from dosing.dose import MILLION
from dosing.infusions.infusion_checks import infusion_obstacle
from dosing.models import (
    BedsideGap,
    BedsideObservation,
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
from patients.participation.infusion_links import events_at
from protocol.document.items import Item
from protocol.values.labels import display, headed, is_missing, own_number
from protocol.values.moments import Moment
from protocol.values.parsing import flag
from trials.access import TrialRequest
from trials.permissions import Permission as P
from trials.reader import reader_language, shown_day, shown_moment, shown_number

STANDING = {
    Running.NOT_STARTED: (gettext_lazy("Not started"), "none"),
    Running.RUNNING: (gettext_lazy("Running"), "due"),
    Running.PAUSED: (gettext_lazy("Paused"), "draft"),
    Running.STOPPED: (gettext_lazy("Stopped"), "done"),
}
POINTS = {
    PointState.WAITING: (gettext_lazy("Later"), "none"),
    PointState.OPEN: (gettext_lazy("Due now"), "due"),
    PointState.TAKEN: (gettext_lazy("Taken"), "done"),
    PointState.EARLY: (gettext_lazy("Taken early"), "draft"),
    PointState.LATE: (gettext_lazy("Taken late"), "draft"),
    PointState.MISSED: (gettext_lazy("Missed"), "late"),
    PointState.VOID: (gettext_lazy("Not due"), "none"),
}
UNTAKEN = (PointState.OPEN, PointState.MISSED, PointState.WAITING)
Sent = Mapping[str, str]
Errors = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class AskedItem:
    """One input of the observation form: its name, label with unit, options, what was typed, and its error."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    mode: str
    required: bool
    typed: str
    error: str


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
        "now": _instant(now),
        "may_record": may,
        "may_report": request.access.may(P.REPORT_EVENT),
        "may_decide": request.access.may(P.SIGN),
        "may_set_time": request.access.may(P.PREPARE_PRODUCT) and row.state == Infusion.State.PLANNED,
        "sent": sent,
        "refused": [(name, texts) for name, texts in errors.items()],
        **_course(request, ledger, now),
        "missing": _missing(row, ledger),
        **_obstacles(row, ledger, may),
        **_observations(ledger, now, sent, errors, request.GET.get("time", "")),
        "checklists": _checklists(ledger, now, sent, errors),
        "proposals": _proposals(ledger),
        "gaps": [(gap, _at(gap.due, row), secrets.token_hex(16)) for gap in gaps_of(ledger, now)],
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
    standing = Running.STOPPED if course.started is None and ledger.ended else course.standing
    volume = course.volume(now)
    words, tone = STANDING[standing]
    return {
        "standing": standing.value,
        "standing_words": words,
        "standing_tone": tone,
        "elapsed_ms": int(course.elapsed(now) / timedelta(milliseconds=1)) if course.started else 0,
        "elapsed": _clock(course.elapsed(now)) if course.started else "",
        "started": _at(ledger.started, ledger.infusion),
        "ended": _at(ledger.ended, ledger.infusion),
        "rate": shown_number(course.rate) if course.rate is not None else "",
        "volume": shown_number(volume.quantize(Decimal("0.1"))) if volume is not None else "",
        "pauses": course.pauses,
        "unfinished": standing is Running.STOPPED and ledger.infusion.state == Infusion.State.PLANNED,
    }


def _missing(row: Infusion, ledger: Ledger) -> list[tuple[str, str]]:
    """Return what the record of a stopped infusion lacks, each with the address of its field."""
    stopped = ledger.course.standing is Running.STOPPED and row.state == Infusion.State.PLANNED
    record = reverse("dosing:infusion", args=[row.patient.trial.slug, row.patient.code, row.number])
    found = record_gaps(row) if stopped else []
    return [(words, f"{record}#id_{name}" if name else record) for words, name in found]


def _obstacles(row: Infusion, ledger: Ledger, may_record: bool) -> dict[str, Any]:
    waits = ledger.started is None and row.state == Infusion.State.PLANNED
    obstacle = infusion_obstacle(row) if waits and may_record else ""
    return {
        "obstacle": obstacle,
        "weight_missing": waits and not obstacle and row.weight_asked and row.weight_kg is None,
        # The same statements in both arms: what was dispensed is not read here.
        "kit_missing": waits and may_record and not obstacle and needs_reason(row),
        "weight": shown_number(row.weight_kg) if row.weight_kg is not None else "",
        "not_given": row.state == Infusion.State.NOT_GIVEN,
        "may_step": may_record and not obstacle and row.state == Infusion.State.PLANNED,
        "may_observe": may_record and not obstacle and row.state != Infusion.State.NOT_GIVEN,
    }


def _observations(ledger: Ledger, now: datetime, sent: Sent, errors: Errors, chosen: str) -> dict[str, Any]:
    points, row = ledger.points(now), ledger.infusion
    coming = next_due(points)
    taken = {each.point: each for each in ledger.observations if each.point}
    chosen = sent.get("point", chosen or (coming.code if coming else ""))
    extra = [(_at(each.at, row), each) for each in ledger.observations if not each.point]
    lines = [_line(point, taken.get(point.code), ledger, coming) for point in points]
    lines.sort(key=lambda line: not line["next"])
    lines += [_extra_line(when, each, ledger) for when, each in extra]
    return {
        "items": [_item(item, sent, errors) for item in ledger.plan.items],
        "columns": [
            headed(item.label.in_language(reader_language()), item.unit, _) for item in ledger.plan.items
        ],
        "lines": lines,
        "coming": _coming(coming, row),
        "choices": [
            (point.code, point_words(point.after, point.minutes), point.code == chosen)
            for point in points
            if point.state in UNTAKEN
        ],
        "extra_chosen": chosen == "",
    }


def _coming(point: DuePoint | None, row: Infusion) -> dict[str, Any] | None:
    if point is None:
        return None
    words, tone = POINTS[point.state]
    return {
        "words": point_words(point.after, point.minutes),
        "due": _at(point.due, row),
        "state": words,
        "tone": tone,
    }


def _line(
    point: DuePoint, taken: BedsideObservation | None, ledger: Ledger, coming: DuePoint | None
) -> dict[str, Any]:
    words, tone = POINTS[point.state]
    return {
        "code": point.code,
        "words": point_words(point.after, point.minutes),
        "due": _at(point.due, ledger.infusion),
        "state": words,
        "tone": tone,
        "next": point is coming,
        "can_take": point.state in UNTAKEN,
        **_values(taken, ledger),
    }


def _extra_line(when: str, row: BedsideObservation, ledger: Ledger) -> dict[str, Any]:
    return {
        "words": _("Another time"),
        "due": when,
        "state": _("Taken"),
        "tone": "done",
        **_values(row, ledger),
    }


def _values(row: BedsideObservation | None, ledger: Ledger) -> dict[str, Any]:
    if row is None:
        return {"values": [("", "", "") for _item in ledger.plan.items], "row": None}
    language = reader_language()
    shown = []
    for item in ledger.plan.items:
        value = row.values.get(item.name)
        words = shown_value(value, item, language) if value is not None else ""
        label = item.label.in_language(language)
        shown.append((label, words, "draft" if value is not None and flag(value, item) else ""))
    return {
        "values": shown,
        "row": row,
        "at": _at(row.at, ledger.infusion),
        "by": row.recorded_by,
        "marks": _marks(row),
    }


def shown_value(value: Any, item: Item, language: str) -> str:
    """Return a value without its unit, which stands in the head of the table."""
    if item.is_numeric and not is_missing(value):
        return own_number(value, item, language)
    return display(value, item, language, _)


def _marks(row: Any) -> list[str]:
    """Return how the moment of a row was measured: offset of the tablet's clock, sent later."""
    marks = []
    if row.clock_offset:
        marks.append(_("clock offset %(seconds)d s") % {"seconds": row.clock_offset})
    if row.sent_later:
        marks.append(_("sent later"))
    return marks


def _item(item: Item, sent: Sent, errors: Errors) -> AskedItem:
    language = reader_language()
    options = tuple((choice.code, choice.label.in_language(language)) for choice in item.choices)
    if item.type == "yes_no":
        options = (("Y", _("Yes")), ("N", _("No")))
    name = f"{OBSERVED}{item.name}"
    return AskedItem(
        name=name,
        label=headed(item.label.in_language(language), item.unit, _),
        options=options,
        mode={"integer": "numeric", "decimal": "decimal"}.get(item.type, "text"),
        required=item.required,
        typed=sent.get(name, ""),
        error=" ".join(errors.get(item.name, [])),
    )


def _checklists(ledger: Ledger, now: datetime, sent: Sent, errors: Errors) -> list[dict[str, Any]]:
    done, language = {check.hours: check for check in ledger.checks}, reader_language()
    return [
        {
            "hours": planned.hours,
            "title": checklist_words(planned.hours),
            "opens": _at(opens, ledger.infusion),
            "open": opens is not None and now >= opens,
            "done": done.get(planned.hours),
            "at": _at(done[planned.hours].at, ledger.infusion) if planned.hours in done else "",
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
            "at": _at(row.at, ledger.infusion),
            "rules": [known.get(code, code) for code in row.rules_met],
            "decision": decided.get(row.pk),
            "decided": _at(decided[row.pk].at, ledger.infusion) if row.pk in decided else "",
            "key": secrets.token_hex(16),
        }
        for row in reversed(met)
    ]


def _step(step: InfusionStep, row: Infusion) -> dict[str, Any]:
    unit = "mL" if step.kind == InfusionStep.Kind.STOPPED else "mL/h"
    return {
        "row": step,
        "at": _at(step.at, row),
        "moment": shown_moment(step.at, row.patient.trial.zone),
        "value": f"{shown_number(step.value)} {unit}" if step.value is not None else "",
        "has_value": step.kind
        in (InfusionStep.Kind.STARTED, InfusionStep.Kind.RATE, InfusionStep.Kind.STOPPED),
        "typed": shown_number(step.value) if step.value is not None else "",
        "marks": _marks(step),
        "key": secrets.token_hex(16),
    }


def _give_before(row: Infusion, now: datetime) -> list[dict[str, Any]]:
    """Return until when each kit is given, the newest time of each. One query."""
    return [
        {
            "kit": each.kit,
            "at": _at(each.at, row),
            "instant": _instant(each.at),
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
        "at": _at(latest, row),
        "instant": _instant(latest),
        "passed": latest < now,
        "left": left_words(latest, now),
        "waits": ledger.started is None,
        "cells": cells,
    }


def _at(moment: datetime | None, row: Infusion) -> str:
    """Return a moment on the clock of the site, with its day unless it is today."""
    if moment is None:
        return ""
    trial = row.patient.trial
    return shown_moment(moment, trial.zone).removeprefix(f"{shown_day(trial.today)} ")


def _instant(moment: datetime) -> str:
    """Return an instant as the script reads it. Not as a bare number, which could be taken for one of the product."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _clock(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
