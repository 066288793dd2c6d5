"""The rows of the trail that are not indexed yet, read table by table and ordered by time."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import connection, models

from audit.clock import as_utc
from audit.events import without_counts
from audit.models import AccessEvent, Signature, TrailReview
from audit.trail import (
    history_model,
    item_name,
    mark_columns,
    model_labelled,
    told_columns,
    tracked_columns,
    tracked_models,
    trail_of,
)
from audit.trail_reading import snapshots

KINDS = {"+": "created", "~": "changed", "-": "deleted"}
SIGNATURE_KINDS = {"+": "signed", "~": "unsigned", "-": "deleted"}
EMPTY: tuple[Any, ...] = (None, "", [], {})
# Never searched: keys and hashes of attached files, which only some may read.
SECRET_PARTS = frozenset({"file", "sha256", "damaged"})


@dataclass(frozen=True)
class IndexedTable:
    """A table of the trail: a history (`of`: its audited model), the access events, or the reviews."""

    name: str
    model: type[models.Model]
    of: type[models.Model] | None

    @property
    def key(self) -> str:
        """Column that numbers the rows."""
        return "history_id" if self.of else "id"

    @property
    def time(self) -> str:
        """Column with the time of a row."""
        return "history_date" if self.of else "at" if self.model is AccessEvent else "reviewed_at"

    @cached_property
    def columns(self) -> list[str]:
        """Names of the columns in the order in which a row is read."""
        return [field.attname for field in self.model._meta.concrete_fields]

    @cached_property
    def tracked(self) -> list[str]:
        """Columns of the audited row that may be told: without the key, proofs and concealed ones."""
        return [each.attname for each in told_columns(self.of)] if self.of is not None else []

    @cached_property
    def signed(self) -> tuple[str, ...]:
        """Columns whose change is a change of signed data."""
        if self.of is None:
            return ()
        trail = trail_of(self.of)
        names = {*trail.signed_content, *trail.covered_content}
        return tuple(each.attname for each in tracked_columns(self.of) if {each.name, each.attname} & names)

    def find(self, mark: int, until: int, most: int) -> list["IndexedEntry"]:
        """Return the next rows in the order of their numbers, each with the row before it. One statement."""
        table, key, before = self.model._meta.db_table, self.key, "NULL"
        if self.of is not None:
            own = self.of._meta.pk.column
            before = (
                f'(SELECT {snapshots.array(self.model, "p")} FROM "{table}" p WHERE p."{own}" = s."{own}" '
                "AND p.history_id < s.history_id ORDER BY p.history_id DESC LIMIT 1)"
            )
        with connection.cursor() as cursor:
            cursor.execute(
                f'SELECT s."{key}", s."{self.time}", {snapshots.array(self.model, "s")}, {before} FROM "{table}" s '
                f'WHERE s."{key}" > %s AND s."{key}" <= %s ORDER BY s."{key}" LIMIT {int(most)}',
                [mark, until],
            )
            return [
                IndexedEntry(
                    self,
                    number,
                    as_utc(at),
                    dict(zip(self.columns, json.loads(row), strict=True)),
                    dict(zip(self.columns, json.loads(before), strict=True)) if before else {},
                )
                for number, at, row, before in cursor.fetchall()
            ]


def indexed_tables() -> list[IndexedTable]:
    """Return every table of the trail."""
    histories = [IndexedTable(each._meta.label_lower, history_model(each), each) for each in tracked_models()]
    return [*histories, IndexedTable("access", AccessEvent, None), IndexedTable("review", TrailReview, None)]


@dataclass
class IndexedEntry:
    """One row of the trail, as stored: columns of the row, and of the row before it in its history."""

    table: IndexedTable
    number: int
    at: datetime
    row: Mapping[str, Any]
    earlier: Mapping[str, Any]
    changed: dict[str, tuple[Any, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.changed = dict(self._changed())

    @property
    def of(self) -> type[models.Model] | None:
        """The audited model; None for events and reviews."""
        return self.table.of

    @property
    def is_history(self) -> bool:
        """Whether the row is of a history."""
        return self.of is not None

    @property
    def kind(self) -> str:
        """The kind of the act, as the filter names it; of an event its kind."""
        if self.of is None:
            return "review" if self.table.model is TrailReview else self.row["kind"]
        if self.is_mark:
            return "marked"
        return (SIGNATURE_KINDS if self.of is Signature else KINDS)[self.row["history_type"]]

    @property
    def is_mark(self) -> bool:
        """Whether only a mark, a freeze or a lock of the row changed: no value and no status."""
        return self.of is not None and bool(self.changed) and self.changed.keys() <= mark_columns(self.of)

    @property
    def before(self) -> Mapping[str, Any]:
        """The earlier state of a changed row; nothing for a new one."""
        return self.earlier if self.row.get("history_type") == "~" else {}

    @property
    def after(self) -> Mapping[str, Any]:
        """The state after the change; nothing for a deleted row."""
        return {} if self.row.get("history_type") == "-" else self.row

    def own(self, name: str, default: Any = None) -> Any:
        """Return a column of the row, under the names that histories, events and reviews give it."""
        if self.of is not None:
            return self.row.get(f"history_{name}", default)
        if self.table.model is TrailReview:
            return self.row.get("reviewer_id" if name == "user_id" else name, default)
        return self.row.get(name, default)

    @property
    def trial_id(self) -> int:
        """The trial; 0 for rows that belong to no trial."""
        return (self.row.get("history_trial") if self.of else self.row.get("trial_id")) or 0

    @property
    def patient_id(self) -> int | None:
        """The patient, or None."""
        return (self.row.get("history_patient") if self.of else self.row.get("patient_id")) or None

    @property
    def person_id(self) -> int | None:
        """The person whom the row is about: of an account, a role, a sign-in; None for all others."""
        if self.of is None:
            return self.row.get("user_id") if self.table.model is AccessEvent else None
        name = trail_of(self.of).person or ("user_id" if "user_id" in self.table.columns else "")
        return self.row.get(name) if name else None

    @property
    def see(self) -> str:
        """Permission needed to read the row; for a signature that of what was signed."""
        if self.of is None:
            return self.row.get("see", "") or ""
        if self.of is Signature:
            target = model_labelled(self.row["target_type"])
            return trail_of(target).see if target is not None else ""
        return trail_of(self.of).see

    @property
    def form(self) -> str:
        """Code of the captured form, or nothing."""
        return (self.row.get(trail_of(self.of).form) or "") if self.of and trail_of(self.of).form else ""

    @property
    def content(self) -> bool:
        """Whether signed data changed: not only a mark, a freeze or a lock."""
        return any(name in self.changed for name in self.table.signed)

    def items(self) -> list[str]:
        """Return the changed items of a captured form, and the changed columns of other rows."""
        found = []
        held = trail_of(self.of).items if self.of is not None else ""
        for name, (old, new) in self.changed.items():
            if name != held:
                found.append(item_name(name))
                continue
            old, new = old or {}, new or {}
            found += [item for item in {**old, **new} if old.get(item) != new.get(item)]
        return found

    def texts(self) -> list[str]:
        """Return the texts that can be searched for: old and new values, reasons, details of an event, a conclusion."""
        found: list[str] = []
        for name, (old, new) in self.changed.items():
            if isinstance(old, dict) and isinstance(new, dict) and name == trail_of(self.of).items:  # type: ignore[arg-type]
                for item in {**old, **new}:
                    if old.get(item) != new.get(item):
                        _gather(old.get(item), found)
                        _gather(new.get(item), found)
                continue
            _gather(old, found)
            _gather(new, found)
        if self.is_history:
            _gather(self.row.get("history_change_reason"), found)
        elif self.table.model is TrailReview:
            _gather(self.row.get("conclusion"), found)
        else:
            # Nobody finds by a number what only some are told.
            _gather(without_counts(self.kind, self.row.get("detail") or {}), found)
        return found

    def _changed(self) -> "list[tuple[str, tuple[Any, Any]]]":
        before, after = self.before, self.after
        if self.row.get("history_type") == "-":
            before = self.row
        found = []
        for name in self.table.tracked:
            old, new = before.get(name), after.get(name)
            if old != new and not (old in EMPTY and new in EMPTY):
                found.append((name, (old, new)))
        return found


def _gather(value: Any, found: list[str]) -> None:
    """Add the texts of a stored value: of a sentence of the system its English words and what a person typed."""
    match value:
        case str() if value.startswith(('{"code":', '{"typed":')):
            try:
                _gather(json.loads(value), found)
            except ValueError:
                found.append(value)
        case str():
            found.append(value)
        case bool() | None:
            pass
        case int() | float():
            found.append(str(value))
        case dict():
            for name, inner in value.items():
                if name not in SECRET_PARTS:
                    _gather(inner, found)
        case list():
            for inner in value:
                _gather(inner, found)
