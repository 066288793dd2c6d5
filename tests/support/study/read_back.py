"""Files of an export read by programs of others, and put together again as the cells that were stored.

A reader returns the values of each variable: None for a blank, text, float, date, datetime; an instant is naive UTC or
aware. `restored` finds the columns of the table in them by the list of variables, as any reader would.
"""

import csv
import io
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from exports.formats.coding import coding_of
from exports.formats.data_files import DataFile, DataFiles, Exported
from exports.formats.spool import Slot
from exports.formats.typed_values import converter_of
from exports.tables.columns import StudyTable, TableColumn

AT = datetime(2026, 11, 3, 17, 5, 9, tzinfo=UTC)
EXPORTED = Exported("nct00000000", AT, "1.0")
# A moment as a double of seconds since 1582 has a step of 1.9 microseconds.
STEP = timedelta(microseconds=2)
Columns = dict[str, list[Any]]
Files = dict[str, bytes]


def written(made: DataFiles, *tables: StudyTable) -> Files:
    """Return the files of a format by name, the texts beside with them."""
    found: Files = {}
    file: DataFile
    for file in made(tables, EXPORTED):
        found[file.name] = b"".join(file.pieces)
        found |= dict(file.long_texts.taken())
    return found


def listed(files: Files) -> list[dict[str, str]]:
    """Return the list of variables."""
    return list(csv.DictReader(io.StringIO(files["variables.csv"].decode(), newline="")))


def assert_restored(
    table: StudyTable,
    frame: Columns,
    variables: list[dict[str, str]],
    files: Files,
    *,
    coded: bool = False,
    step: timedelta = STEP,
    nearest: Callable[[float], float] = float,
) -> int:
    """Assert that the variables hold every cell of the table; return how many cells were compared.

    coded: codes stand as numbers. step: what a moment may differ by. nearest: a number as this reader gives it.
    """
    own = [each for each in variables if each["table"] == table.name]
    places = {(each["column"], each["holds"]): frame[each["variable"]] for each in own}
    converts = [converter_of(column) for column in table.columns]
    rows = [[convert(cell) for convert, cell in zip(converts, row, strict=True)] for row in table.rows()]
    assert {len(values) for values in frame.values()} == {len(rows)}
    compared = 0
    for place, column in enumerate(table.columns):
        cells = [row[place] for row in rows]
        numbers = _numbers(column, cells) if coded else None
        beside = places.get((column.name, "exact"), [None] * len(rows))
        for number, (cell, value, exact) in enumerate(
            zip(cells, places[column.name, "value"], beside, strict=True)
        ):
            where = (table.name, column.name, number, cell, value, exact)
            if exact not in (None, ""):
                assert _text(exact, files) == _as_text(cell), where
                continue
            found = _text(value, files) if isinstance(value, str) else value
            assert _same(cell, found, numbers, step, nearest), where
            compared += cell is not None
    return compared


def _numbers(column: TableColumn, cells: list[Any]) -> dict[str, int] | None:
    slot = Slot(column, seen=dict.fromkeys(cell for cell in cells if cell is not None))
    coding = coding_of(slot)
    return coding.numbers if coding else None


def _text(value: Any, files: Files) -> Any:
    return files[value].decode() if str(value).startswith("texts/") else value


def _as_text(cell: Any) -> str:
    if isinstance(cell, Decimal):
        return format(cell, "f")
    return cell.isoformat().replace("+00:00", "Z") if isinstance(cell, date | datetime) else str(cell)


def _same(
    cell: Any, value: Any, numbers: dict[str, int] | None, step: timedelta, nearest: Callable[[float], float]
) -> bool:
    if cell is None:
        return value in (None, "")
    if numbers is not None:
        return bool(value == numbers[cell])
    if isinstance(cell, datetime):
        return isinstance(value, datetime) and abs(_plain(value) - _plain(cell)) <= step
    if isinstance(cell, int | Decimal):
        if isinstance(value, Decimal | int):
            return value == cell
        # A number that a double does not hold must have its exact text beside, and never gets here.
        is_held = Decimal(repr(float(cell))) == cell
        return isinstance(value, float) and is_held and nearest(float(cell)) == value
    if isinstance(value, bool):
        return bool(value == (cell == "Y"))
    # Codes that are whole numbers are numbers in SAV.
    return bool(value == cell or (isinstance(value, float) and cell.isdigit() and float(cell) == value))


def _plain(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


def plain(value: Any) -> Any:
    """Return a value of a reader without the types of its library."""
    if value is None or value is False or value is True:
        return value
    if hasattr(value, "to_pydatetime"):
        return None if value != value else value.to_pydatetime(warn=False)
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value


def of_frame(frame: Any) -> Columns:
    """Return a data frame of pandas as columns."""
    return {str(name): [plain(value) for value in frame[name]] for name in frame.columns}


def kept(files: Files, folder: Path) -> Callable[[str], str]:
    """Write the files to a folder; return the function that gives the path of one."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return lambda name: str(folder / name)
