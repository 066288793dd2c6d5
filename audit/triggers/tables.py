"""What the triggers need to know of each audited table, read from the models."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.apps import apps
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from audit.trail import history_model, tracked_columns, tracked_models, trail_of

SEALED_BESIDE = ("audit.AccessEvent", "audit.TrailReview")
APPEND_ONLY = (*SEALED_BESIDE, "audit.Seal", "audit.SealedPart")
INVALIDATION = ("invalidated_at", "invalidated_by", "invalidated_reason")

# History column: the key of the actor (`audit.context.Actor`) that fills it.
ACTOR_COLUMNS = {
    "history_user_id": "user_id",
    "history_user_name": "user_name",
    "history_full_name": "full_name",
    "history_role": "role",
    "history_change_reason": "reason",
    "history_origin": "origin",
    "history_request": "request_id",
    "history_session": "session",
    "history_address": "address",
}

UNATTRIBUTED = "Nobody is named for this write: wrap it in audit.acting(user=..., reason=...)"
APPEND_ONLY_SAYS = "The trail can only be added to: {table} refuses changes and deletions"
NEVER_DELETED = "Rows of {table} are never deleted: mark them as entered in error instead"
KEY_IS_FIXED = "The key of a row of {table} never changes"
FINAL_IS_FIXED = "What a row of {table} holds never changes"
SIGNED_IS_FIXED = "A signature never changes; it can only be invalidated, once"


@dataclass(frozen=True)
class TrackedTable:
    """One audited table and its history, as column names of the database."""

    model: type[models.Model]
    label: str
    name: str
    history: str
    key: str
    columns: tuple[str, ...]
    watched: tuple[str, ...]
    signed: tuple[str, ...]
    deletable: bool
    final: bool
    patient: str
    trial: str

    @property
    def compared(self) -> tuple[str, ...]:
        """Return the columns whose change leaves a row."""
        return self.columns + self.watched

    @property
    def settled(self) -> tuple[str, ...]:
        """Return the columns that never change once they hold a value."""
        return tuple(column for column in self.columns if column != self.key) if self.final else ()

    def place(self, row: str) -> dict[str, str]:
        """Return SQL for the trial and the patient of `row` (an alias, or NEW and OLD)."""
        paths = {"history_trial": self.trial, "history_patient": self.patient}
        return {column: path_sql(self.model, path, row) if path else "NULL" for column, path in paths.items()}


def path_sql(model: type[models.Model], path: str, row: str) -> str:
    """Return SQL that follows a path such as `record__patient_id` from `row`, one subselect per relation."""
    head, _, rest = path.partition("__")
    field: Any = model._meta.get_field(head)
    here = f'{row}."{field.column}"'
    if not rest:
        return here
    to = field.related_model
    alias = f"via_{head.removesuffix('_id')}"
    there, key = path_sql(to, rest, alias), to._meta.pk.column
    return f'(SELECT {there} FROM "{to._meta.db_table}" {alias} WHERE {alias}."{key}" = {here})'


def tracked_table(model: type[models.Model]) -> TrackedTable:
    """Read the declaration of one model."""
    trail = trail_of(model)
    return TrackedTable(
        model=model,
        label=model._meta.label_lower,
        name=model._meta.db_table,
        history=history_model(model)._meta.db_table,
        key=str(model._meta.pk.column),
        columns=tuple(str(field.column) for field in tracked_columns(model)),
        watched=_columns(model, trail.watched),
        signed=_columns(model, trail.signed_content),
        deletable=trail.deletable,
        final=trail.final,
        patient=trail.patient,
        trial=trail.trial,
    )


def _columns(model: type[models.Model], names: tuple[str, ...]) -> tuple[str, ...]:
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    return tuple(field.column for field in fields)


def tracked_tables() -> list[TrackedTable]:
    """Return every audited table in a stable order."""
    return [tracked_table(model) for model in tracked_models()]


COLUMNS = {
    "sqlite": (
        "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'"
    ),
    "postgresql": (
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
    ),
}


def columns_by_table(connection: BaseDatabaseWrapper) -> dict[str, set[str]]:
    """Return the columns of every table of the database. One query."""
    found: dict[str, set[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS[connection.vendor])
        for table, column in cursor.fetchall():
            found.setdefault(table, set()).add(column)
    return found


def existing_tables(connection: BaseDatabaseWrapper) -> Iterator[TrackedTable]:
    """Yield the audited tables and columns the database has: between two migrations some may be missing."""
    columns = columns_by_table(connection)
    for table in tracked_tables():
        if {table.name, table.history} <= columns.keys():
            yield narrowed(table, live=columns[table.name], past=columns[table.history])


def narrowed(table: TrackedTable, *, live: set[str], past: set[str]) -> TrackedTable:
    """Return the table without the columns that one side does not have."""
    return replace(
        table,
        columns=tuple(column for column in table.columns if column in live and column in past),
        watched=tuple(column for column in table.watched if column in live),
        signed=tuple(column for column in table.signed if column in live),
    )


def append_only_tables() -> list[str]:
    """Return the tables, beside the histories, that can only be added to."""
    return [apps.get_model(label)._meta.db_table for label in APPEND_ONLY]


def sealed_beside() -> list[str]:
    """Return the tables, beside the histories, whose rows are sealed."""
    return [apps.get_model(label)._meta.db_table for label in SEALED_BESIDE]


def signature_table() -> str:
    """Return the table of the signatures."""
    return apps.get_model("audit.Signature")._meta.db_table


def fixed_signature_columns() -> tuple[str, ...]:
    """Return the columns of a signature that never change."""
    fields = apps.get_model("audit.Signature")._meta.concrete_fields
    return tuple(str(field.column) for field in fields if field.column not in INVALIDATION)
