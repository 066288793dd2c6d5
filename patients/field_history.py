"""What one item of a record held before, in words: who changed it, when and why (AUD-05)."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.roles import ROLES
from patients.models import Record
from trials.items import display
from trials.moments import Moment
from trials.protocol_items import Item

COLUMNS = (
    "values",
    "history_date",
    "history_full_name",
    "history_role",
    "history_change_reason",
    "history_origin",
)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one item; `old` is empty when it was entered, `new` when it was taken away."""

    when: str
    who: str
    role: str
    reason: str
    old: str
    new: str


def changes_of(record: Record, item: Item, zone: str) -> list[Change]:
    """The changes of an item, newest first. One query."""
    changes: list[Change] = []
    before: Any = None
    for values, at, who, role, reason, _origin in record.history.order_by("history_id").values_list(*COLUMNS):
        value = values.get(item.name)
        if value != before:
            changes.append(
                Change(
                    when=moment_words(at, zone),
                    who=who,
                    role=role_words(role),
                    reason=reason or "",
                    old=_words(before, item),
                    new=_words(value, item),
                )
            )
        before = value
    return changes[::-1]


def last_save(record: Record) -> tuple[Any, str]:
    """When the record was last saved and by whom. One query."""
    row = record.history.order_by("-history_id").values_list("history_date", "history_full_name").first()
    return row or (record.created_at, "")


def moment_words(at: Any, zone: str) -> str:
    """An instant on the clock of the site."""
    return Moment.from_datetime(at, zone).display(get_language() or "en")


def role_words(role: str) -> str:
    """The title of a role as the trail wrote it."""
    return str(ROLES[role].title) if role in ROLES else role


def _words(value: Any, item: Item) -> str:
    return display(value, item, get_language() or "en", _)
