"""Give the rows of tables their ids under the lock, and tell which rows and cells a save changed or removed."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from protocol.document.items import path
from protocol.values.parsing import Value
from protocol.values.table_rows import ROW_ID, Row, by_id, cells_of, compared, new_row_id, row_id, rows_of

Values = Mapping[str, Value]
RemovedRows = dict[tuple[str, str], tuple[int, Row]]
"""By table and id: the number that a removed row had, and the row."""


def identified(
    tables: Iterable[str], values: Values, stored: Values, fresh: Collection[str]
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
        known = row_id(row)
        if not known or known in used or not (known in stored or known in fresh):
            known = new_row_id(taken={*used, *stored, *map(row_id, rows)})
        used.add(known)
        given.append({ROW_ID: known, **cells_of(row)})
    return given


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
