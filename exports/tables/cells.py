"""Cells of a CSV file: lossless, with free text kept from being read as a formula by a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from audit.stored_text import Text, english
from exports.tables.long_texts import LongTexts
from trials.listing.lines import MOST_CHARACTERS

# First characters that make a spreadsheet read a cell as a formula (SEC-15).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
MARKED = (*FORMULA, "'")
CHUNK_ROWS = 500


def safe_free_text(typed: Text) -> str:
    """Return free text, with an apostrophe before a first character that may start a formula.

    A leading apostrophe gets another one, so that `as_typed` returns exactly the original. Texts of the system are
    in English. Not for numbers: they stay as they are.
    """
    text: str = english(typed)
    return "'" + text if text.startswith(MARKED) else text


def as_typed(cell: str) -> str:
    """Return the original of a free-text cell. The manifest tells readers to remove one leading apostrophe."""
    return cell.removeprefix("'")


def cell(value: Any) -> Any:
    """Return a column value as its CSV cell: ISO dates, UTC instants, Y/N, empty for None."""
    if value is None:
        return ""
    if value is True or value is False:
        return "Y" if value else "N"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return value


class _Lines:
    """Output of the csv writer. It collects the lines until they are sent."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> int:
        self.parts.append(text)
        return len(text)

    def take(self) -> bytes:
        data = "".join(self.parts).encode("utf-8")
        self.parts.clear()
        return data


def csv_chunks(
    header: Sequence[str], rows: Iterable[Sequence[Any]], count: list[int], long_texts: LongTexts
) -> Iterator[bytes]:
    """Yield the file (RFC 4180, UTF-8) in pieces of 500 rows, and set `count[0]` to the number of rows.

    long_texts: takes what no cell of a spreadsheet holds.
    """
    lines = _Lines()
    writer = csv.writer(lines)
    writer.writerow(header)
    write = writer.writerow
    number = 0
    for row in rows:
        # Asked of the line, not of each cell: hardly any line is that long, and this runs for millions.
        if write(row) > MOST_CHARACTERS:
            lines.parts.pop()
            write([long_texts.cell(each) for each in row])
        number += 1
        if number % CHUNK_ROWS == 0:
            yield lines.take()
    count[0] = number
    yield lines.take()
