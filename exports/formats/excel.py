"""XLSX: one workbook with a sheet for each table; numbers, days and moments are typed cells.

What a cell does not hold goes to a file beside and is named in the cell: a text of more than 32,767 signs, or with a
sign that XML does not know or an office program would change. A number of more than 15 digits has its exact text in a
column beside. A table of more rows than a sheet holds goes on in further sheets.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from exports.formats.data_files import PIECE_BYTES, DataFile, Exported, dataset_name
from exports.formats.file_limits import FileLimits, fitted_names
from exports.formats.holding import Holding
from exports.formats.numbers import MOST_DOUBLE
from exports.formats.readers import general_readers
from exports.formats.spool import Spool
from exports.formats.variables import HEADER, VariableList, variables_of
from exports.tables.columns import StudyTable
from exports.tables.long_texts import LongTexts
from trials.listing.workbook import PLAIN, SheetTooSmall

NAME: Final = "study.xlsx"
LIMITS: Final = FileLimits(name=255, label=100_000)
# Room for the number of a further sheet: `audit_trail (12)`.
SHEET_LIMITS: Final = FileLimits(name=26, label=31, reserved=frozenset({"history"}))
MOST_TEXT, MOST_DIGITS, SHEET_ROWS = 32_767, 15, 1_048_576
# Signs that XML does not hold, a carriage return, which it changes, and texts that a reader takes for such a sign.
UNSAFE: Final = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")
DAY_ZERO: Final = date(1899, 12, 30)
# A spreadsheet has a 29 February 1900.
FIRST_DAY: Final = date(1900, 3, 1)
FORMATS: Final = {"date": "yyyy-mm-dd", "instant": "yyyy-mm-dd hh:mm:ss.000", "local": "yyyy-mm-dd hh:mm"}
DAY_SECONDS: Final = 86_400


def _fits(text: str) -> bool:
    return len(text.encode("utf-16-le", "replace")) // 2 <= MOST_TEXT and not UNSAFE.search(text)


def _holds(kind: str, value: Any) -> bool:
    if kind in ("integer", "decimal"):
        return len("".join(map(str, Decimal(value).as_tuple().digits)).strip("0")) <= MOST_DIGITS
    return kind == "flag" or (value.date() if isinstance(value, datetime) else value) >= FIRST_DAY


def files(tables: Iterable[StudyTable], exported: Exported) -> Iterator[DataFile]:
    """Yield the workbook. It is written to a temporary folder first: it is a zip that ends with its parts' places."""
    count, beside = [0], LongTexts(_fits)
    yield DataFile(NAME, _pieces(tables, exported, count, beside), count, beside)
    yield from general_readers()


def _pieces(
    tables: Iterable[StudyTable], exported: Exported, count: list[int], beside: LongTexts
) -> Iterator[bytes]:
    # Imported here: only a process that makes such a file holds it.
    from xlsxwriter import Workbook

    with TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        book = Workbook(path, {"constant_memory": True, "tmpdir": folder, **PLAIN})
        book.set_properties({"created": exported.at.astimezone(UTC).replace(tzinfo=None)})
        sheets, listed = Sheets(book), VariableList(LIMITS)
        for table in tables:
            count[0] += _add(sheets, table, listed, beside)
        sheets.begin("variables", HEADER)
        for row in listed.rows:
            sheets.write([str(value) for value in row], {})
        book.close()
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece


class Sheets:
    """The sheets of a workbook: a table that fills one goes on in the next, below the same names of columns."""

    def __init__(self, book: Any) -> None:
        self.book = book
        self.formats = {kind: book.add_format({"num_format": words}) for kind, words in FORMATS.items()}
        self._head = book.add_format({"bold": True})
        self._names: list[str] = []
        self._sheet: Any = None
        self._header: tuple[str, ...] = ()
        self._number, self._row = 1, 0

    def begin(self, table: str, header: Iterable[str]) -> None:
        """Begin the sheet of a table."""
        name = fitted_names([dataset_name(table)], SHEET_LIMITS, self._names)[dataset_name(table)]
        self._names.append(name)
        self._header, self._number = tuple(header), 1
        self._open(name)

    @property
    def name(self) -> str:
        """Return the name of the first sheet of the table that was begun last."""
        return self._names[-1]

    def _open(self, name: str) -> None:
        self._sheet, self._row = self.book.add_worksheet(name), 0
        self._sheet.freeze_panes(1, 0)
        for place, words in enumerate(self._header):
            self._checked(self._sheet.write_string(0, place, words, self._head), place)

    def write(self, values: Sequence[Any], formats: dict[int, Any]) -> None:
        """Write a row: texts as texts, floats as numbers. formats: by place. Raises SheetTooSmall, never cuts."""
        self._row += 1
        if self._row == SHEET_ROWS:
            self._number += 1
            self._open(f"{self._names[-1]} ({self._number})")
            self._row = 1
        write_number, write_string = self._sheet.write_number, self._sheet.write_string
        for place, value in enumerate(values):
            if value is None:
                continue
            write = write_string if isinstance(value, str) else write_number
            self._checked(write(self._row, place, value, formats.get(place)), place)

    def _checked(self, told: int, place: int) -> None:
        if told != 0:
            raise SheetTooSmall(f"a sheet cannot hold the cell {place + 1} of row {self._row + 1}")


def _add(sheets: Sheets, table: StudyTable, listed: VariableList, beside: LongTexts) -> int:
    with Spool(table, beside, HOLDING) as spool:
        variables = variables_of(spool, LIMITS)
        sheets.begin(table.name, [variable.name for variable in variables])
        listed.datasets[table.name] = sheets.name
        listed.add(table, NAME, variables)
        formats = {
            place: sheets.formats[variable.kind]
            for place, variable in enumerate(variables)
            if variable.kind in FORMATS
        }
        for batch in spool.batches():
            columns = [batch[variable.place] for variable in variables]
            for row in zip(*columns, strict=True):
                sheets.write(row, formats)
        return spool.rows


def _moment(at: datetime) -> float:
    # From the whole day and the seconds of the day: fewer digits are lost than in the seconds since the epoch.
    seconds = at.hour * 3600 + at.minute * 60 + at.second + at.microsecond / 1_000_000
    return (at.date() - DAY_ZERO).days + seconds / DAY_SECONDS


HOLDING: Final = Holding(
    _holds,
    MOST_DOUBLE,
    {
        "integer": float,
        "decimal": float,
        "date": lambda day: float((day - DAY_ZERO).days),
        "instant": _moment,
        "local": _moment,
    },
)
