"""The earlier values of one item and the threads of queries, as text to show (AUD-05)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from audit.stored_text import Text
from audit.system_texts import actor_words
from patients.casebook.casebook import Casebook
from patients.casebook.form_versions import item_of
from patients.casebook.row_words import is_by_row, row_changes
from patients.models import QueryRow, Record
from protocol.document.items import Form, Item
from protocol.values.labels import exact
from protocol.values.parsing import display
from trials.reader import reader_language, shown_moment
from trials.roles import ROLES

COLUMNS = (
    "values",
    "history_date",
    "history_full_name",
    "history_role",
    "history_change_reason",
)


@dataclass(frozen=True, slots=True)
class ItemChange:
    """One change of one item, as text. `old` is empty at the first entry, `new` if the value was removed."""

    when: str
    who: str
    role: str
    reason: Text
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class FormChange:
    """One change of one item of a form, as text, with what the item is called."""

    label: str
    change: ItemChange


def changes_of(record: Record, item: Item, zone: str, *, files: bool = False) -> list[ItemChange]:
    """Return the changes of an item, newest first. One query.

    zone: IANA time zone of the site. files: show the hashes of files, for readers with `see_files`.
    """
    return _changes(list(_rows(record)), item, zone, files=files)[::-1]


def form_changes(
    record: Record, casebook: Casebook, form: Form, zone: str, *, files: bool = False
) -> list[FormChange]:
    """Return the changes of every item of a form, in the order of the form, newest first. One query.

    files: show the hashes of files, for readers with `see_files`.
    """
    rows, language = list(_rows(record)), reader_language()
    names = dict.fromkeys([*(item.name for item in form.items), *(name for row in rows for name in row[0])])
    items = (item_of(casebook, form, name) for name in names)
    return [
        FormChange(item.label.in_language(language), change)
        for item in items
        if item is not None
        for change in _changes(rows, item, zone, files=files)[::-1]
    ]


def _rows(record: Record) -> Iterator[tuple[Any, ...]]:
    return record.history.order_by("history_id").values_list(*COLUMNS).iterator()


def _changes(rows: Iterable[tuple[Any, ...]], item: Item, zone: str, *, files: bool) -> list[ItemChange]:
    words = exact if files else display
    language = reader_language()
    changes: list[ItemChange] = []
    before: Any = None
    for values, at, who, role, reason in rows:
        value = values.get(item.name)
        told = {"when": moment_words(at, zone), "who": actor_words(who), "role": role_words(role)}
        if value != before and is_by_row(item, before, value):
            changes += [
                ItemChange(**told, reason=reason or "", old=old, new=new)
                for old, new in _row_changes(item, before, value, language)
            ]
        elif value != before:
            old, new = (words(each, item, language, _) for each in (before, value))
            changes.append(ItemChange(**told, reason=reason or "", old=old, new=new))
        before = value
    return changes


def _row_changes(item: Item, before: Any, value: Any, language: str) -> Iterator[tuple[str, str]]:
    """Yield the old and the new words of each row that differs, with its number before them."""
    for number, *words in reversed(list(row_changes(item, before, value, language))):
        told = {"row": number}
        old, new = (_("Row %(row)s: %(words)s") % {**told, "words": each} if each else "" for each in words)
        yield old, new


def add_threads(queries: Sequence[QueryRow], zone: str) -> None:
    """Give each query its `thread`: who said what when. One query."""
    entries: dict[int, list[dict[str, Text]]] = {query.pk: [] for query in queries}
    said = type(queries[0]).all_messages() if queries else None
    rows = said.filter(query__in=queries).select_related("author") if said is not None else ()
    for row in rows:
        entry = _entry(
            row.author.full_name, role_words(row.author_role), moment_words(row.at, zone), row.text
        )
        entries[row.query_id].append(entry)
    for query in queries:
        opened = moment_words(query.opened_at, zone)
        automatic = query.by_check
        who = _("Automatic check") if automatic else query.opened_by.full_name
        first = [] if entries[query.pk] and not automatic else [_entry(who, "", opened, query.text)]
        thread = [*first, *entries[query.pk]]
        if query.closed_because and thread[-1]["text"] != query.closed_because:
            closed = moment_words(query.closed_at, zone)
            thread.append(
                _entry(pgettext("what was done to a query", "Closed"), "", closed, query.closed_because)
            )
        query.thread = thread  # type: ignore[attr-defined]


def _entry(who: str, role: str, when: str, text: Text) -> dict[str, Text]:
    return {"who": who, "role": role, "when": when, "text": text}


def moment_words(at: Any, zone: str) -> str:
    """Return an instant as date and time in the time zone of the site, in the reader's language."""
    return shown_moment(at, zone)


def role_words(role: str) -> str:
    """Return the title of a role code of the trail, or the code itself if no such role exists now."""
    return str(ROLES[role].title) if role in ROLES else role
