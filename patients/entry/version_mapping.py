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
    """The answers that the form accepts; `not_accepted` are the paths whose old answer it does not accept."""

    values: dict[str, Value] = field(default_factory=dict)
    not_accepted: tuple[str, ...] = ()


def values_not_in_form(values: Mapping[str, Value], form: Form) -> dict[str, Value]:
    """Return the values of items that the form does not have."""
    return {name: value for name, value in values.items() if name not in form}


def values_in_form(values: Mapping[str, Value], form: Form) -> dict[str, Value]:
    """Return the values of items that the form has."""
    return {name: value for name, value in values.items() if name in form}


def stored_answers(record: Record | None, place: FormPlace) -> Mapping[str, Value]:
    """Return the values of a record that the form of this location accepts; empty without a record."""
    if record is None:
        return {}
    if record.protocol_id != place.protocol.pk:
        return mapped(record.values, place.form).values
    return values_in_form(record.values, place.form)


def mapped(values: Mapping[str, Value], form: Form) -> MappedAnswers:
    """Return the answers that this version of the form accepts; calculated items are left out."""
    accepted: dict[str, Value] = {}
    not_accepted: list[str] = []
    for item in form.items:
        value = values.get(item.name)
        if value is None or item.is_calculated:
            continue
        if item.type == "rows" and isinstance(value, list):
            accepted[item.name] = [_row(item, row, not_accepted) for row in value]
        elif (accepted_value := _accepted(item, value)) is not None:
            accepted[item.name] = accepted_value
        else:
            not_accepted.append(item.name)
    return MappedAnswers(accepted, tuple(not_accepted))


def _row(item: Item, row: Mapping[str, Value], not_accepted: list[str]) -> dict[str, Value]:
    cells = {}
    for column in item.columns:
        if (value := row.get(column.name)) is None or column.is_calculated:
            continue
        if (cell := _accepted(column, value)) is not None:
            cells[column.name] = cell
        else:
            not_accepted.append(path(item.name, row_id(row), column.name))
    return with_cells(row, cells)


def _accepted(item: Item, value: Value) -> Value | None:
    """Return the value as parsed again by this item; None if the item does not accept it."""
    # A table that is marked as missing has no rows: its missing code is parsed like that of a text.
    plain = item.model_copy(update={"type": "text"}) if item.type == "rows" else item
    try:
        found: Value | None = parse(typed(value, plain), plain, Clock(zone_of(value)))
    except (NotOffered, ValueRefused, AttributeError, KeyError, TypeError):
        return None
    return found if is_answered(found) else None


def accepted_inputs(
    form: Form, posted: Iterable[tuple[str, Sequence[str]]], clock: Clock
) -> list[tuple[str, Sequence[str]]]:
    """Return those inputs of a page rendered under another version whose items and answers this form offers."""
    candidates = [(name, texts) for name, texts in posted if _is_input(name, form)]
    refused = {item.name for item in form.items if not _offers(item, candidates, clock)}
    return [(name, texts) for name, texts in candidates if name.split("-")[0] not in refused]


def _is_input(name: str, form: Form) -> bool:
    head, *rest = name.split("-")
    if head not in form:
        return name.startswith("_") or name in PLAIN
    item = form.item(head)
    columns = {column.name for column in item.columns}
    return not item.is_calculated and not (len(rest) > 1 and rest[1] not in columns | {REMOVE, ROW_ID})


def _offers(item: Item, inputs: Iterable[tuple[str, Sequence[str]]], clock: Clock) -> bool:
    if item.is_calculated or item.type == "rows":
        return True
    parts: dict[str, Any] = {}
    for name, texts in inputs:
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
    not_accepted = dict.fromkeys(
        path.partition("-")[0] for path in mapped(record.values, place.form).not_accepted
    )
    again = tuple(line(old.item(name), record.values[name], language) for name in not_accepted if name in old)
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
    mapped_data = QueryDict(mutable=True)
    for name, texts in accepted_inputs(place.form, data.lists(), place.clock):
        mapped_data.setlist(name, list(texts))
    return mapped_data, _left_out(old, data, mapped_data, place.clock)


def _left_out(old: Form, data: QueryDict, mapped_data: QueryDict, clock: Clock) -> list[ReadLine]:
    language, read = reader_language(), answers.read(old, dict(data.lists()), clock)
    heads = {name.split("-")[0] for name in mapped_data}
    lines = [
        line(old.item(name), value, language) for name, value in read.values.items() if name not in heads
    ]
    refused = [name for name in read.refused if name.partition("-")[0] not in heads]
    return lines + [
        ReadLine(name, old.item(name.partition("-")[0]).label.in_language(language), data.get(name, ""))
        for name in refused
    ]
