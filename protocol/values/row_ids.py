"""Identity of the rows of a table (an item of type `rows`): each stored row holds its id beside its cells.

A row number says where a row stands now; rows above it may come and go. The id says which row it is: queries, conflicts
and the trail name it. The server gives it when the row is first stored, and it is never given to another row.
"""

import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256
from typing import Any

# The key of the id in a stored row, and the last part of the name of its input. No column can have this name: the
# names of columns begin with a letter.
ROW_ID = "_row"
# A letter in front, so that no spreadsheet reads an id as a number.
SHAPE = re.compile(r"r[0-9a-f]{8}", re.ASCII)
DIGITS = 8

Row = Mapping[str, Any]


def is_row_id(text: str) -> bool:
    """Return True if the text has the shape of an id; whether a row has it is another question."""
    return SHAPE.fullmatch(text) is not None


def new_row_id(seed: str = "", *, taken: Collection[str] = ()) -> str:
    """Return an id that is not in `taken`: always the same for the same seed, random without one."""
    made = f"r{sha256(seed.encode()).hexdigest()[:DIGITS]}" if seed else _random()
    while made in taken:
        made = _random()
    return made


def _random() -> str:
    return f"r{secrets.token_hex(DIGITS // 2)}"


def row_id(row: Row) -> str:
    """Return the id of a stored row; empty for one that was never saved."""
    return str(row.get(ROW_ID, ""))


def cells_of(row: Row) -> dict[str, Any]:
    """Return the cells of a row by column, without its id."""
    return {name: cell for name, cell in row.items() if name != ROW_ID}


def with_cells(row: Row, cells: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with other cells and the same id."""
    return {ROW_ID: row[ROW_ID], **cells} if ROW_ID in row else dict(cells)


def rows_of(value: Any) -> list[Row]:
    """Return the rows of a stored value; none if the table is blank or marked as missing, or if it is no table."""
    return value if isinstance(value, list) and all(isinstance(row, Mapping) for row in value) else []


def by_id(value: Any) -> dict[str, tuple[int, Row]]:
    """Return the number of each row, counted from 1, and the row, by its id."""
    return {row_id(row): (number, row) for number, row in enumerate(rows_of(value), start=1)}


def compared(before: Any, after: Any) -> Iterator[tuple[str, int, Row | None, Row | None]]:
    """Yield id, number, old and new row of each row that differs between two values of a table.

    The number is the one in `after`, or in `before` for a removed row, whose new row is None. A row that only stands
    under another number does not differ.
    """
    old, new = by_id(before), by_id(after)
    for key in {**old, **new}:
        was, now = old.get(key), new.get(key)
        if was is None or now is None or was[1] != now[1]:
            number = (now or was or (0,))[0]
            yield key, number, was and was[1], now and now[1]
