"""Roles and reviews of access in the trail: tasks and lists in words, where the columns hold codes."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.trail import label_of
from audit.trail_reading.change_labels import FieldChange, Reader, column_changes
from trials.delegated_tasks import words_of
from trials.models import AccessReview, Delegation
from trials.roles import ROLES


def describe_delegation(old: Any, new: Any, reader: Reader) -> list[FieldChange]:
    """Return the changes of a role, its tasks in words."""
    found = column_changes(Delegation, old, new, reader, excluded=("tasks",))
    return [*found, *_changed(Delegation, "tasks", _tasks(old), _tasks(new))]


def describe_access_review(old: Any, new: Any, reader: Reader) -> list[FieldChange]:
    """Return the columns of a review of access; its page shows the list itself."""
    found = column_changes(AccessReview, old, new, reader, excluded=("rows",))
    return [*found, *_changed(AccessReview, "rows", _number(old), _number(new))]


def _changed(model: Any, name: str, before: str, after: str) -> Iterator[FieldChange]:
    if before != after:
        yield FieldChange(name, label_of(model, model._meta.get_field(name)), before, after)


def _tasks(row: Any) -> str:
    if row is None or row.role not in ROLES or not ROLES[row.role].delegated:
        return ""
    return (
        _("all tasks of the role") if row.tasks is None else ", ".join(words_of(ROLES[row.role], row.tasks))
    )


def _number(row: Any) -> str:
    if row is None:
        return ""
    return ngettext("%(number)s role", "%(number)s roles", len(row.rows)) % {"number": len(row.rows)}
