"""A sheet of a spreadsheet (XLSX) from lines: every text stays text, whatever it looks like.

XlsxWriter cuts a text that is too long and leaves out a row that does not fit, and only says so by its answer: here
either is an error. A whole number is a number up to the 15 digits that a spreadsheet keeps, else text.
"""

import re
import tempfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml"
MOST_NUMBER = 10**15
# Characters that XML 1.0 cannot hold.
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# A fixed time, so that the same rows make the same file.
STAMP = datetime(2020, 1, 1)  # noqa: DTZ001  the format has no time zone
PLAIN = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


class SheetTooSmall(ValueError):
    """A row or a text that a sheet cannot hold. Its argument says where."""


def workbook(rows: Iterable[Sequence[Any]]) -> bytes:
    """Return the file with one sheet. Raises SheetTooSmall for more rows or a longer text than it holds."""
    # Imported here: only a web worker that sends a sheet holds the library.
    from xlsxwriter import Workbook

    with tempfile.TemporaryFile() as file:
        book = Workbook(file, {"constant_memory": True, **PLAIN})
        book.set_properties({"created": STAMP})
        sheet = book.add_worksheet("Data")
        for number, row in enumerate(rows):
            for place, value in enumerate(row):
                if not _write(sheet, number, place, value):
                    raise SheetTooSmall(f"a sheet cannot hold the cell {place + 1} of row {number + 1}")
        book.close()
        file.seek(0)
        return file.read()


def _write(sheet: Any, row: int, column: int, value: Any) -> bool:
    """Write a cell; return whether it was written whole."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < MOST_NUMBER:
        return bool(sheet.write_number(row, column, value) == 0)
    return bool(sheet.write_string(row, column, FORBIDDEN.sub("\ufffd", str(value))) == 0)
