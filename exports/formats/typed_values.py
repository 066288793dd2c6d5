"""The cells of a table as values of their kind, for formats that have types."""

from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from exports.tables.cells import as_typed
from exports.tables.columns import StudyTable, TableColumn

Convert = Callable[[Any], Any]


def typed_rows(table: StudyTable) -> Iterator[list[Any]]:
    """Yield the rows: None for a blank cell, int and Decimal for numbers, text for all else, as it was typed."""
    converts = [_convert(column) for column in table.columns]
    for row in table.rows():
        yield [convert(cell) for convert, cell in zip(converts, row, strict=True)]


def _convert(column: TableColumn) -> Convert:
    if column.kind == "integer":
        return _integer
    if column.kind == "decimal":
        return _decimal
    return _free_text if column.free_text else _text


def _text(cell: Any) -> str | None:
    return None if cell is None or cell == "" else str(cell)


def _free_text(cell: Any) -> str | None:
    # The apostrophe guards a spreadsheet that opens a CSV file; nothing else takes a text for a formula.
    return None if cell is None or cell == "" else as_typed(str(cell))


def _integer(cell: Any) -> int | str | None:
    if cell is None or cell == "":
        return None
    try:
        return int(cell)
    except ValueError:
        # An earlier version of the protocol asked for a text here: nothing is left out.
        return str(cell)


def _decimal(cell: Any) -> Decimal | str | None:
    if cell is None or cell == "":
        return None
    try:
        return Decimal(cell)
    except InvalidOperation:
        return str(cell)
