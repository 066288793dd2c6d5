"""Map the answers of a form from one protocol version to another: those it accepts, and those to answer again.

Values of items that the form no longer has stay with the record (DAT-09); they are shown and cannot be edited.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from patients.casebook.casebook import Casebook, FormPlace
from patients.casebook.form_content import ReadLine, line
from patients.entry import answers
from patients.entry.answers import PLAIN, REMOVE
from patients.entry.controls import CONTROLS
from patients.models import Record
from protocol.checking.differences import form_difference
from protocol.document.items import Form, Item, path
from protocol.values.parsing import Clock, NotOffered, Value, ValueRefused, is_answered, parse, typed, zone_of
from protocol.values.row_ids import ROW_ID, row_id, with_cells
from trials.reader import reader_language


@dataclass(frozen=True, slots=True)
class MappedAnswers:
    """The answers that the form accepts; `unfit` are the paths whose old answer it does not accept."""

    values: dict[str, Value] = field(default_factory=dict)
    unfit: tuple[str, ...] = ()


def values_not_asked(values: Mapping[str, Value], form: Form) -> dict[str, Value]:
    """Return the values of items that the form does not have."""
    return {name: value for name, value in values.items() if name not in form}


def values_asked(values: Mapping[str, Value], form: Form) -> dict[str, Value]:
    """Return the values of items that the form has."""
    return {name: value for name, value in values.items() if name in form}


def stored_answers(record: Record | None, place: FormPlace) -> Mapping[str, Value]:
    """Return the values of a record that the form of this location accepts; empty without a record."""
    if record is None:
        return {}
    if record.protocol_id != place.protocol.pk:
        return mapped(record.values, place.form).values
    return values_asked(record.values, place.form)


def mapped(values: Mapping[str, Value], form: Form) -> MappedAnswers:
    """Return the answers that this version of the form accepts; calculated items are left out."""
    kept: dict[str, Value] = {}
    unfit: list[str] = []
    for item in form.items:
        value = values.get(item.name)
        if value is None or item.is_calculated:
            continue
        if item.type == "rows" and isinstance(value, list):
            kept[item.name] = [_row(item, row, unfit) for row in value]
        elif (taken := _taken(item, value)) is not None:
            kept[item.name] = taken
        else:
            unfit.append(item.name)
    return MappedAnswers(kept, tuple(unfit))


def _row(item: Item, row: Mapping[str, Value], unfit: list[str]) -> dict[str, Value]:
    kept = {}
    for column in item.columns:
        if (value := row.get(column.name)) is None or column.is_calculated:
            continue
        if (taken := _taken(column, value)) is not None:
            kept[column.name] = taken
        else:
            unfit.append(path(item.name, row_id(row), column.name))
    return with_cells(row, kept)


def _taken(item: Item, value: Value) -> Value | None:
    """Return the value as parsed again by this item; None if the item does not accept it."""
    # A table that is marked as missing has no rows: its missing code is parsed like that of a text.
    plain = item.model_copy(update={"type": "text"}) if item.type == "rows" else item
    try:
        found: Value | None = parse(typed(value, plain), plain, Clock(zone_of(value)))
    except (NotOffered, ValueRefused, AttributeError, KeyError, TypeError):
        return None
    return found if is_answered(found) else None


def fitting_inputs(
    form: Form, posted: Iterable[tuple[str, Sequence[str]]], clock: Clock
) -> list[tuple[str, Sequence[str]]]:
    """Return those inputs of a page rendered under another version whose items and answers this form offers."""
    kept = [(name, texts) for name, texts in posted if _is_input(name, form)]
    refused = {item.name for item in form.items if not _offers(item, kept, clock)}
    return [(name, texts) for name, texts in kept if name.split("-")[0] not in refused]


def _is_input(name: str, form: Form) -> bool:
    head, *rest = name.split("-")
    if head not in form:
        return name.startswith("_") or name in PLAIN
    item = form.item(head)
    columns = {column.name for column in item.columns}
    return not item.is_calculated and not (len(rest) > 1 and rest[1] not in columns | {REMOVE, ROW_ID})


def _offers(item: Item, kept: Iterable[tuple[str, Sequence[str]]], clock: Clock) -> bool:
    if item.is_calculated or item.type == "rows":
        return True
    parts: dict[str, Any] = {}
    for name, texts in kept:
        head, _dash, part = name.partition("-")
        if head == item.name and part != "confirm":
            parts[part] = list(texts)
    try:
        parse(parts, item, clock)
    except NotOffered:
        return False
    except ValueRefused:
        return True
    return True


@dataclass(frozen=True, slots=True)
class VersionChange:
    """The notice for editing a form that was captured under another protocol version.

    before, after: the two versions. added, changed: titles of items. again: old answers to give again, because the new
    version does not accept them.
    """

    before: str
    after: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    again: tuple[ReadLine, ...]


def version_change(casebook: Casebook, place: FormPlace, record: Record) -> VersionChange | None:
    """Return the changes if the record is edited under `place.protocol`; None if it was captured under it."""
    if record.protocol_id == place.protocol.pk:
        return None
    before, language = casebook.version(record.protocol_id), reader_language()
    old = before.rules.form(record.form)
    changes = [each for each in form_difference(old, place.form) if each.section == "items"]
    titles = {kind: tuple(_title(each.title, language) for each in changes if each.kind == kind)
              for kind in ("added", "changed")}  # fmt: skip
    unfit = dict.fromkeys(path.partition("-")[0] for path in mapped(record.values, place.form).unfit)
    again = tuple(line(old.item(name), record.values[name], language) for name in unfit if name in old)
    changed = tuple(title for title in titles["changed"] if title not in {each.label for each in again})
    return VersionChange(before.version, place.protocol.version, titles["added"], changed, again)


def _title(title: Any, language: str) -> str:
    return title if isinstance(title, str) else str(title.in_language(language))


def mapped_inputs(casebook: Casebook, place: FormPlace, data: QueryDict) -> tuple[QueryDict, list[ReadLine]]:
    """Return the inputs of a page rendered under another protocol version that this version accepts.

    The second value lists the answers that were left out, as text.
    """
    made = data.get(CONTROLS.protocol, "")
    if not made.isascii() or not made.isdigit() or made == str(place.protocol.pk):
        return data, []
    try:
        old = casebook.version(int(made)).rules.form(place.form.code)
    except (KeyError, ValueError):
        return data, []
    kept = QueryDict(mutable=True)
    for name, texts in fitting_inputs(place.form, data.lists(), place.clock):
        kept.setlist(name, list(texts))
    return kept, _left_out(old, data, kept, place.clock)


def _left_out(old: Form, data: QueryDict, kept: QueryDict, clock: Clock) -> list[ReadLine]:
    language, read = reader_language(), answers.read(old, dict(data.lists()), clock)
    heads = {name.split("-")[0] for name in kept}
    lines = [
        line(old.item(name), value, language) for name, value in read.values.items() if name not in heads
    ]
    refused = [name for name in read.refused if name.partition("-")[0] not in heads]
    return lines + [
        ReadLine(name, old.item(name.partition("-")[0]).label.in_language(language), data.get(name, ""))
        for name in refused
    ]
