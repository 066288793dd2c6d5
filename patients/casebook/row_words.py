"""The names of rows of tables: their current number, and their content."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from django.utils.translation import gettext as _
from django.utils.translation import override

from audit.stored_text import ENGLISH, StoredText
from protocol.document.items import Form, Item, path
from protocol.values.labels import display, row_words
from protocol.values.row_ids import Row, by_id, compared
from trials.reader import reader_language


class OfCell(Protocol):
    """A query, or a history row of one: the item, and for a cell the id of its row and its column."""

    target: str
    item: str
    row: str
    column: str


def row_label(item: Item, number: int, language: str) -> str:
    """Return a table with a row number: `Doses, row 2`."""
    return _("%(table)s, row %(row)s") % {"table": item.label.in_language(language), "row": number}


def cell_label(
    item: Item | None, values: Mapping[str, Any], query: OfCell, language: str | None = None
) -> str:
    """Return the subject of a query on a cell: `Doses, row 2 · Paracetamol · Dose 500 mg`.

    item: the table, None if no version of the form has it. values: the stored values of the record. language: the
    reader's without one.
    """
    language = language or reader_language()
    found = by_id(values.get(query.item)).get(query.row)
    if item is None:
        return query.item
    if found is None:
        told = {"table": item.label.in_language(language)}
        return " · ".join([_("%(table)s, removed row") % told, *_named(item, {}, query.column, language)])
    number, row = found
    return " · ".join([row_label(item, number, language), *_named(item, row, query.column, language)])


def asked_path(query: OfCell) -> str:
    """Return the item of a query, or the path of the cell by the id of its row: `doses-r0a1b2c3d-mg`.

    The fact of another row stands behind its kind: `adverse_event.grade`.
    """
    if query.target != "record":
        return f"{query.target}.{query.item}"
    return path(query.item, query.row, query.column) if query.row else query.item


def cell_text(form: Form, table: str, row: Row, column: str) -> StoredText:
    """Return the content of a row, `Paracetamol, Dose 500 mg`, as a stored text in the languages of the protocol."""
    says = {}
    item = form.item(table)
    for language in {ENGLISH, *item.label.root}:
        with override(language):
            named = ", ".join(_named(item, row, column, language))
            says[language] = named or row_words(row, item, language, _)
    return StoredText("protocol.row", says)


def _named(item: Item, row: Row, column: str, language: str) -> Iterator[str]:
    """Yield the value of the row's first column, which names the row, and label and value of the asked column."""
    first = item.columns[0]
    if first.name != column and (name := display(row.get(first.name), first, language, _)):
        yield name
    for each in item.columns:
        if each.name == column:
            words = (each.label.in_language(language), display(row.get(column), each, language, _))
            yield " ".join(word for word in words if word)


def row_changes(item: Item, before: Any, after: Any, language: str) -> Iterator[tuple[int, str, str]]:
    """Yield number, old and new words of each row that differs between two values of a table, both with rows or blank.

    The words are empty where there is no such row.
    """
    for _key, number, old, new in compared(before, after):
        was, now = (row_words(row, item, language, _) if row else "" for row in (old, new))
        yield number, was, now


def is_by_row(item: Item | None, *values: Any) -> bool:
    """Return True if the values of an item are compared row by row: a table that none of them marks as missing."""
    return item is not None and item.type == "rows" and all(not v or isinstance(v, list) for v in values)
