"""Give the rows of tables their ids under the lock, and tell which rows and cells a save changed or removed."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from patients.casebook.edit_checks import CheckedAnswers
from protocol.document.items import path
from protocol.values.parsing import Value
from protocol.values.row_ids import ROW_ID, Row, by_id, cells_of, compared, new_row_id, row_id, rows_of

Values = Mapping[str, Value]
RemovedRows = dict[tuple[str, str], tuple[int, Row]]
"""By table and id: the number that a removed row had, and the row."""


def with_ids(
    tables: Iterable[str], values: Values, stored: Values, fresh: Collection[str] = ()
) -> dict[str, Value]:
    """Return the values with an id for every row of the tables.

    A row keeps its id if the stored table has it, or if `fresh` says that the server gave it to this page. Any other
    id, and the second use of one, is replaced: it may have been forged, or belonged to a row that was removed.
    """
    given = {
        name: _identified(rows, by_id(stored.get(name)), fresh)
        for name in tables
        if (rows := rows_of(values.get(name)))
    }
    return {**values, **given}


def _identified(rows: list[Row], stored: Collection[str], fresh: Collection[str]) -> list[Row]:
    given: list[Row] = []
    used: set[str] = set()
    for row in rows:
        key = row_id(row)
        if not key or key in used or not (key in stored or key in fresh):
            key = new_row_id(taken={*used, *stored, *map(row_id, rows)})
        used.add(key)
        given.append({ROW_ID: key, **cells_of(row)})
    return given


def ids_of(tables: Iterable[str], values: Values) -> frozenset[str]:
    """Return the ids of all rows of the tables."""
    return frozenset(row_id(row) for name in tables for row in rows_of(values.get(name)))


def identified(
    found: CheckedAnswers, tables: Iterable[str], stored: Values, fresh: Collection[str]
) -> CheckedAnswers:
    """Return checked answers as they are stored: with an id for every row, as `with_ids`, also in the findings."""
    values = with_ids(tables, found.values, stored, fresh)
    renamed = {
        f"{name}-{row_id(sent)}": f"{name}-{row_id(kept)}"
        for name in tables
        for sent, kept in zip(rows_of(found.values.get(name)), rows_of(values.get(name)), strict=True)
        if row_id(sent) != row_id(kept)
    }
    if not renamed:
        return replace(found, values=values)
    findings = (replace(each, item=_renamed(each.item, renamed)) for each in found.findings)
    return replace(found, values=values, findings=tuple(findings))


def _renamed(sent: str, renamed: Mapping[str, str]) -> str:
    row, dash, column = sent.rpartition("-")
    return f"{renamed.get(row, row)}{dash}{column}"


def changed_cells(tables: Iterable[str], before: Values, after: Values) -> Iterator[str]:
    """Yield the paths of the cells that differ between two states of the tables."""
    for table in tables:
        for key, _number, old, new in compared(before.get(table), after.get(table)):
            was, now = old or {}, new or {}
            for column in (was.keys() | now.keys()) - {ROW_ID}:
                if was.get(column) != now.get(column):
                    yield path(table, key, column)


def removed_rows(tables: Iterable[str], before: Values, after: Values) -> RemovedRows:
    """Return the rows that the tables had before, and have no more."""
    return {
        (table, key): (number, old)
        for table in tables
        for key, number, old, new in compared(before.get(table), after.get(table))
        if old is not None and new is None
    }
