"""CSV output of listings: one format per kind of value, lines streamed one by one."""

import csv
import hashlib
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

from audit.stored_text import english

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
# Without it, spreadsheets read the file in an 8-bit encoding and break every accent.
BYTE_ORDER_MARK = "\ufeff"
MOST_CHARACTERS = 32_767
"""Characters that a cell of a spreadsheet holds: it cuts a longer text without a word."""


def held_by_a_cell(text: str) -> str:
    """Return a text that a cell holds; of a longer one how long it is, its hash, and where it stands whole.

    This file stands alone: the export of the study has such a text as a file under its hash.
    """
    if len(text) <= MOST_CHARACTERS:
        return text
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return f"A text of {len(text)} characters, in the export of the study as texts/{digest}.txt"


class Echo:
    """A file that returns what is written to it, so that `csv.writer` can stream."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line


def csv_lines(rows: Iterable[list[str]]) -> Iterator[str]:
    """Yield rows as lines of RFC 4180; the first line begins with a byte order mark."""
    writer = csv.writer(Echo())
    mark = BYTE_ORDER_MARK
    for row in rows:
        yield mark + writer.writerow(row)
        mark = ""


def csv_text(value: Any, *, free_text: bool = False) -> str:
    """Return a value as CSV text: blank for None, Y and N for booleans, ISO 8601 for dates and times.

    What the system says is in English, whoever takes the file.

    Text that people typed and a spreadsheet would take for a formula gets an apostrophe in front (SEC-15);
    numbers and codes never do.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Y" if value else "N"
    if isinstance(value, date | datetime):
        return value.isoformat()
    text = held_by_a_cell(str(english(value)))
    return f"'{text}" if free_text and text.startswith(FORMULA_SIGNS) else text
