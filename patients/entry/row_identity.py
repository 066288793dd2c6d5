"""Give the rows of tables their ids under the lock, and tell which rows and cells a save changed or removed."""

from collections.abc import Collection, Iterator, Mapping

from protocol.document.items import path
from protocol.values.parsing import Value
from protocol.values.table_rows import ROW_ID, Row, by_id, cells_of, compared, new_row_id, row_id, rows_of

Values = Mapping[str, Value]
RemovedRows = dict[tuple[str, str], tuple[int, Row]]
"""By table and id: the number that a removed row had, and the row."""


def identified(values: Values, stored: Values, fresh: Collection[str]) -> dict[str, Value]:
    """Return the values with an id for every row.

    A row keeps its id if the stored table has it, or if `fresh` says that the server gave it to this page. Any other
    id, and the second use of one, is replaced: it may have been forged, or belonged to a row that was removed.
    """
    return {
        name: _identified(value, by_id(stored.get(name)), fresh) if _has_rows(value) else value
        for name, value in values.items()
    }


def _has_rows(value: Value) -> bool:
    return any(isinstance(row, Mapping) for row in rows_of(value))


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


def changed_paths(before: Values, after: Values) -> frozenset[str]:
    """Return the items whose value differs, and of tables also the paths of the cells that differ."""
    names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return frozenset(names | {cell for name in names for cell in _changed_cells(name, before, after)})


def _changed_cells(table: str, before: Values, after: Values) -> Iterator[str]:
    for key, _number, old, new in compared(before.get(table), after.get(table)):
        was, now = old or {}, new or {}
        for column in (was.keys() | now.keys()) - {ROW_ID}:
            if was.get(column) != now.get(column):
                yield path(table, key, column)


def removed_rows(before: Values, after: Values) -> RemovedRows:
    """Return the rows that `before` has and `after` has not."""
    return {
        (table, key): (number, row)
        for table, value in before.items()
        for key, (number, row) in by_id(value).items()
        if key not in by_id(after.get(table))
    }
