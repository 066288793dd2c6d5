"""The last cells of the lines of the trail, one line per changed field: field, label, old and new value (AUD-02)."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from django.db import models

from audit.concealment import without_entries
from audit.stored_text import CODED, StoredText
from audit.trail import Concealed
from exports.tables.cells import MARKED, Around, End, FixedEnd, cell, safe_free_text
from exports.tables.trail.labels import TrailLabels
from patients.models import Record

# Of the ends of lines that are kept: of one field, of one table, and characters of each.
MOST_OF_FIELD, MOST_KEPT, LONGEST_KEPT = 200, 8192, 300
# Not booleans and decimals, which may be equal to a number and have another text.
PLAIN = frozenset({str, int, type(None)})
# The first character of a text that is not written as it is, or may be a sentence of the system.
UNUSUAL = frozenset({*MARKED, *(each[0] for each in CODED)})


@dataclass(slots=True)
class _FieldLines:
    """What the lines of one field have in common.

    around: the cells beside the new value of a line with neither an old value nor words.
    kept: the ends of its lines, by the new value where there is no old one, else by (old, new); None once there were
    too many different ones to keep any.
    plain: no text in it is a code, so that it has no words, and none is concealed.
    """

    name: str
    label: str
    plain: bool
    around: Around
    kept: dict[Any, FixedEnd] | None = dataclass_field(default_factory=dict)


@dataclass(slots=True)
class _AlikeRows:
    """Rows that are alike in all that their cells depend on besides the values, and their fields.

    row: the first of them. columns: in the order of the model. named: columns and items of JSON objects, by name, such
    as `values.sbp`. items: these items by column and their own name.
    """

    row: dict[str, Any]
    concealed: Concealed
    columns: list[_FieldLines] = dataclass_field(default_factory=list)
    named: dict[str, _FieldLines] = dataclass_field(default_factory=dict)
    items: dict[str, dict[str, _FieldLines]] = dataclass_field(default_factory=dict)


class LineEnds:
    """Makes the last cells of the lines of one table: field, label, old and new value, as text and in words.

    Most fields have few different values: codes, states, names of people. The ends of their lines are kept.
    columns: names of the tracked columns, in the order of the values of a row.
    """

    def __init__(self, model: type[models.Model], places: TrailLabels, columns: Sequence[str]) -> None:
        self._model, self._places, self._columns = model, places, columns
        # Label and words of an item depend on its form and the version of the protocol.
        self._version, self._form = (
            (columns.index("protocol_id"), columns.index("form")) if model is Record else (-1, -1)
        )
        self._alike: dict[Any, _AlikeRows] = {}
        self._number = 0

    def of_new(self, values: Sequence[Any], concealed: Concealed) -> list[End]:
        """Return the end of the line of each filled field of a new row: most of the trail."""
        alike = self._alike_to(values, concealed)
        ends: list[End] = []
        for field, new in zip(alike.columns, values, strict=True):
            if new is None or new == "":
                continue
            if isinstance(new, dict):
                self._of_items(ends, alike, field.name, new)
                continue
            # Here, not behind a call: this runs for each line of millions.
            kept = field.kept
            end = kept.get(new) if kept is not None and type(new) in PLAIN else None
            ends.append(self._kept_or_made(alike, field, None, new) if end is None else end)
        return ends

    def _of_items(self, ends: list[End], alike: _AlikeRows, column: str, items: dict[str, Any]) -> None:
        fields = alike.items.setdefault(column, {})
        for name, new in items.items():
            if new is None or new == "":
                continue
            field = fields.get(name)
            if field is None:
                field = fields[name] = self._field(alike, f"{column}.{name}")
            kept = field.kept
            end = kept.get(new) if kept is not None and type(new) in PLAIN else None
            ends.append(self._kept_or_made(alike, field, None, new) if end is None else end)

    def of_change(
        self, before: Sequence[Any], row: Sequence[Any], concealed: Concealed, *, deleted: bool = False
    ) -> list[End]:
        """Return the end of the line of each field whose text differs; of each that had one, of a deleted row."""
        alike = self._alike_to(row, concealed)
        was = flat(dict(zip(self._columns, before, strict=True)))
        now = {} if deleted else flat(dict(zip(self._columns, row, strict=True)))
        return [
            self._kept_or_made(alike, alike.named.get(name) or self._field(alike, name), old, new)
            for name, old, new in differences(was, now)
        ]

    def _alike_to(self, row: Sequence[Any], concealed: Concealed) -> _AlikeRows:
        version = (row[self._version], row[self._form]) if self._form >= 0 else None
        alike = self._alike.get((version, concealed))
        if alike is None:
            alike = _AlikeRows(dict(zip(self._columns, row, strict=True)), concealed)
            alike.columns += [self._field(alike, name) for name in self._columns]
            self._alike[version, concealed] = alike
        return alike

    def _field(self, alike: _AlikeRows, name: str) -> _FieldLines:
        places, model = self._places, self._model
        plain = name not in alike.concealed.columns and not places.may_be_coded(model, alike.row, name)
        label = places.label(model, alike.row, name)
        alike.named[name] = found = _FieldLines(name, label, plain, Around((name, label, ""), ("", "")))
        return found

    def _kept_or_made(self, alike: _AlikeRows, field: _FieldLines, old: Any, new: Any) -> End:
        if type(new) not in PLAIN or type(old) not in PLAIN:
            return FixedEnd(self._cells(alike, field, old, new))
        kept = field.kept
        if kept is None:
            if field.plain and old is None and (text := str(new))[:1] not in UNUSUAL:
                return field.around, text
            return FixedEnd(self._cells(alike, field, old, new))
        key = new if old is None else (old, new)
        end = kept.get(key)
        return self._kept(alike, field, key, self._cells(alike, field, old, new)) if end is None else end

    def _kept(self, alike: _AlikeRows, field: _FieldLines, key: Any, cells: tuple[str, ...]) -> FixedEnd:
        end = FixedEnd(cells)
        if field.kept is None or sum(map(len, cells)) > LONGEST_KEPT:
            return end
        if len(field.kept) >= MOST_OF_FIELD:
            field.kept = None
            return end
        if self._number >= MOST_KEPT:
            self._forget()
        self._number += 1
        field.kept[key] = end
        return end

    def _forget(self) -> None:
        """Forget what is kept, but not which fields have too many values."""
        self._number = 0
        for alike in self._alike.values():
            for field in alike.named.values():
                if field.kept is not None:
                    field.kept.clear()

    def _cells(self, alike: _AlikeRows, field: _FieldLines, old: Any, new: Any) -> tuple[str, ...]:
        was, was_words = self._shown(alike, field, old)
        now, now_words = self._shown(alike, field, new)
        return field.name, field.label, was, now, was_words, now_words

    def _shown(self, alike: _AlikeRows, field: _FieldLines, value: Any) -> tuple[str, str]:
        """Return a value as text and in words."""
        if value is None:
            return "", ""
        concealed = alike.concealed
        if field.name in concealed.columns or not value:
            return shown(field.name, value, concealed), ""
        words = self._places.decoded(self._model, alike.row, field.name, value)
        return shown(field.name, value, concealed), words


def shown(name: str, value: Any, concealed: Concealed) -> str:
    """Return a value as text, or the text that replaces a concealed value."""
    if value is None:
        return ""
    text = plain_text(without_entries(value, concealed.parts) if concealed.parts else value)
    return safe_free_text(concealed.words if text and name in concealed.columns else text)


def flat(columns: dict[str, Any]) -> dict[str, Any]:
    """Return columns by name. A JSON object becomes one entry per item, such as `values.sbp`."""
    found: dict[str, Any] = {}
    for name, value in columns.items():
        if isinstance(value, dict):
            found |= {f"{name}.{item}": inner for item, inner in value.items()}
        else:
            found[name] = value
    return found


def differences(before: dict[str, Any], after: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield (field, old, new) of the values whose texts differ, in column order."""
    pairs = ((name, before.get(name), after.get(name)) for name in {**before, **after})
    return (
        (name, old, new) for name, old, new in pairs if old is not new and plain_text(old) != plain_text(new)
    )


def plain_text(value: Any) -> str:
    """Return a value as the trail writes it, if nothing of it is concealed and no formula stands in it."""
    # Nearly all values, in millions of lines.
    if value is None:
        return ""
    if type(value) is str:
        return value
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    if isinstance(value, StoredText):
        return value.stored
    return str(cell(value))
