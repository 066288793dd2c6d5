"""The reference ranges as they were at an earlier moment, from their trail (LAB-03, AUD-01)."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from audit.trail import history_model
from protocol.values.reference_ranges import Range, RangeBook
from trials.laboratories.ranges import range_of
from trials.models import Laboratory, ReferenceRange, Trial


def books_at(trial: Trial, moments: Iterable[datetime]) -> dict[datetime, RangeBook]:
    """Return by moment the ranges that applied then. Two queries, none without a moment.

    Laboratories are those of now: their code never changes, and which is the default is no correction of a range.
    """
    wanted = sorted(set(moments))
    if not wanted:
        return {}
    laboratories = {row.pk: row for row in Laboratory.objects.filter(trial=trial)}
    default = next((row.code for row in laboratories.values() if row.is_default), "")
    rows = history_model(ReferenceRange)._default_manager.filter(history_trial=trial.pk)
    history: list[Any] = list(rows.order_by("history_id"))
    times = [row.history_date for row in history]
    books: dict[int, RangeBook] = {}
    found = {}
    for moment in wanted:
        until = bisect_right(times, moment)
        if until not in books:
            books[until] = RangeBook.of(_ranges(history[:until], laboratories), default)
        found[moment] = books[until]
    return found


def _ranges(history: Iterable[Any], laboratories: dict[int, Laboratory]) -> list[Range]:
    """Return the ranges in force after these rows of their history, in the order of their keys."""
    last = {row.id: row for row in history}
    kept = (last[key] for key in sorted(last))
    return [
        range_of(_as_range(row, laboratories[row.laboratory_id]))
        for row in kept
        if row.history_type != "-" and not row.in_error_reason and row.laboratory_id in laboratories
    ]


def _as_range(row: Any, laboratory: Laboratory) -> ReferenceRange:
    names = ("form", "item", "unit", "sex", "age_from", "age_to", "effective_from", "effective_to")
    bounds = {"lower": row.lower, "upper": row.upper}
    return ReferenceRange(laboratory=laboratory, **bounds, **{name: getattr(row, name) for name in names})
