"""First values of everything that was changed since it was entered (Annex 11 §8.2)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models

from audit.change_labels import EMPTY
from audit.stored_text import Text
from audit.system_texts import actor_words
from audit.trail import history_model, tracked_columns
from patients.models import Record

HEAD = ("history_date", "history_full_name", "history_change_reason")
# Set by the application, not entered by a person.
DERIVED = frozenset(
    {"version", "state", "position", "planned_on", "window_from", "window_to", "cells_per_kg", "dose_finding",
     "created_at", "recorded_at", "prepared_at", "enrolled_at", "started_at", "ended_at", "given_at",
     "onset_earliest", "onset_latest", "end_earliest", "end_latest", "aware_at", "serious_aware_at", "draft_clock_at",
     "due_at", "reported_at"}
    # They name a person, so no paper shows them.
    | {"representative_name", "scan"}
)  # fmt: skip


@dataclass(slots=True)
class Past:
    """One changed value: its first value, the number of changes, and the last change."""

    original: Any
    times: int
    at: datetime
    who: str
    reason: Text


def of_items(patient_id: int) -> dict[int, dict[str, Past]]:
    """Return by record the items that changed since they were entered. One query.

    An item that was filled in after the form was complete counts as changed; its first value is blank.
    """
    rows = history_model(Record)._default_manager.filter(history_patient=patient_id)
    rows = rows.order_by("id", "history_id").values_list("id", "state", "values", *HEAD)
    found: dict[int, dict[str, Past]] = {}
    for key, lives in _by_key(rows.iterator(chunk_size=500)):
        states = [(row[0] == Record.State.COMPLETE, row[1], row[2:]) for row in lives]
        if changed := _changed(states):
            found[key] = changed
    return found


def of_columns(
    model: type[models.Model], patient_id: int, *, at_once: bool = False
) -> dict[int, dict[str, Past]]:
    """Return by row the columns that changed since they were entered. One query.

    at_once: the whole row is entered when it is created, so a column filled in later counts as changed.
    """
    fields = [field for field in tracked_columns(model) if not field.primary_key]
    names = [field.attname for field in fields if field.name not in DERIVED]
    rows = history_model(model)._default_manager.filter(history_patient=patient_id)
    rows = rows.order_by("id", "history_id").values_list("id", *HEAD, *names)
    found: dict[int, dict[str, Past]] = {}
    for key, lives in _by_key(rows.iterator(chunk_size=500)):
        states = [(at_once, dict(zip(names, row[3:], strict=True)), row[:3]) for row in lives]
        if changed := _changed(states):
            found[key] = changed
    return found


def _by_key(rows: Iterator[Any]) -> Iterator[tuple[int, list[tuple[Any, ...]]]]:
    """Yield (key, its history states in order); the rows must be sorted by key."""
    key, lives = None, list[tuple[Any, ...]]()
    for row in rows:
        if row[0] != key and key is not None:
            yield key, lives
            lives = []
        key = row[0]
        lives.append(row[1:])
    if key is not None:
        yield key, lives


def _changed(states: Sequence[tuple[bool, Mapping[str, Any], tuple[Any, ...]]]) -> dict[str, Past]:
    """Return what changed over a sequence of (form was complete, values, (time, author, reason))."""
    first: dict[str, Any] = {}
    changed: dict[str, Past] = {}
    before: Mapping[str, Any] = {}
    completed = False
    for complete, values, (at, who, reason) in states:
        for name in {**before, **values}:
            old, new = before.get(name), values.get(name)
            if old == new or (old in EMPTY and new in EMPTY):
                continue
            if name not in first:
                # A value entered after completion was blank in the complete form: it counts as changed.
                first[name] = None if completed else new
                if not completed:
                    continue
            times = changed[name].times + 1 if name in changed else 1
            changed[name] = Past(first[name], times, at, actor_words(who), reason or "")
        before, completed = values, completed or complete
    return changed
