"""Cells of a CSV file: lossless, and free text kept from starting a formula in a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from audit.stored_text import Text, english

# What a spreadsheet takes for a formula when a cell begins with it (SEC-15).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
MARKED = (*FORMULA, "'")
CHUNK_ROWS = 500


def harmless(said: Text) -> str:
    """Return free text with an apostrophe before a leading formula sign; numbers never go through here.

    A leading apostrophe is doubled too, so that `as_typed` gives back exactly what was typed. What the system says is
    in English.
    """
    text: str = english(said)
    return "'" + text if text.startswith(MARKED) else text


def as_typed(cell: str) -> str:
    """Return the text behind a free-text cell: the manifest tells readers to drop one leading apostrophe."""
    return cell.removeprefix("'")


def cell(value: Any) -> Any:
    """Return a column value as it stands in the CSV: ISO dates, UTC instants, Y/N, empty for nothing."""
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
    """Collects what the csv writer writes, so that it can be sent in pieces."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> int:
        self.parts.append(text)
        return len(text)

    def take(self) -> bytes:
        data = "".join(self.parts).encode("utf-8")
        self.parts.clear()
        return data


def csv_chunks(header: Sequence[str], rows: Iterable[Sequence[Any]], count: list[int]) -> Iterator[bytes]:
    """Yield the file in pieces of some thousand rows (RFC 4180, UTF-8); `count[0]` becomes the number of rows."""
    lines = _Lines()
    writer = csv.writer(lines)
    writer.writerow(header)
    write = writer.writerow
    number = 0
    for row in rows:
        write(row)
        number += 1
        if number % CHUNK_ROWS == 0:
            yield lines.take()
    count[0] = number
    yield lines.take()
