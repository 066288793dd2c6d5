"""A captured form as text: labels and values for pages, print and comparison."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.translation import gettext as _

from patients.casebook.range_flags import reference_words
from patients.casebook.row_words import is_by_row, row_label
from patients.models import Record
from protocol.document.items import Form, Item
from protocol.values.labels import headed, number_text, row_words
from protocol.values.parsing import Value, display, flag, is_answered, is_missing
from protocol.values.reference_ranges import RangeReading, Readings, Side, is_laboratory
from protocol.values.row_ids import compared
from trials.reader import reader_language


@dataclass(frozen=True, slots=True)
class ReadLine:
    """One item as text. `reference` is the reference range behind `flag`, or the text that there is none.

    corrected: the value is signed and its range was corrected since; the flag is the one that was signed.
    An item with repeating rows has `columns` and `rows` instead of `words`.
    """

    name: str
    label: str
    words: str
    flag: Literal["low", "high", ""] = ""
    missing: bool = False
    calculated: bool = False
    reference: str = ""
    corrected: bool = False
    file: Mapping[str, Any] | None = None
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[tuple[str, str]]] = ()

    @property
    def exact(self) -> str:
        """Return the value as text, a file with its SHA-256. Only for readers with `see_files`."""
        return f"{self.words[:-1]}, SHA-256 {self.file['sha256']})" if self.file else self.words


@dataclass(frozen=True, slots=True)
class ReadSection:
    """The lines under one heading."""

    title: str
    lines: tuple[ReadLine, ...]


def sections(
    form: Form,
    values: Mapping[str, Value],
    language: str | None = None,
    *,
    readings: Readings | None = None,
) -> list[ReadSection]:
    """Return the whole form as text, group by group; an item without an answer has empty `words`.

    readings: laboratory values compared with their reference ranges (`patients.casebook.range_flags`). A laboratory
    value is flagged by its range only, never by its soft limits.
    """
    language = language or reader_language()
    known = readings or {}
    return [
        ReadSection(
            group.title.in_language(language) if group.title else "",
            tuple(item_line(form, item.name, values, language, known) for item in group.items),
        )
        for group in form.groups
    ]


def item_line(
    form: Form, name: str, values: Mapping[str, Value], language: str, readings: Readings
) -> ReadLine:
    """Return one item of a form as text; a laboratory value is never flagged by its soft limits."""
    item = form.item(name)
    return line(item, values.get(name), language, readings.get(name, _no_reading(form, item)))


def _no_reading(form: Form, item: Item) -> RangeReading | None:
    return RangeReading(Side.NO_VALUE) if is_laboratory(form, item) else None


def line(item: Item, value: Value | None, language: str, reading: RangeReading | None = None) -> ReadLine:
    """Return one item as text; `reading` compares a laboratory value with its reference range."""
    table: dict[str, Any] = {}
    if item.type == "rows" and isinstance(value, list):
        table["columns"] = [
            headed(column.label.in_language(language), column.unit, _) for column in item.columns
        ]
        table["rows"] = [
            [
                (_cell(row.get(column.name), column, language), flag(row.get(column.name), column))
                for column in item.columns
            ]
            for row in value
        ]
    return ReadLine(
        name=item.name,
        label=item.label.in_language(language),
        words="" if table else display(value, item, language, _),
        flag=reading.flag if reading else flag(value, item),  # type: ignore[arg-type]
        reference=reference_words(reading, item, language) if is_answered(value) else "",
        corrected=reading is not None and reading.now is not None,
        missing=is_missing(value),
        calculated=item.is_calculated,
        file=value if item.type == "file" and isinstance(value, Mapping) and "file" in value else None,
        **table,
    )


def _cell(value: Value | None, column: Item, language: str) -> str:
    """Return the text of a cell without its unit, which is in the heading of the column."""
    if column.is_numeric and isinstance(value, str):
        return number_text(value, language)
    return display(value, column, language, _)


@dataclass(frozen=True, slots=True)
class ValueDifference:
    """One item, or one row of a table, that differs between the stored and the typed values of a form, as text.

    name: the item, for a row the table and the id of the row (`doses-r0a1b2c3d`).
    """

    name: str
    label: str
    stored: str
    typed: str

    @property
    def item(self) -> str:
        """Return the name of the item."""
        return self.name.partition("-")[0]


def differences(
    form: Form,
    stored: Mapping[str, Value],
    typed: Mapping[str, Value],
    raw: Mapping[str, str],
    *,
    rows: Mapping[str, Mapping[int, str]],
    calculated: bool = False,
) -> list[ValueDifference]:
    """Return the items and rows of tables that differ between the stored and the typed values.

    raw: unreadable input by item, as it was typed. rows: by table, the ids of its rows by the number, from 0, under
    which the page shows them. calculated: compare calculated items too.
    """
    found: list[ValueDifference] = []
    for item in form.items:
        was, now = stored.get(item.name), typed.get(item.name)
        if not calculated and item.type == "rows":
            was = _entered(item, was)
        if (item.is_calculated and not calculated) or (item.name not in raw and was == now):
            continue
        if is_by_row(item, was, now) and item.name not in raw:
            found += _row_differences(item, was, now, rows.get(item.name, {}))
        else:
            found.append(_difference(item, was, now, raw.get(item.name, "")))
    return found


def _entered(table: Item, value: Value | None) -> Value | None:
    """Return the value of a table without its calculated columns."""
    left_out = {column.name for column in table.columns if column.is_calculated}
    if not left_out or not isinstance(value, list):
        return value
    return [{name: cell for name, cell in row.items() if name not in left_out} for row in value]


def _difference(item: Item, was: Value | None, now: Value | None, raw: str) -> ValueDifference:
    language = reader_language()
    return ValueDifference(
        name=item.name,
        label=item.label.in_language(language),
        stored=display(was, item, language, _) or _("blank"),
        typed=raw or display(now, item, language, _) or _("blank"),
    )


def _row_differences(
    item: Item, was: Value | None, now: Value | None, shown: Mapping[int, str]
) -> Iterator[ValueDifference]:
    language, numbers = reader_language(), {key: number for number, key in shown.items()}
    for key, number, old, new in compared(was, now):
        told = (row_words(row, item, language, _) if row else "" for row in (old, new))
        before, after = (words or _("blank") for words in told)
        place = numbers[key] + 1 if key in numbers else number
        yield ValueDifference(f"{item.name}-{key}", row_label(item, place, language), before, after)


def form_title(record: Record) -> str:
    """Return the title of a form in the reader's language."""
    return record.protocol.rules.form(record.form).title.in_language(reader_language())
