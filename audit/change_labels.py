"""Changes as text: for each field its label, the old and the new value (AUD-02).

Models that hold captured items describe their changes themselves (`Trail(describe=…)`). For all others the columns
are rendered: labels of choices, dates in the time zone of the site, names of the rows that a foreign key refers to.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from audit.concealment import NOTHING, concealable_keys, concealed_from_reader, revealed_keys, without_entries
from audit.stored_text import read
from audit.trail import Concealed, label_of, model_labelled, tracked_columns, trail_of
from protocol.values.writing import day_text, second_text

EMPTY: tuple[Any, ...] = (None, "", [], {})
# Shown only if nothing else changed.
TECHNICAL = ("version", "created_at")
# Of a signature: for machines.
NOT_READ = ("target_id", "target_history", "signer_id", "zone", "language", "content_hash", "manifest_hash")


@dataclass(frozen=True)
class FieldChange:
    """One field of one change. `old` is empty if the value was entered, `new` if it was removed."""

    code: str
    label: str
    old: str
    new: str


@dataclass
class Reader:
    """The reader of the changes: language, time zone of the site, and the rows that others refer to.

    may: permissions of the reader. revealed: by model, the keys of rows that no longer conceal anything.
    """

    language: str
    zone: str
    rows: dict[type[models.Model], dict[Any, Any]] = field(default_factory=dict)
    may: Collection[str] = ()
    revealed: dict[type[models.Model], set[Any]] = field(default_factory=dict)

    def collect(self, history_rows: Iterable[Any]) -> None:
        """Read every row that these rows refer to. One query per model referred to or concealing columns."""
        history_rows = list(history_rows)
        for model, keys in concealable_keys(history_rows).items():
            self.revealed[model] = self.revealed.get(model, set()) | revealed_keys(model, keys)
        missing_keys: dict[type[models.Model], set[Any]] = {}
        for row in history_rows:
            for to, key in _references(row):
                if key not in self.rows.get(to, ()):
                    missing_keys.setdefault(to, set()).add(key)
        for model, keys in missing_keys.items():
            self.rows.setdefault(model, {}).update(model._base_manager.in_bulk(keys))

    def fork(self) -> "Reader":
        """Return a reader with the same rows; what it collects later is not shared."""
        copied = {model: dict(rows) for model, rows in self.rows.items()}
        return Reader(self.language, self.zone, copied, self.may)

    def find(self, model: type[models.Model], key: Any) -> Any:
        """Return a collected row, or None."""
        return self.rows.get(model, {}).get(key)

    def name(self, model: type[models.Model], key: Any) -> str:
        """Return the name of a row that another row refers to."""
        row = self.find(model, key)
        if row is None or model.__str__ is models.Model.__str__:
            return f"{model._meta.verbose_name} {key}"
        return str(row)


def changes(model: type[models.Model], old: Any, new: Any, reader: Reader) -> list[FieldChange]:
    """Return the differences between two rows of a history; either may be None."""
    describe = trail_of(model).describe
    if describe:
        return list(import_string(describe)(old, new, reader))
    found = column_changes(model, old, new, reader, excluded=TECHNICAL) or column_changes(
        model, old, new, reader
    )
    if not found and old is not None and new is not None:
        return [_change_without_content(model)]
    return found


def column_changes(
    model: type[models.Model], old: Any, new: Any, reader: Reader, *, excluded: Collection[str] = ()
) -> list[FieldChange]:
    """Return the differences column by column, without the columns `excluded` and those of the trial and patient."""
    trail = trail_of(model)
    left_out = {*excluded, *trail.proofs, trail.trial, trail.patient}
    fields = [column for column in tracked_columns(model) if not {column.name, column.attname} & left_out]
    key = getattr(new or old, model._meta.pk.attname, None)
    concealed = concealed_from_reader(model, key, may=reader.may, revealed=reader.revealed.get(model, ()))
    return [change for column in fields for change in _field(model, column, old, new, reader, concealed)]


def describe_signature(old: Any, new: Any, reader: Reader) -> list[FieldChange]:
    """Return the changes of a signature: who signed with which meaning, or who invalidated it and why."""
    model: Any = (new or old).instance_type
    return column_changes(model, old, new, reader, excluded=("target_type", "signer_name", *NOT_READ))


def _references(row: Any) -> Iterator[tuple[type[models.Model], Any]]:
    """Yield the rows that a history row refers to: by a foreign key, or as the row that was signed."""
    for column in getattr(row, "tracked_fields", ()):
        if column.is_relation and (key := getattr(row, column.attname)) is not None:
            yield column.related_model, key
    if (signed := model_labelled(getattr(row, "target_type", ""))) is not None:
        yield signed, row.target_id


def _change_without_content(model: type[models.Model]) -> FieldChange:
    """Return the change of a watched column, such as a password, whose content is not copied."""
    watched: list[Any] = [model._meta.get_field(name) for name in trail_of(model).watched]
    label = ", ".join(label_of(model, field) for field in watched)
    return FieldChange(",".join(field.name for field in watched), label, "", _("changed (not shown)"))


def _field(
    model: type[models.Model], field: Any, old: Any, new: Any, reader: Reader, concealed: Concealed = NOTHING
) -> Iterator[FieldChange]:
    if field.primary_key:
        return
    before, after = (None if row is None else getattr(row, field.attname) for row in (old, new))
    if before == after or (before in EMPTY and after in EMPTY):
        return
    label = label_of(model, field)
    visible = [without_entries(value, concealed.parts) for value in (before, after)]
    if field.name in concealed.columns:
        yield FieldChange(
            field.name, label, *("" if value in EMPTY else _(concealed.words) for value in visible)
        )
    elif isinstance(field, models.JSONField) and any(map(_parts, visible)):
        yield from _keys(field.name, label, *map(_parts, visible))
    else:
        yield FieldChange(field.name, label, *(in_words(field, value, reader) for value in visible))


def _parts(value: Any) -> dict[str, Any]:
    """Return the entries of a JSON object, or of a list whose entries have an id."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and value and all(isinstance(part, dict) and "id" in part for part in value):
        return {str(part["id"]): {name: v for name, v in part.items() if name != "id"} for part in value}
    return {}


def _keys(code: str, label: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[FieldChange]:
    for key in {**before, **after}:
        old, new = before.get(key), after.get(key)
        if old != new:
            yield FieldChange(f"{code}.{key}", f"{label}: {key}", _json(old), _json(new))


def in_words(field: Any, value: Any, reader: Reader) -> str:
    """Return the value of a column for reading."""
    if value in EMPTY:
        return ""
    if field.is_relation:
        return reader.name(field.related_model, value)
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    match value:
        case bool():
            return _("Yes") if value else _("No")
        case datetime():
            return moment_text(value, reader)
        case date():
            return day_text(value, reader.language)
        case dict() | list():
            return _json(value)
    return str(value)


def moment_text(at: datetime, reader: Reader) -> str:
    """Return an instant in the time zone `zone`, to the second: `22-Nov-2026 02:46:53`."""
    return second_text(at.astimezone(ZoneInfo(reader.zone)), reader.language)


def _json(value: Any) -> str:
    if value is None:
        return ""
    return str(read(value)) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
