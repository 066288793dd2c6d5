"""What one item of a record held before and what was asked about it, in words (AUD-05)."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from patients.models import Query, QueryMessage, Record
from protocol.document.items import Item
from protocol.values.labels import exact
from protocol.values.moments import Moment
from protocol.values.parsing import display
from trials.reader import reader_language
from trials.roles import ROLES

COLUMNS = (
    "values",
    "history_date",
    "history_full_name",
    "history_role",
    "history_change_reason",
    "history_origin",
)


@dataclass(frozen=True, slots=True)
class ItemChange:
    """One change of one item; `old` is empty when it was entered, `new` when it was taken away."""

    when: str
    who: str
    role: str
    reason: str
    old: str
    new: str


def changes_of(record: Record, item: Item, zone: str, *, files: bool = False) -> list[ItemChange]:
    """The changes of an item, newest first; of a file its hash only for those who may read files. One query."""
    words = exact if files else display
    language = reader_language()
    changes: list[ItemChange] = []
    before: Any = None
    for values, at, who, role, reason, _origin in record.history.order_by("history_id").values_list(*COLUMNS):
        value = values.get(item.name)
        if value != before:
            changes.append(
                ItemChange(
                    when=moment_words(at, zone),
                    who=who,
                    role=role_words(role),
                    reason=reason or "",
                    old=words(before, item, language, _),
                    new=words(value, item, language, _),
                )
            )
        before = value
    return changes[::-1]


def add_threads(queries: list[Query], zone: str) -> None:
    """Give each query its `thread`: who said what when. One query."""
    said: dict[int, list[dict[str, str]]] = {query.pk: [] for query in queries}
    rows = QueryMessage.objects.filter(query__in=queries).select_related("author") if queries else ()
    for row in rows:
        entry = _entry(
            row.author.full_name, role_words(row.author_role), moment_words(row.at, zone), row.text
        )
        said[row.query_id].append(entry)
    for query in queries:
        opened = moment_words(query.opened_at, zone)
        automatic = query.by_check
        who = _("Automatic check") if automatic else query.opened_by.full_name
        first = [] if said[query.pk] and not automatic else [_entry(who, "", opened, query.text)]
        thread = [*first, *said[query.pk]]
        if query.closed_because and thread[-1]["text"] != query.closed_because:
            closed = moment_words(query.closed_at, zone)
            thread.append(
                _entry(pgettext("what was done to a query", "Closed"), "", closed, query.closed_because)
            )
        query.thread = thread  # type: ignore[attr-defined]


def _entry(who: str, role: str, when: str, text: str) -> dict[str, str]:
    return {"who": who, "role": role, "when": when, "text": text}


def last_save(record: Record) -> tuple[Any, str]:
    """When the record was last saved and by whom. One query."""
    row = record.history.order_by("-history_id").values_list("history_date", "history_full_name").first()
    return row or (record.created_at, "")


def moment_words(at: Any, zone: str) -> str:
    """An instant on the clock of the site."""
    return Moment.from_datetime(at, zone).display(reader_language())


def role_words(role: str) -> str:
    """The title of a role as the trail wrote it."""
    return str(ROLES[role].title) if role in ROLES else role
