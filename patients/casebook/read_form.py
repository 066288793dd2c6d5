"""A captured form as it is read: labels and values in words, for pages, print and comparison."""

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
    """One item in words. `flag` says low or high; `reference` is the range that said so, or that there is none.

    A table has its `columns` and `rows`.
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
        """Return the words, of a file with its hash: for those who may read files."""
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
    """The whole form in words, group by group; an item without an answer has no words.

    readings: where laboratory values lie (`patients.casebook.range_flags`); their soft limits never speak for a range.
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
    """One item of a form in words; a laboratory value is never judged by its soft limits."""
    item = form.item(name)
    return line(item, values.get(name), language, readings.get(name, _unread(form, item)))


def _unread(form: Form, item: Item) -> RangeReading | None:
    return RangeReading(Side.NO_VALUE) if is_laboratory(form, item) else None


def line(item: Item, value: Value | None, language: str, reading: RangeReading | None = None) -> ReadLine:
    """One item in words; `reading` is where a laboratory value lies."""
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
    """The words of a cell; the heading of its column tells the unit."""
    if column.is_numeric and isinstance(value, str):
        return number_text(value, language)
    return display(value, column, language, _)


@dataclass(frozen=True, slots=True)
class ValueDifference:
    """One item on which two versions of a form disagree, in words."""

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
    """The items that differ between what is stored and what was typed; `raw` for what could not be read."""
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
