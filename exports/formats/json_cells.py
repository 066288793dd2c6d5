"""The cells of a table as JSON. Neighbouring rows repeat most of their cells: those written lately are remembered."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from exports.formats.typed_values import Convert, converters
from exports.tables.cells import GroupedRows, cells_of
from exports.tables.columns import StudyTable

# Of each column; longer cells hardly come back, and all of them must not fill the memory.
MOST_KNOWN, LONGEST_KNOWN = 500, 200
Write = Callable[[Any], str]
"""Returns the JSON of a typed value."""
# `json.dumps` makes an encoder for each cell, which takes ten times as long.
encoded: Final[Callable[[Any], str]] = json.JSONEncoder(ensure_ascii=False).encode


class _KnownCells(dict[str, str]):
    """The JSON of the cells of a column by their text."""

    def __init__(self, make: Write) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, cell: str) -> str:
        made = self.make(cell)
        if len(cell) <= LONGEST_KNOWN:
            if len(self) == MOST_KNOWN:
                self.clear()
            self[cell] = made
        return made


def json_rows(table: StudyTable, write: Write, before: Sequence[str]) -> Iterator[list[str]]:
    """Yield the cells of each row. before: of each column, what stands before its JSON."""
    columns = [
        _KnownCells(_writing(write, convert, begin))
        for convert, begin in zip(converters(table), before, strict=True)
    ]
    rows = table.rows()
    if not isinstance(rows, GroupedRows):
        for row in rows:
            yield _texts(columns, row)
        return
    for head, ends in rows.groups:
        begin, rest = _texts(columns[: len(head)], head), columns[len(head) :]
        for end in ends:
            yield begin + _texts(rest, cells_of(end))


def _writing(write: Write, convert: Convert, begin: str) -> Write:
    def written(cell: Any) -> str:
        return begin + write(convert(cell))

    return written


def _texts(columns: Sequence[_KnownCells], cells: Sequence[Any]) -> list[str]:
    # By its text alone a cell is known: 1 and true, 1.5 and 1.50 are equal, and not written alike.
    return [
        known[cell] if type(cell) is str else known.make(cell)
        for known, cell in zip(columns, cells, strict=True)
    ]
