"""The changes of a captured form as text, item by item, for the pages of the audit trail (AUD-02, AUD-05)."""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from django.utils.translation import gettext as _

from audit.concealment import without_entries
from audit.system_texts import actor_words
from audit.trail_reading.change_labels import FieldChange, Reader, column_changes
from audit.trail_reading.plain_words import plain_words
from patients.casebook.facts import KINDS, with_columns
from patients.casebook.row_words import is_by_row, row_changes, row_label
from patients.models import Mark, Record
from patients.models.attachments import OF_FILES
from protocol.document.items import Form, Item
from protocol.values.labels import exact
from protocol.values.parsing import display
from trials.permissions import Permission
from trials.titles.row_titles import form_of

# Columns shown as items or with the entry itself, and technical ones.
TECHNICAL_COLUMNS = ("values", "patient", "visit", "form", "repeat", "version", "created_at")


def describe_record(old: Any, new: Any, reader: Reader) -> list[FieldChange]:
    """Return the items that differ between two history rows of a form, then its other columns.

    Labels and choices are those of the protocol version under which each row was captured (P11-11).
    """
    changes = list(_items(old, new, reader))
    return [*changes, *column_changes(Record, old, new, reader, excluded=TECHNICAL_COLUMNS)]


def _items(old: Any, new: Any, reader: Reader) -> Iterator[FieldChange]:
    before, after = _values(old), _values(new)
    was, now = _form(old, reader), _form(new, reader)
    asked_before, asked = _by_name(was), _by_name(now)
    for name in _names(now or was, before, after):
        if before.get(name) == after.get(name):
            continue
        item = asked.get(name) or asked_before.get(name)
        if item is not None and is_by_row(item, before.get(name), after.get(name)):
            yield from _row_changes(item, before.get(name), after.get(name), reader.language)
            continue
        label = item.label.in_language(reader.language) if item else name
        earlier = _words(before.get(name), asked_before.get(name) or item, reader)
        yield FieldChange(name, label, earlier, _words(after.get(name), item, reader))


def _row_changes(item: Item, before: Any, after: Any, language: str) -> Iterator[FieldChange]:
    for number, old, new in row_changes(item, before, after, language):
        yield FieldChange(item.name, row_label(item, number, language), old, new)


def _values(row: Any) -> Mapping[str, Any]:
    return row.values if row is not None else {}


def _form(row: Any, reader: Reader) -> Form | None:
    return form_of(reader, row.form, row.protocol_id) if row is not None else None


def _by_name(form: Form | None) -> dict[str, Item]:
    return {item.name: item for item in form.items} if form else {}


def _names(form: Form | None, *values: Mapping[str, Any]) -> list[str]:
    """Return the item names in the order of the form, then those the form does not have."""
    known = [item.name for item in form.items] if form else []
    return list(dict.fromkeys([*known, *(name for each in values for name in each)]))


def _words(value: Any, item: Item | None, reader: Reader) -> str:
    if value is None:
        return ""
    words = exact if Permission.SEE_FILES in reader.may else display
    if item is not None:
        return words(value, item, reader.language, _)
    return plain_words(without_entries(value, OF_FILES.parts), reader.zone, reader.language)


def describe_mark(old: Any, new: Any, reader: Reader) -> list[FieldChange]:
    """Return the columns that differ between two history rows of a mark, then what undid it: by item or column."""
    changes = column_changes(Mark, old, new, reader, excluded=("version", "undone"))
    undone = (new.undone if new is not None else None) or {}
    if not undone or (old is not None and old.undone):
        return changes
    by = FieldChange("undone.by", _("Undone by a change of"), "", actor_words(undone.get("by", "")))
    if new.target in KINDS:
        model = KINDS[new.target].model
        was, now = (with_columns(model(pk=new.target_id), undone.get(name) or {}) for name in ("old", "new"))
        return [*changes, by, *column_changes(model, was, now, reader)]
    record = reader.find(Record, new.record_id)
    if record is None:
        return [*changes, by]
    before, after = (
        SimpleNamespace(values=undone.get(name) or {}, protocol_id=record.protocol_id, form=record.form)
        for name in ("old", "new")
    )
    return [*changes, by, *_items(before, after, reader)]
