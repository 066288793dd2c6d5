"""How the rights of one person changed: every row of the trail about the person, oldest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import models

from accounts.models import PasswordKey, SigningSuspension, User
from audit.stored_text import Text
from audit.trail import history_model, title_of
from audit.trail_reading.change_labels import FieldChange, Reader
from audit.trail_reading.reading import TrailEntry
from trials.models import Delegation, FactorRecovery, Invitation, TrainingConfirmation, Trial
from trials.reader import reader_language
from trials.roles import ROLES

# With the columns that name the person; rows of a trial are those of the trial only.
ABOUT: tuple[tuple[type[models.Model], str], ...] = (
    (User, "id"),
    (Invitation, "username"),
    (Delegation, "user_id"),
    (PasswordKey, "user_id"),
    (Authenticator, "user_id"),
    (FactorRecovery, "user_id"),
    (SigningSuspension, "user_id"),
    (TrainingConfirmation, "user_id"),
)


@dataclass(frozen=True)
class RightsChange:
    """One change: when, by whom and in which role, of which table, what, and why."""

    at: datetime
    by: str
    role: str
    table: str
    kind: str
    changes: list[FieldChange]
    reason: Text
    origin: str


def rights_history(person: User, trial: Trial) -> list[RightsChange]:
    """Return every change of account, roles and factors of a person. One query for each table, and names."""
    reader = Reader(language=reader_language(), zone=str(trial.zone))
    found = [entry for model, column in ABOUT for entry in _entries(model, column, person, trial, reader)]
    reader.collect(row for entry in found for row in (entry.row, entry.before) if row)
    found.sort(key=lambda entry: (entry.at, entry.row.history_id))
    return [_change(entry) for entry in found]


def _entries(
    model: type[models.Model], column: str, person: User, trial: Trial, reader: Reader
) -> Iterator[TrailEntry]:
    value = person.username if column == "username" else person.pk
    rows: Any = history_model(model)._default_manager.filter(**{column: value}).order_by("history_id")
    if any(field.name == "trial" for field in model._meta.get_fields()):
        rows = rows.filter(history_trial=trial.pk)
    before: dict[Any, Any] = {}
    for row in rows:
        key = getattr(row, str(model._meta.pk.attname))
        yield TrailEntry(model._meta.label_lower, model, row.history_date, row, before.get(key), reader)
        before[key] = row


def _change(entry: TrailEntry) -> RightsChange:
    return RightsChange(
        at=entry.at,
        by=entry.full_name,
        role=str(ROLES[entry.role].title) if entry.role in ROLES else "",
        table=str(title_of(entry.of)) if entry.of else "",
        kind=entry.kind,
        changes=entry.changes,
        reason=entry.reason,
        origin=entry.origin,
    )
