"""The difference of two exports as CSV, table by table: rows that are new, changed or gone, by their key."""

import csv
import io
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from exports.tables.description import keys
from exports.tables.study_columns import NAMED_BY_ID

Row = dict[str, str]
Key = tuple[str, ...]
Kind = Literal["new", "changed", "gone"]
FORMS: Final = "forms/"
FORM_KEY: Final = ("patient", "visit", "visit_number", "repeat", "row_id")
# What names a row in each table; in an archive that has no such columns the whole row does. Number n of equal keys is
# compared with number n. The patient of a row is told with its id.
KEYS: Final[dict[str, tuple[str, ...]]] = {
    **keys.KEYS,
    **dict.fromkeys(NAMED_BY_ID, ("patient", "id")),
    "data_dictionary": ("table", "item", "columns"),
}


class NotComparable(ValueError):
    """A file that is no archive of CSV tables; the message says what it is instead."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One line: a row that came or went, or one cell of a row that changed. key: `patient=LIE-001 visit=SCR`."""

    kind: Kind
    table: str
    key: str
    column: str = ""
    before: str = ""
    after: str = ""


def differences(old: Path, new: Path) -> Iterator[Difference]:
    """Yield the differences in the order of the tables. One table at a time is held in memory.

    A table or a column that only one export has counts as one difference. Raises NotComparable.
    """
    # A cell may hold as much as a spreadsheet's; what is longer is a file beside the table.
    csv.field_size_limit(sys.maxsize)
    with _archive(old) as before, _archive(new) as after:
        tables = [_tables(before), _tables(after)]
        for table in dict.fromkeys([*tables[0], *tables[1]]):
            if table not in tables[1]:
                yield Difference("gone", table, "")
            elif table not in tables[0]:
                yield Difference("new", table, "")
            else:
                yield from _of_table(table, before, after)


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as problem:
        raise NotComparable(f"{path} is no export: {problem}") from problem
    if not _tables(archive):
        archive.close()
        raise NotComparable(f"{path} holds no CSV tables: export both with --format csv")
    return archive


def _tables(archive: zipfile.ZipFile) -> list[str]:
    return [name.removesuffix(".csv") for name in archive.namelist() if name.endswith(".csv")]


def _of_table(table: str, before: zipfile.ZipFile, after: zipfile.ZipFile) -> Iterator[Difference]:
    name = f"{table}.csv"
    if _same(before, after, name):
        return
    old_columns, new_columns = _header(before, name), _header(after, name)
    for column in old_columns:
        if column not in new_columns:
            yield Difference("gone", table, "", column)
    for column in new_columns:
        if column not in old_columns:
            yield Difference("new", table, "", column)
    both = [column for column in new_columns if column in old_columns]
    key_columns = key_of(table, both)
    old, new = _read(before, name, key_columns), _read(after, name, key_columns)
    for key, row in old.items():
        if key not in new:
            yield Difference("gone", table, _words(key_columns, key))
        else:
            for column in both:
                if row[column] != new[key][column]:
                    words = _words(key_columns, key)
                    yield Difference("changed", table, words, column, row[column], new[key][column])
    for key in new:
        if key not in old:
            yield Difference("new", table, _words(key_columns, key))


def _same(before: zipfile.ZipFile, after: zipfile.ZipFile, name: str) -> bool:
    one, other = before.getinfo(name), after.getinfo(name)
    return (one.CRC, one.file_size) == (other.CRC, other.file_size)


def key_of(table: str, columns: list[str]) -> tuple[str, ...]:
    """Return the columns that name a row of a table; all columns of one without a key."""
    known = FORM_KEY if table.startswith(FORMS) else KEYS.get(table, ())
    return tuple(column for column in known if column in columns) or tuple(columns)


@contextmanager
def _rows(archive: zipfile.ZipFile, name: str) -> Iterator["csv.DictReader[str]"]:
    with archive.open(name) as file:
        yield csv.DictReader(io.TextIOWrapper(file, "utf-8", newline=""))


def _header(archive: zipfile.ZipFile, name: str) -> list[str]:
    with _rows(archive, name) as rows:
        return list(rows.fieldnames or ())


def _read(archive: zipfile.ZipFile, name: str, key_columns: tuple[str, ...]) -> dict[Key, Row]:
    """Return the rows by key; the last part of a key counts rows with the same one."""
    found: dict[Key, Row] = {}
    seen: dict[Key, int] = {}
    with _rows(archive, name) as rows:
        for row in rows:
            key = tuple(row[column] for column in key_columns)
            seen[key] = seen.get(key, 0) + 1
            found[(*key, str(seen[key]))] = row
    return found


def _words(columns: tuple[str, ...], key: Key) -> str:
    named = [f"{column}={value}" for column, value in zip(columns, key, strict=False) if value]
    return " ".join(named if key[-1] == "1" else [*named, f"({key[-1]})"])
