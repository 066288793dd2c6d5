"""Resolve an edit conflict on one form: per item the stored value or the typed one, as the person chose.

Tables are merged by the ids of their rows: a row that one person added is kept, and a row that both have differently,
or that only one of them removed, is chosen like an item, under the name `doses-r0a1b2c3d`.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from django.http import QueryDict

from patients.casebook.form_content import ValueDifference
from patients.entry.answers import MOST_ROWS, Answers, ReadValues
from patients.entry.controls import CONTROLS
from protocol.document.items import Form, Item, path
from protocol.values.parsing import Value, is_missing, typed
from protocol.values.row_ids import ROW_ID, Row, by_id, row_id, rows_of
from trials.reader import reader_language


def resolved(answers: Answers, stored: Mapping[str, Value], stored_chosen: Set[str]) -> Answers:
    """Return the answers with the stored value, instead of the typed one, for the items and rows in `stored_chosen`."""
    return replace(
        answers,
        values=values_resolved(answers.values, stored, stored_chosen),
        refused=without_items(answers.refused, answers, stored_chosen),
        confirmed=without_items(answers.confirmed, answers, stored_chosen),
        rows={item: rows for item, rows in answers.rows.items() if item not in stored_chosen},
    )


def values_resolved(
    typed: Mapping[str, Value], stored: Mapping[str, Value], stored_chosen: Set[str]
) -> dict[str, Value]:
    """Return the typed values with the stored one where `stored_chosen` says so; without one the item or row is left
    out."""
    values = {name: value for name, value in typed.items() if name not in stored_chosen}
    values |= {name: stored[name] for name in stored_chosen if name in stored}
    for name in sorted(stored_chosen):
        item, dash, row = name.partition("-")
        # A table that is marked as missing has no rows, whatever was chosen for one of them before.
        if dash and not is_missing(values.get(item)):
            rows = _resolved_row(rows_of(values.get(item)), rows_of(stored.get(item)), row)
            values = {**values, item: rows} if rows else _but(values, item)
    return values


def _resolved_row(typed: Sequence[Row], stored: Sequence[Row], key: str) -> list[Row]:
    """Return the typed rows with the stored row of this id: in its place, removed, or put after the row above it."""
    kept = [row for row in typed if row_id(row) != key]
    at = next((place for place, row in enumerate(typed) if row_id(row) == key), None)
    for place, row in enumerate(stored):
        if row_id(row) == key:
            above = {row_id(each) for each in stored[:place]}
            before = [number for number, each in enumerate(kept, start=1) if row_id(each) in above]
            kept.insert(max(before, default=0) if at is None else at, row)
    return kept


def _but(values: Mapping[str, Value], item: str) -> dict[str, Value]:
    return {name: value for name, value in values.items() if name != item}


def to_choose(differences: Iterable[ValueDifference], answers: Answers) -> list[ValueDifference]:
    """Return the differences that a person must decide: all but the rows that only this page added."""
    fresh = answers.values.fresh if isinstance(answers.values, ReadValues) else frozenset[str]()
    return [each for each in differences if each.name.partition("-")[2] not in fresh]


def merged_inputs(
    inputs: QueryDict, answers: Answers, stored: Mapping[str, Value], form: Form
) -> QueryDict | None:
    """Return the inputs with the rows that others added since the page was rendered; None if there are none.

    A new row of the page that was stored meanwhile, by an earlier save of the same page, gets the id it was given then.
    """
    fresh = inputs.copy()
    for item in form.items:
        if item.type == "rows" and not is_missing(answers.values.get(item.name)):
            _merge_rows(fresh, item, answers.rows.get(item.name, {}), stored.get(item.name))
    return fresh if fresh != inputs else None


def _merge_rows(inputs: QueryDict, item: Item, sent: Mapping[int, str], stored: Value) -> None:
    known = by_id(stored)
    for number, key in sent.items():
        if key in known:
            inputs[path(item.name, number, ROW_ID)] = key
    following = 1 + max(sent, default=-1)
    added = [(key, row) for key, (_number, row) in known.items() if key and key not in sent.values()]
    for number, (key, row) in enumerate(added[: MOST_ROWS - following], start=following):
        # What an empty row of the page sent, such as a tick to remove it, is not meant for this one.
        for name in [name for name in inputs if name.startswith(f"{item.name}-{number}-")]:
            del inputs[name]
        inputs[path(item.name, number, ROW_ID)] = key
        for column in item.columns:
            if not column.is_calculated:
                _put(inputs, path(item.name, number, column.name), row.get(column.name), column)


def _put(inputs: QueryDict, name: str, value: Value, column: Item) -> None:
    for part, text in typed(value, column, reader_language()).items():
        where = f"{name}-{part}" if part else name
        inputs.setlist(where, text if isinstance(text, list) else [text])


def without_choices(inputs: QueryDict) -> QueryDict:
    """Return the inputs without the choices of an earlier conflict, which were made between other values."""
    fresh = inputs.copy()
    for name in list(fresh):
        if name.startswith(CONTROLS.choose) or name == CONTROLS.differs:
            del fresh[name]
    return fresh


def without_items(by_path: Mapping[str, Any], answers: Answers, stored_chosen: Set[str]) -> dict[str, Any]:
    """Return a mapping by sent path without the paths of the items and rows in `stored_chosen`."""
    return {sent: each for sent, each in by_path.items() if not _is_taken(sent, answers, stored_chosen)}


def _is_taken(sent: str, answers: Answers, taken: Set[str]) -> bool:
    item, _dash, cell = sent.partition("-")
    row = (
        answers.rows.get(item, {}).get(int(number)) if (number := cell.partition("-")[0]).isdigit() else None
    )
    return item in taken or f"{item}-{row}" in taken
