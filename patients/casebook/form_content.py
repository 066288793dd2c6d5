"""A captured form as text: labels and values for pages, print and comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.translation import gettext as _

from patients.casebook.range_flags import reference_words
from patients.models import Record
from protocol.document.items import Form, Item
from protocol.values.labels import headed, number_text
from protocol.values.parsing import Value, display, flag, is_answered, is_missing
from protocol.values.reference_ranges import RangeReading, Readings, Side, is_laboratory
from trials.reader import reader_language


@dataclass(frozen=True, slots=True)
class ReadLine:
    """One item as text. `reference` is the reference range behind `flag`, or the text that there is none.

    An item with repeating rows has `columns` and `rows` instead of `words`.
    """

    name: str
    label: str
    words: str
    flag: Literal["low", "high", ""] = ""
    missing: bool = False
    calculated: bool = False
    reference: str = ""
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
            tuple(asked_line(form, item.name, values, language, known) for item in group.items),
        )
        for group in form.groups
    ]


def asked_line(
    form: Form, name: str, values: Mapping[str, Value], language: str, readings: Readings
) -> ReadLine:
    """Return one item of a form as text; a laboratory value is never flagged by its soft limits."""
    item = form.item(name)
    return line(item, values.get(name), language, readings.get(name, _unread(form, item)))


def _unread(form: Form, item: Item) -> RangeReading | None:
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
    """One item that differs between the stored and the typed values of a form, as text."""

    name: str
    label: str
    stored: str
    typed: str


def differences(
    form: Form,
    stored: Mapping[str, Value],
    typed: Mapping[str, Value],
    raw: Mapping[str, str],
    *,
    calculated: bool = False,
) -> list[ValueDifference]:
    """Return the items that differ between the stored and the typed values.

    raw: unreadable input by item, as it was typed. calculated: compare calculated items too.
    """
    language = reader_language()
    return [
        ValueDifference(
            name=item.name,
            label=item.label.in_language(language),
            stored=display(stored.get(item.name), item, language, _) or _("blank"),
            typed=raw.get(item.name) or display(typed.get(item.name), item, language, _) or _("blank"),
        )
        for item in form.items
        if (calculated or not item.is_calculated)
        and (item.name in raw or stored.get(item.name) != typed.get(item.name))
    ]


def form_title(record: Record) -> str:
    """Return the title of a form in the reader's language."""
    return record.protocol.rules.form(record.form).title.in_language(reader_language())
