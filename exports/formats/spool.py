"""A table read once into a temporary file, with what a format must know before it writes the first row.

A file of fixed columns says their widths at its start. The rows are read from the database once, in its snapshot, and
from the file as often as the format asks; memory holds a batch of them.
"""

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Final, Literal, Self

from exports.formats.typed_values import calendar_rows, partial_parts
from exports.tables.columns import StudyTable, TableColumn
from exports.tables.long_texts import LongTexts

BATCH_ROWS: Final = 1000
Role = Literal["value", "exact", "year", "month", "day"]
PARTS: Final[tuple[Role, ...]] = ("year", "month", "day")
Row = list[Any]


@dataclass(slots=True)
class Slot:
    """One value of a spooled row, and what all its values have in common.

    role: the value of the column; the exact text where the format does not hold the value itself; or a part of a
    partial date. missing: place of the slot with the missing code of this value. filled: number of values. width: bytes
    of UTF-8 of the longest text. whole, fraction: most digits of a decimal before and after its point. seen: the codes,
    of a column with codes.
    """

    column: TableColumn
    role: Role = "value"
    missing: int | None = None
    filled: int = 0
    width: int = 0
    whole: int = 0
    fraction: int = 0
    seen: dict[str, None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the name of its variable, before it is fitted to the format."""
        return self.column.name if self.role == "value" else f"{self.column.name}__{self.role}"

    @property
    def label(self) -> str:
        """Return the label of its variable, before it is fitted."""
        return self.column.label if self.role == "value" else f"{self.column.label}: {ROLE_LABELS[self.role]}"

    @property
    def kind(self) -> str:
        """Return the kind of its values: text, integer, decimal, date, instant, local, flag."""
        if self.role == "value":
            return "text" if self.column.kind == "partial" else self.column.kind
        return "text" if self.role == "exact" else "integer"


ROLE_LABELS: Final[dict[Role, str]] = {
    "exact": "exact text", "year": "year", "month": "month", "day": "day",
}  # fmt: skip
TEXTUAL: Final = ("text", "flag")
# (kind, value): whether the format holds a number, a day or a moment exactly.
Holds = Callable[[str, Any], bool]


NEVER: Final = Decimal(0)


def as_text(value: Any) -> str:
    """Return the exact text of a value."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, date | datetime) else str(value)


class Spool:
    """The rows of a table, in slots. Use it as a context: it holds a temporary file.

    long_texts: takes each text that the format does not hold. holds: whether it holds any other value exactly; where it
    does not, a slot beside has the exact text. nearest: a number below it is stored as the nearest that the format
    holds, also where the exact text stands beside.
    """

    def __init__(
        self, table: StudyTable, long_texts: LongTexts, holds: Holds, nearest: Decimal = NEVER
    ) -> None:
        self.slots: list[Slot] = []
        self.rows = 0
        self._file = TemporaryFile()  # noqa: SIM115  closed by `__exit__`
        adders = [
            self._text_adder(column, long_texts)
            if column.kind in ("text", "partial")
            else self._typed_adder(column, long_texts, holds, nearest)
            for column in table.columns
        ]
        places = {slot.name: place for place, slot in enumerate(self.slots) if slot.role == "value"}
        for slot in self.slots:
            if slot.role == "value":
                slot.missing = places.get(f"{slot.column.name}__missing")
        batch: list[Row] = []
        for cells in calendar_rows(table):
            row: Row = []
            for add, cell in zip(adders, cells, strict=True):
                add(row, cell)
            batch.append(row)
            if len(batch) == BATCH_ROWS:
                self._keep(batch)
        self._keep(batch)

    def _keep(self, batch: list[Row]) -> None:
        if batch:
            pickle.dump(batch, self._file, protocol=pickle.HIGHEST_PROTOCOL)
            self.rows += len(batch)
            batch.clear()

    def _slot(self, column: TableColumn, role: Role = "value") -> Slot:
        self.slots.append(Slot(column, role))
        return self.slots[-1]

    def _text_adder(self, column: TableColumn, long_texts: LongTexts) -> Callable[[Row, Any], None]:
        slot = self._slot(column)
        parts = [self._slot(column, part) for part in PARTS] if column.kind == "partial" else []
        coded = bool(column.codes)

        def add(row: Row, cell: Any) -> None:
            if cell is None:
                row.extend((None,) * (1 + len(parts)))
                return
            text = long_texts.cell(cell)
            _note_text(slot, text)
            if coded:
                slot.seen.setdefault(text)
            row.append(text)
            if parts:
                for part, number in zip(parts, partial_parts(cell), strict=True):
                    part.filled += number is not None
                    row.append(number)

        return add

    def _typed_adder(
        self, column: TableColumn, long_texts: LongTexts, holds: Holds, nearest: Decimal
    ) -> Callable[[Row, Any], None]:
        slot, exact, kind = self._slot(column), self._slot(column, "exact"), column.kind
        right, numeric = TYPES[kind], kind in ("integer", "decimal")

        def add(row: Row, cell: Any) -> None:
            if cell is None:
                row += (None, None)
                return
            is_right = isinstance(cell, right) and (kind != "flag" or cell in ("Y", "N"))
            held = is_right and holds(kind, cell)
            if held:
                _note(slot, cell)
            beside = None if held else long_texts.cell(as_text(cell))
            if beside is not None:
                _note_text(exact, beside)
            kept = held or (is_right and numeric and abs(cell) < nearest)
            row += (cell if kept else None, beside)

        return add

    def kept(self) -> list[int]:
        """Return the places of the slots that make variables: exact texts only where there are any."""
        return [place for place, slot in enumerate(self.slots) if slot.role != "exact" or slot.filled]

    def batches(self) -> Iterator[list[Row]]:
        """Yield the rows in batches. Each call begins with the first row."""
        self._file.seek(0)
        left = self.rows
        while left > 0:
            batch: list[Row] = pickle.load(self._file)  # noqa: S301  written by `_keep`, and read by nobody else
            left -= len(batch)
            yield batch

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the temporary file."""
        self._file.close()


TYPES: Final[dict[str, type]] = {
    "integer": int, "decimal": Decimal, "date": date, "instant": datetime, "local": datetime, "flag": str,
}  # fmt: skip


def _note_text(slot: Slot, text: str) -> None:
    slot.filled += 1
    size = len(text) if text.isascii() else len(text.encode("utf-8"))
    if size > slot.width:
        slot.width = size


def _note(slot: Slot, value: Any) -> None:
    slot.filled += 1
    if isinstance(value, Decimal):
        _sign, digits, exponent = value.as_tuple()
        places = -int(exponent)
        slot.fraction = max(slot.fraction, places)
        slot.whole = max(slot.whole, len(digits) - places)
    elif isinstance(value, int):
        slot.whole = max(slot.whole, len(str(abs(value))))
    elif isinstance(value, str):
        slot.width = 1
