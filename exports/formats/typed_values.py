"""The cells of a table as values of their kind, for formats that have types."""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from exports.tables.cells import as_typed
from exports.tables.columns import StudyTable, TableColumn

Convert = Callable[[Any], Any]
# As numbers are stored. Python reads more as a number: 00420, 1_000, NaN, digits of other scripts.
INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)")
DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MOMENT: Final = re.compile(DAY.pattern + r"T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?Z?")
PARTIAL: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?(?![0-9])")


def typed_rows(table: StudyTable) -> Iterator[list[Any]]:
    """Yield the rows: None for a blank cell, int and Decimal for numbers, text for all else, as it was typed."""
    converts = converters(table)
    for row in table.rows():
        yield [convert(cell) for convert, cell in zip(converts, row, strict=True)]


def converters(table: StudyTable) -> list[Convert]:
    """Return for each column what makes the value of a cell: None of a blank one, int or Decimal, or text as typed."""
    return [_convert(column) for column in table.columns]


def _convert(column: TableColumn) -> Convert:
    if column.kind == "integer":
        return _integer
    if column.kind == "decimal":
        return _decimal
    return _free_text if column.free_text else _text


def _text(cell: Any) -> str | None:
    return None if cell is None or cell == "" else str(cell)


def _free_text(cell: Any) -> str | None:
    # The apostrophe guards a spreadsheet that opens a CSV file; nothing else takes a text for a formula.
    return None if cell is None or cell == "" else as_typed(str(cell))


def _integer(cell: Any) -> int | str | None:
    if isinstance(cell, int) and not isinstance(cell, bool):
        return cell
    text = _text(cell)
    # An earlier version of the protocol asked for a text here: nothing is left out.
    return int(text) if text is not None and INTEGER.fullmatch(text) else text


def _decimal(cell: Any) -> Decimal | str | None:
    text = _text(cell)
    return Decimal(text) if text is not None and DECIMAL.fullmatch(text) else text


def converter_of(column: TableColumn) -> Convert:
    """Return the function that makes such a value of a cell; None of a blank one."""
    convert = _convert(column)
    calendar = CALENDAR.get(column.kind)
    if calendar is None:
        return convert

    def value_of(cell: Any) -> Any:
        text = convert(cell)
        return None if text is None else calendar(text)

    return value_of


def _date(text: str) -> date | str:
    try:
        return date.fromisoformat(text) if DAY.fullmatch(text) else text
    except ValueError:
        return text


def _instant(text: str) -> datetime | str:
    found = _moment(text)
    return found if isinstance(found, datetime) and found.tzinfo is not None else text


def _local(text: str) -> datetime | str:
    found = _moment(text)
    return found if isinstance(found, datetime) and found.tzinfo is None else text


def _moment(text: str) -> datetime | str:
    try:
        return datetime.fromisoformat(text) if MOMENT.fullmatch(text) else text
    except ValueError:
        return text


CALENDAR: Final[dict[str, Convert]] = {"date": _date, "instant": _instant, "local": _local}


def partial_parts(text: str) -> tuple[int | None, int | None, int | None]:
    """Return year, month and day of a partial date (a prefix of ISO 8601); None for what is not known."""
    found = PARTIAL.match(text)
    year, month, day = found.groups() if found else (None, None, None)
    return (_number(year), _number(month), _number(day))


def _number(text: str | None) -> int | None:
    return int(text) if text else None
