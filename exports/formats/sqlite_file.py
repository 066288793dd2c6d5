"""One SQLite file with a table for each table of the export, and foreign keys to the patients.

A decimal is a REAL if its digits survive that, as up to 15 always do, else the exact text. Nothing is cut.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from exports.formats.data_files import PIECE_BYTES, DataFile, Exported, dataset_name
from exports.formats.typed_values import typed_rows
from exports.tables.columns import StudyTable

NAME = "study.sqlite3"
# A column of numbers has no type: INTEGER, NUMERIC and REAL cut a text of digits to the first fifteen.
TYPES: Final = {"integer": "", "decimal": ""}
MOST_INTEGER: Final = 1 << 63
PATIENTS, SUBJECT = "patients", "patient"
CHUNK_ROWS = 500


def files(tables: Iterable[StudyTable], exported: Exported) -> Iterator[DataFile]:
    """Yield the one file. It is written to a temporary folder first: a database is not written from front to end."""
    count = [0]
    yield DataFile(NAME, _pieces(tables, count), count)


def _pieces(tables: Iterable[StudyTable], count: list[int]) -> Iterator[bytes]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        database = sqlite3.connect(path)
        try:
            with database:
                for table in tables:
                    count[0] += _add(database, table)
        finally:
            database.close()
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece


def _add(database: sqlite3.Connection, table: StudyTable) -> int:
    name = _quoted(dataset_name(table.name))
    columns = [f"{_quoted(column.name)} {TYPES.get(column.kind, 'TEXT')}".strip() for column in table.columns]
    if table.name == PATIENTS:
        columns[0] += " PRIMARY KEY"
    elif SUBJECT in table.header:
        columns.append(
            f"FOREIGN KEY ({_quoted(SUBJECT)}) REFERENCES {_quoted(PATIENTS)} ({_quoted(SUBJECT)})"
        )
    database.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
    marks = ", ".join("?" * len(table.columns))
    rows, number = (tuple(map(_stored, row)) for row in typed_rows(table)), 0
    while chunk := list(islice(rows, CHUNK_ROWS)):
        # Names are quoted, and come from the protocol and the project; values are parameters.
        database.executemany(f"INSERT INTO {name} VALUES ({marks})", chunk)  # noqa: S608
        number += len(chunk)
    return number


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _stored(value: Any) -> Any:
    """Return a value as SQLite holds it: a number that it does not hold exactly is a text."""
    if isinstance(value, int) and not -MOST_INTEGER <= value < MOST_INTEGER:
        return str(value)
    if not isinstance(value, Decimal):
        return value
    as_float = float(value)
    return as_float if Decimal(repr(as_float)) == value else format(value, "f")
