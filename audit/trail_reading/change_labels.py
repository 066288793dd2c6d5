"""Changes as text: for each field its label, the old and the new value (AUD-02).

Models that hold captured items describe their changes themselves (`Trail(describe=…)`). For all others the columns
are rendered: labels of choices, dates in the time zone of the site, names of the rows that a foreign key refers to.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any

from django.db import models
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import override

from audit.concealment import NOTHING, concealable_keys, concealed_from_reader, revealed_keys, without_entries
from audit.trail import Concealed, label_of, model_labelled, tracked_columns, trail_of
from audit.trail_reading import row_titles
from audit.trail_reading.plain_words import (
    ENTERED_MOMENTS,
    entered_words,
    instant_words,
    key_words,
    plain_words,
    yes_no,
)
from protocol.values.writing import day_text

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
        """Read every row that these rows and their titles refer to. One query per model, or one more per step."""
        history_rows = list(history_rows)
        for model, keys in concealable_keys(history_rows).items():
            self.revealed[model] = self.revealed.get(model, set()) | revealed_keys(model, keys)
        rows: list[Any] = history_rows
        while rows:
            rows = self._read(self._missing(rows))

    def _missing(self, rows: Iterable[Any]) -> dict[type[models.Model], set[Any]]:
        found: dict[type[models.Model], set[Any]] = {}
        for row in rows:
            for to, key in (*_references(row), *row_titles.needs(row)):
                if key not in self.rows.get(to, ()):
                    found.setdefault(to, set()).add(key)
        return found

    def _read(self, keys_by_model: dict[type[models.Model], set[Any]]) -> list[Any]:
        """Read rows and return them. One query per model. A row that is gone is kept as None: not asked for again."""
        read: list[Any] = []
        for model, keys in keys_by_model.items():
            found = model._base_manager.in_bulk(keys)
            self.rows.setdefault(model, {}).update({key: found.get(key) for key in keys})
            read += found.values()
        return read

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
        if row is None:
            return _("%(what)s, no longer stored") % {"what": model._meta.verbose_name}
        is_unnamed = model.__str__ is models.Model.__str__
        return row_titles.title(model, row, self) if is_unnamed else str(row)


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
    key = getattr(new or old, model._meta.pk.attname, None)
    concealed = concealed_from_reader(model, key, may=reader.may, revealed=reader.revealed.get(model, ()))
    found: list[FieldChange] = []
    for column in _told_columns(model, frozenset(excluded)):
        before = None if old is None else getattr(old, column.attname)
        after = None if new is None else getattr(new, column.attname)
        if before != after and not (before in EMPTY and after in EMPTY):
            found += _field(model, column, before, after, reader, concealed)
    return found


@cache
def _told_columns(model: type[models.Model], excluded: frozenset[str]) -> tuple[Any, ...]:
    """Return the columns whose changes are told: not the key, nor those that the entry itself shows."""
    trail = trail_of(model)
    left_out = {*excluded, *trail.proofs, trail.trial, trail.patient}
    return tuple(
        column
        for column in tracked_columns(model)
        if not column.primary_key and not {column.name, column.attname} & left_out
    )


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
    model: type[models.Model],
    field: Any,
    before: Any,
    after: Any,
    reader: Reader,
    concealed: Concealed = NOTHING,
) -> Iterator[FieldChange]:
    """Yield the change of a column whose value differs: one, or one for each entry of a JSON object."""
    label = _label(model, field, reader.language)
    visible = [without_entries(value, concealed.parts) for value in (before, after)]
    if field.name in concealed.columns:
        yield FieldChange(
            field.name, label, *("" if value in EMPTY else _(concealed.words) for value in visible)
        )
    elif isinstance(field, models.JSONField) and any(map(_parts, visible)):
        before, after = map(_parts, visible)
        yield from _keys(model, field.name, label, before, after, reader)
    else:
        yield FieldChange(field.name, label, *(in_words(field, value, reader) for value in visible))


@lru_cache(maxsize=4096)
def _label(model: type[models.Model], field: Any, language: str) -> str:
    """Return the name of a field. Kept: a file has a million of them, and each is looked up in a catalogue."""
    with override(language):
        return label_of(model, field)


@lru_cache(maxsize=1024)
def _choices(field: Any, language: str) -> dict[Any, str]:
    """Return the labels of the choices of a field."""
    with override(language):
        return {value: str(words) for value, words in field.flatchoices}


def _parts(value: Any) -> dict[str, Any]:
    """Return the entries of a JSON object, or of a list whose entries have an id."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and value and all(isinstance(part, dict) and "id" in part for part in value):
        return {str(part["id"]): {name: v for name, v in part.items() if name != "id"} for part in value}
    return {}


def _keys(
    model: type[models.Model],
    code: str,
    label: str,
    before: dict[str, Any],
    after: dict[str, Any],
    reader: Reader,
) -> Iterator[FieldChange]:
    for key in {**before, **after}:
        old, new = (plain_words(parts.get(key), reader.zone, reader.language) for parts in (before, after))
        if before.get(key) != after.get(key):
            part = key_words(row_titles.part_label(model, code, key))
            yield FieldChange(f"{code}.{key}", f"{label}: {part}", old, new)


def in_words(field: Any, value: Any, reader: Reader) -> str:
    """Return the value of a column for reading."""
    if value in EMPTY:
        return ""
    if field.is_relation:
        return reader.name(field.related_model, value)
    if field.choices:
        return _choices(field, reader.language).get(value) or str(value)
    match value:
        case bool():
            return yes_no(value, reader.language)
        case datetime():
            return moment_text(value, reader)
        case date():
            return day_text(value, reader.language)
        case dict() | list():
            return plain_words(value, reader.zone, reader.language)
        case str() if field.max_length:
            moment = field.name in ENTERED_MOMENTS
            return entered_words(value, reader.language, day=moment, part=moment)
    return str(value)


def moment_text(at: datetime, reader: Reader) -> str:
    """Return an instant on the clock of the site, to the second, with its offset: `22-Nov-2026 02:46:53 +01:00`."""
    return instant_words(at, reader.zone, reader.language)
