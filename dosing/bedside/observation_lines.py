"""The observations of the bedside page: planned points and taken values as lines, and the inputs of the next one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dosing.bedside.gaps import point_words
from dosing.bedside.grid import DuePoint, PointState, next_due
from dosing.bedside.ledger import Ledger
from dosing.bedside.posted import OBSERVED
from dosing.bedside.shown_times import shown_at
from dosing.models import BedsideObservation, Infusion
from protocol.document.items import Item
from protocol.values.labels import display, headed, is_missing, own_number
from protocol.values.parsing import flag
from trials.reader import reader_language

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


def observation_lines(
    ledger: Ledger, now: datetime, sent: Sent, errors: Errors, chosen: str
) -> dict[str, Any]:
    points, row = ledger.points(now), ledger.infusion
    coming = next_due(points)
    taken = {each.point: each for each in ledger.observations if each.point}
    chosen = sent.get("point", chosen or (coming.code if coming else ""))
    extra = [(shown_at(each.at, row), each) for each in ledger.observations if not each.point]
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
        "due": shown_at(point.due, row),
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
        "due": shown_at(point.due, ledger.infusion),
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
        "at": shown_at(row.at, ledger.infusion),
        "by": row.recorded_by,
        "marks": marks_of(row),
    }


def shown_value(value: Any, item: Item, language: str) -> str:
    """Return a value without its unit, which stands in the head of the table."""
    if item.is_numeric and not is_missing(value):
        return own_number(value, item, language)
    return display(value, item, language, _)


def marks_of(row: Any) -> list[str]:
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
