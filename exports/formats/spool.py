"""A table read once into a temporary file, with what a format must know before it writes the first row.

A file of fixed columns says their widths at its start. The rows are read from the database once, in its snapshot, and
from the file as often as the format asks; memory holds a batch of them. A batch is kept column by column: the same
values stand in many rows, and each is converted once.
"""

import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Final, Literal, Self

from exports.formats.holding import Holding
from exports.formats.typed_values import converter_of, partial_parts
from exports.formats.whole_columns import Facts, converted, nothing, packed
from exports.tables.columns import StudyTable, TableColumn
from exports.tables.long_texts import LongTexts

# Few rows of many columns, or many rows of few: what memory holds at a time.
BATCH_CELLS, LEAST_ROWS, MOST_ROWS = 100_000, 250, 4000
# A column of other values in each row must not fill the memory.
MOST_KNOWN: Final = 10_000
Role = Literal["value", "exact", "year", "month", "day"]
PARTS: Final[tuple[Role, ...]] = ("year", "month", "day")
ROLE_LABELS: Final[dict[Role, str]] = {
    "exact": "exact text", "year": "year", "month": "month", "day": "day",
}  # fmt: skip
Column = Any
"""The values of a slot in the rows of a batch: an Arrow array if the format takes whole columns, else a list."""


@dataclass(slots=True)
class Slot:
    """The values of a variable, before it is fitted to a format, and what all of them have in common.

    role: the value of the column; the exact text where the format does not hold the value itself; or a part of a
    partial date. missing: place of the slot with the missing code of this value. filled: whether there is any value.
    width: bytes of UTF-8 of the longest text. whole, fraction: most digits of a decimal before and after its point.
    seen: the codes, of a column with codes.
    """

    column: TableColumn
    role: Role = "value"
    missing: int | None = None
    filled: bool = False
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


TEXTUAL: Final = ("text", "flag")


def as_text(value: Any) -> str:
    """Return the exact text of a value."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, date | datetime) else str(value)


class Spool:
    """The rows of a table, in slots. Use it as a context: it holds a temporary file.

    long_texts: takes each text that the format does not hold.
    """

    def __init__(self, table: StudyTable, long_texts: LongTexts, holding: Holding) -> None:
        self.rows, self._whole = 0, holding.whole
        self._file = TemporaryFile()  # noqa: SIM115  closed by `__exit__`
        columns = [_Reader(column, long_texts, holding) for column in table.columns]
        self.slots = [slot for column in columns for slot in column.slots]
        places = {slot.name: place for place, slot in enumerate(self.slots) if slot.role == "value"}
        for slot in self.slots:
            if slot.role == "value":
                slot.missing = places.get(f"{slot.column.name}__missing")
        rows = iter(table.rows())
        at_once = min(MOST_ROWS, max(LEAST_ROWS, BATCH_CELLS // len(table.columns)))
        while batch := list(islice(rows, at_once)):
            self._keep(columns, batch)

    def _keep(self, columns: "list[_Reader]", batch: list[Sequence[Any]]) -> None:
        kept = [
            each
            for column, cells in zip(columns, zip(*batch, strict=True), strict=True)
            for each in column.read(cells)
        ]
        pickle.dump((len(batch), kept), self._file, protocol=pickle.HIGHEST_PROTOCOL)
        self.rows += len(batch)

    def kept(self) -> list[int]:
        """Return the places of the slots that make variables: exact texts only where there are any."""
        return [place for place, slot in enumerate(self.slots) if slot.role != "exact" or slot.filled]

    def batches(self) -> Iterator[list[Column]]:
        """Yield the rows in batches, each as a list of the slots' values. Each call begins with the first row."""
        self._file.seek(0)
        left = self.rows
        while left > 0:
            number, batch = pickle.load(self._file)  # noqa: S301  written by `_keep`, and read by nobody else
            left -= number
            yield [self._column(slot, column, number) for slot, column in zip(self.slots, batch, strict=True)]

    def _column(self, slot: Slot, column: Column, rows: int) -> Column:
        # Most batches have no exact texts. Where none has any, nobody reads the slot.
        if column is None and slot.filled and self._whole is not None:
            return nothing(slot.kind, rows, self._whole)
        return column

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the temporary file."""
        self._file.close()


class _Reader:
    """Turns the cells of one column into the values of its slots."""

    def __init__(self, column: TableColumn, long_texts: LongTexts, holding: Holding) -> None:
        self._convert, self._long_texts, self._holding = converter_of(column), long_texts, holding
        self._column, self._known = column, dict[Any, tuple[Any, ...]]()
        further: tuple[Role, ...] = () if column.kind == "text" else ("exact",)
        further = PARTS if column.kind == "partial" else further
        self.slots = [Slot(column), *(Slot(column, role) for role in further)]
        self._blank = (None,) * len(self.slots)

    def read(self, cells: Sequence[Any]) -> Iterable[Column]:
        """Return the values of each slot."""
        whole = self._holding.whole
        if whole is None:
            return self._one_by_one(cells)
        if (found := converted(self._column, cells, whole)) is not None:
            values, facts = found
            _note_all(self.slots[0], values, facts)
            return [values, *[None] * (len(self.slots) - 1)]
        columns = zip(self.slots, self._one_by_one(cells), strict=True)
        return [packed(slot.kind, values, whole) for slot, values in columns]

    def _one_by_one(self, cells: Sequence[Any]) -> list[list[Any]]:
        known = self._known
        if len(known) > MOST_KNOWN:
            known.clear()
        for cell in cells:
            if cell not in known:
                known[cell] = self._values(cell)
        found = [known[cell] for cell in cells]
        return [[values[place] for values in found] for place in range(len(self.slots))]

    def _values(self, cell: Any) -> tuple[Any, ...]:
        value = self._convert(cell)
        if value is None:
            return self._blank
        return self._text(value) if self._column.kind in ("text", "partial") else self._typed(value)

    def _text(self, cell: str) -> tuple[Any, ...]:
        slot, *parts = self.slots
        text = self._long_texts.cell(cell)
        _note_text(slot, text)
        if self._column.codes:
            slot.seen.setdefault(text)
        return (text, *partial_parts(cell)) if parts else (text,)

    def _typed(self, value: Any) -> tuple[Any, ...]:
        (slot, exact), kind, holding = self.slots, self._column.kind, self._holding
        is_right = isinstance(value, TYPES[kind]) and (kind != "flag" or value in ("Y", "N"))
        held = is_right and holding.holds(kind, value)
        if held:
            _note(slot, value)
            return (holding.encode[kind](value) if kind in holding.encode else value), None
        beside = self._long_texts.cell(as_text(value))
        _note_text(exact, beside)
        is_near = is_right and kind in ("integer", "decimal") and abs(value) < holding.nearest
        return (holding.encode[kind](value) if is_near else None), beside


TYPES: Final[dict[str, type]] = {
    "integer": int, "decimal": Decimal, "date": date, "instant": datetime, "local": datetime, "flag": str,
}  # fmt: skip


def _note_text(slot: Slot, text: str) -> None:
    slot.filled = True
    size = len(text) if text.isascii() else len(text.encode("utf-8"))
    if size > slot.width:
        slot.width = size


def _note_all(slot: Slot, values: Any, facts: Facts) -> None:
    slot.filled |= values.null_count < len(values)
    slot.width = max(slot.width, facts.width)
    slot.whole = max(slot.whole, facts.whole)
    slot.fraction = max(slot.fraction, facts.fraction)
    for code in facts.seen:
        slot.seen.setdefault(code)


def _note(slot: Slot, value: Any) -> None:
    slot.filled = True
    if isinstance(value, Decimal):
        _sign, digits, exponent = value.as_tuple()
        places = -int(exponent)
        slot.fraction = max(slot.fraction, places)
        # A point has a zero before it: `0.05`.
        slot.whole = max(slot.whole, len(digits) - places, 1)
    elif isinstance(value, int):
        slot.whole = max(slot.whole, len(str(abs(value))))
    elif isinstance(value, str):
        slot.width = 1
