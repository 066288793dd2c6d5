"""Read the CSV files of a replay: a line of column names, then rows; mistakes are collected, not raised one by one.

Delimiter comma or semicolon, UTF-8. No Django.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

LABEL = "patient"
"""The column that names the patient in every file."""


@dataclass(frozen=True, slots=True, order=True)
class TableMistake:
    """A mistake in a file, by line (1 is the line of the column names) and column; empty for the whole line."""

    file: str
    line: int
    column: str
    sentence: str

    def __str__(self) -> str:
        place = f"{self.file} line {self.line}" + (f" {self.column}" if self.column else "")
        return f"{place}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class TableRow:
    """A line of a file: its cells by column, stripped."""

    file: str
    line: int
    cells: Mapping[str, str]

    def mistake(self, column: str, sentence: str) -> TableMistake:
        """Return a mistake in this line."""
        return TableMistake(self.file, self.line, column, sentence)


@dataclass(frozen=True)
class Table:
    """A file: its columns in their order, its rows, and what is wrong with its shape."""

    file: str
    columns: tuple[str, ...] = ()
    rows: tuple[TableRow, ...] = ()
    mistakes: list[TableMistake] = field(default_factory=list)


def read_table(file: str, data: bytes) -> Table:
    """Return the table of a file with the mistakes of its shape: encoding, names of columns, number of cells."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _refused(
            file, 1, f"The file is not in UTF-8 (byte {error.start + 1}): save it as “CSV UTF-8”."
        )
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = tuple(name.strip() for name in next(reader, []))
        found = Table(file, columns, mistakes=list(_of_columns(file, columns)))
        rows = list(_rows(found, reader))
    except csv.Error as error:
        return _refused(file, reader.line_num, f"This line cannot be read as CSV: {error}.")
    if not rows and not found.mistakes:
        return _refused(file, 1, "The file has no line below the names of the columns.")
    return Table(file, columns, tuple(rows), found.mistakes)


def _refused(file: str, line: int, sentence: str) -> Table:
    return Table(file, mistakes=[TableMistake(file, line, "", sentence)])


def _of_columns(file: str, columns: tuple[str, ...]) -> Iterator[TableMistake]:
    if LABEL not in columns:
        yield TableMistake(file, 1, LABEL, "The column is missing: it names the patient of each line.")
    for name, count in Counter(columns).items():
        if not name:
            yield TableMistake(file, 1, "", "A column has no name.")
        elif count > 1:
            yield TableMistake(file, 1, name, f"{count} columns have this name: a name stands once.")


def _rows(table: Table, reader: Iterator[list[str]]) -> Iterator[TableRow]:
    last = 1
    for cells in reader:
        # A cell may hold line breaks: a row is named by its first line.
        line, last = last + 1, reader.line_num  # type: ignore[attr-defined]
        stripped = [cell.strip() for cell in cells]
        if not any(stripped):
            continue
        if len(cells) != len(table.columns):
            sentence = f"The line has {len(cells)} cells, the names of the columns are {len(table.columns)}."
            table.mistakes.append(TableMistake(table.file, line, "", sentence))
            continue
        row = TableRow(table.file, line, dict(zip(table.columns, stripped, strict=True)))
        if LABEL in row.cells and not row.cells[LABEL]:
            table.mistakes.append(row.mistake(LABEL, "Name the patient."))
        yield row
