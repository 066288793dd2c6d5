"""Who entered, completed and changed a form, and which values changed since (P11-02, P11-05).

Only rows of the history whose values or state changed count. Verification, freezes and locks write rows too, but they
enter, complete and change nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from audit.stored_text import Text
from audit.system_texts import actor_words
from audit.trail import history_model
from audit.trail_reading.change_labels import EMPTY
from patients.models import Record

COLUMNS = (
    "history_id",
    "state",
    "values",
    "history_date",
    "history_full_name",
    "history_role",
    "history_change_reason",
)

State = tuple[bool, Mapping[str, Any], tuple[Any, ...]]
"""Whether a row was complete, its values, and (time, author, reason)."""


@dataclass(slots=True)
class ChangedValue:
    """One changed value: its first value, the number of changes, and the last change."""

    original: Any
    times: int
    at: datetime
    who: str
    reason: Text


@dataclass(frozen=True, slots=True)
class FormAct:
    """Who entered, completed, changed or struck out a form, when, and in which role at that time."""

    at: datetime
    who: str
    role: str
    reason: Text = ""


@dataclass(slots=True)
class FormHistory:
    """The history of one form.

    entered: the first entry. completed: the last time its state became complete. last: the last change of a value or
    of the state. changed: by item, what changed since it was entered. An item that was filled in after the form was
    complete counts as changed; its first value is blank. since_completed: items that changed after the form was
    complete. changed_at: by item, number and time of the history row of its last change.
    """

    entered: FormAct | None = None
    completed: FormAct | None = None
    last: FormAct | None = None
    struck_out: FormAct | None = None
    changed: dict[str, ChangedValue] = field(default_factory=dict)
    since_completed: set[str] = field(default_factory=set)
    changed_at: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    def since(self, row: int) -> frozenset[str]:
        """Return the items that changed after a row of the history, such as the one that was signed."""
        return frozenset(name for name, (number, _at) in self.changed_at.items() if number > row)

    def since_moment(self, moment: datetime) -> frozenset[str]:
        """Return the items that changed after a moment, for a signature that was not on the form itself."""
        return frozenset(name for name, (_number, at) in self.changed_at.items() if at > moment)


def history_of(record: Record) -> FormHistory:
    """Return the history of a form. One query."""
    rows = record.history.order_by("history_id").values_list(*COLUMNS)
    return _told(rows)


def histories_of(patient_id: int) -> dict[int, FormHistory]:
    """Return the history of each form of a patient, by record. One query."""
    rows = history_model(Record)._default_manager.filter(history_patient=patient_id)
    found = rows.order_by("id", "history_id").values_list("id", *COLUMNS)
    return {key: _told(lives) for key, lives in by_key(found.iterator(chunk_size=500))}


def _told(rows: Iterable[tuple[Any, ...]]) -> FormHistory:
    """Return the history that rows of one form tell, in their order."""
    found, states = FormHistory(), list[State]()
    state, before = "", dict[str, Any]()
    for number, now, values, at, who, role, reason in rows:
        items = different(before, values)
        act = FormAct(at, actor_words(who), role, reason or "")
        if items or now != state:
            found.last = act
        found.entered = found.entered or act
        found.changed_at.update(dict.fromkeys(items, (number, at)))
        if found.completed is not None:
            found.since_completed.update(items)
        if now != state and now == Record.State.COMPLETE:
            found.completed = act
        if now != state and now == Record.State.STRUCK_OUT:
            found.struck_out = act
        states.append((now == Record.State.COMPLETE, values, (at, who, reason)))
        state, before = now, values
    found.changed = changed_values(states)
    return found


def different(before: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    """Return the names whose values differ; nothing and an empty value are the same."""
    pairs = ((name, before.get(name), values.get(name)) for name in {**before, **values})
    return [name for name, old, new in pairs if old != new and not (old in EMPTY and new in EMPTY)]


def by_key(rows: Iterable[Any]) -> Iterator[tuple[int, list[tuple[Any, ...]]]]:
    """Yield (key, its history states in order); the rows must be sorted by key."""
    for key, lives in groupby(rows, key=itemgetter(0)):
        yield key, [row[1:] for row in lives]


def changed_values(
    states: Sequence[State],
) -> dict[str, ChangedValue]:
    """Return the changes over a sequence of (row was complete, values, (time, author, reason))."""
    first: dict[str, Any] = {}
    changed: dict[str, ChangedValue] = {}
    before: Mapping[str, Any] = {}
    completed = False
    for complete, values, (at, who, reason) in states:
        for name in different(before, values):
            if name not in first:
                # A value entered after completion was blank in the complete form: it counts as changed.
                first[name] = None if completed else values.get(name)
                if not completed:
                    continue
            times = changed[name].times + 1 if name in changed else 1
            changed[name] = ChangedValue(first[name], times, at, actor_words(who), reason or "")
        before, completed = values, completed or complete
    return changed
