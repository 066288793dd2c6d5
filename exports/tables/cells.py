"""Cells of a CSV file: lossless, with free text kept from being read as a formula by a spreadsheet."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from audit.stored_text import Text, english
from exports.tables.long_texts import LongTexts
from trials.listing.lines import MOST_CHARACTERS

# First characters that make a spreadsheet read a cell as a formula (SEC-15).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
MARKED = (*FORMULA, "'")
CHUNK_ROWS, ROWS_AT_ONCE = 500, 100
LINE_END = "\r\n"
# A cell that is written as it is, and a length that leaves room for the cells around.
MARK, SURELY_SHORT = "x", MOST_CHARACTERS // 2


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


@dataclass(slots=True, eq=False)
class FixedEnd:
    """The last cells of a row. The same object may stand in many rows.

    line: how they end a line of a CSV file, once a writer has made it; never of cells that no spreadsheet holds.
    """

    cells: tuple[str, ...]
    line: str = ""


@dataclass(slots=True, eq=False)
class Around:
    """The last cells of rows in which only one of these differs: those before it, and those after it.

    begin, end: how they stand in a line of a CSV file, once a writer has made them.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    begin: str = ""
    end: str = ""


End = FixedEnd | tuple[Around, str]
"""The last cells of a row: fixed ones, or one text with the cells around it."""
Group = tuple[Sequence[Any], Sequence[End]]
"""The first cells of neighbouring rows, which are the same, and the last cells of each of them, all texts."""


def cells_of(end: End) -> tuple[str, ...]:
    """Return the last cells of a row."""
    if isinstance(end, FixedEnd):
        return end.cells
    around, text = end
    return *around.before, text, *around.after


class GroupedRows(Iterator[Sequence[Any]]):
    """The rows of a table of which neighbours begin with the same cells. As an iterator it yields plain rows.

    groups: not empty. A writer may read them instead, to write what is the same once. They are read once.
    """

    def __init__(self, groups: Iterator[Group]) -> None:
        self.groups = groups
        self._rows: Iterator[Sequence[Any]] = (
            (*head, *cells_of(end)) for head, ends in groups for end in ends
        )

    def __iter__(self) -> Iterator[Sequence[Any]]:
        return self._rows

    def __next__(self) -> Sequence[Any]:
        return next(self._rows)


class _Written:
    """Lines of a CSV file that wait to be sent."""

    def __init__(self, long_texts: LongTexts) -> None:
        self._long_texts = long_texts
        self.parts: list[str] = []
        self._line: list[str] = []
        self._writer = csv.writer(_Output(self._line.append))

    def take(self) -> bytes:
        """Return the bytes of the waiting lines and forget them."""
        data = "".join(self.parts).encode("utf-8")
        self.parts.clear()
        return data

    def line(self, cells: Sequence[Any]) -> str:
        """Return cells as a line with its end."""
        self._writer.writerow(cells)
        line = self._line.pop()
        # Asked of the line, not of each cell: hardly any line is that long, and this runs for millions.
        if len(line) > MOST_CHARACTERS:
            self._writer.writerow([self._long_texts.cell(each) for each in cells])
            line = self._line.pop()
        return line

    def lines(self, rows: Sequence[Sequence[Any]]) -> str:
        """Return rows as lines."""
        self._writer.writerows(rows)
        lines = self._line.copy()
        self._line.clear()
        if max(map(len, lines), default=0) > MOST_CHARACTERS:
            lines = [self.line(row) for row in rows]
        return "".join(lines)

    def group(self, head: Sequence[Any], ends: Sequence[End]) -> str:
        """Return the lines of rows that begin with the same cells."""
        begin = self.line((*head, "")).removesuffix(LINE_END)
        lines = [
            (end.line or self._fixed(end)) if isinstance(end, FixedEnd) else self._between(*end)
            for end in ends
        ]
        return begin + begin.join(lines)

    def _fixed(self, end: FixedEnd) -> str:
        # After another cell: the writer quotes a blank cell that is the whole line.
        line = self.line(("", *end.cells)).removeprefix(",")
        if _short(end.cells):
            end.line = line
        return line

    def _between(self, around: Around, text: str) -> str:
        """Return a line, without the csv writer where the text has not to be quoted."""
        # A break of the line is not printable.
        if (
            around.begin
            and text.isprintable()
            and '"' not in text
            and "," not in text
            and len(text) <= SURELY_SHORT
        ):
            return f"{around.begin}{text}{around.end}"
        if not around.begin and _short((*around.before, *around.after)):
            around.begin = self.line((*around.before, MARK)).removesuffix(MARK + LINE_END)
            around.end = self.line((MARK, *around.after)).removeprefix(MARK)
        return self.line(("", *around.before, text, *around.after)).removeprefix(",")


def _short(cells: Sequence[str]) -> bool:
    """Return whether a line holds the cells as they are; else the path of a file that each archive has to have."""
    return sum(map(len, cells)) <= SURELY_SHORT


@dataclass(frozen=True, slots=True)
class _Output:
    """Output of the csv writer."""

    write: Callable[[str], None]


def csv_chunks(
    header: Sequence[str], rows: Iterable[Sequence[Any]], count: list[int], long_texts: LongTexts
) -> Iterator[bytes]:
    """Yield the file (RFC 4180, UTF-8) in pieces of about 500 rows, and set `count[0]` to the number of rows.

    long_texts: takes what no cell of a spreadsheet holds.
    """
    written = _Written(long_texts)
    written.parts.append(written.line(header))
    number, due = 0, CHUNK_ROWS
    for lines, more in _in_groups(written, rows):
        written.parts.append(lines)
        number += more
        if number >= due:
            due = number + CHUNK_ROWS
            yield written.take()
    count[0] = number
    yield written.take()


def _in_groups(written: _Written, rows: Iterable[Sequence[Any]]) -> Iterator[tuple[str, int]]:
    """Yield lines and their number."""
    if isinstance(rows, GroupedRows):
        for head, ends in rows.groups:
            yield written.group(head, ends), len(ends)
    else:
        rest = iter(rows)
        while part := list(islice(rest, ROWS_AT_ONCE)):
            yield written.lines(part), len(part)
