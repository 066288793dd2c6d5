"""The change that the triggers allow in rows that never change: text masked as two persons decided (AUD-12).

Each column of the row is unchanged, or holds what a cell of a confirmed redaction says (`audit.models.MaskedCell`), and
that is the text that stood there with pieces masked: whoever forges a redaction can take text away, and not write any.
"""

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.db import models

from audit.redactions.masked_text import MASK
from audit.trail import history_model
from audit.triggers.tables import TrackedTable

Differs = Callable[[tuple[str, ...]], str]
# Column of every history besides those of the audited row, in which people type.
REASON = "history_change_reason"
LONG = 100


def maskable(model: type[models.Model]) -> dict[str, bool]:
    """Return the columns of a table that can hold free text, each with whether it holds JSON."""
    fields: Any = model._meta.concrete_fields
    return {
        str(field.column): isinstance(field, models.JSONField)
        for field in fields
        if isinstance(field, models.JSONField)
        or (
            isinstance(field, models.CharField | models.TextField)
            and not field.choices
            # Shorter ones are codes, names of forms and units.
            and (field.max_length or LONG) >= LONG
            and (field.name == REASON or not field.name.startswith("history_"))
        )
    }


def masked_as_decided(table: TrackedTable, differs: Differs, vendor: str, *, history: bool = False) -> str:
    """Return the SQL condition that the change from OLD to NEW only masks what a confirmed redaction says.

    differs: the engine's condition that columns differ. Between two migrations only columns that exist are compared.
    """
    model = history_model(table.model) if history else table.model
    every = [str(field.column) for field in model._meta.concrete_fields]
    existing = [name for name in every if history or name in {table.key, *table.columns, *table.watched}]
    free = maskable(model)
    fixed = tuple(name for name in existing if name not in free)
    key, name_of = ("history_id", table.history) if history else (table.key, table.name)
    cells = (
        f"(NOT ({differs((name,))}) OR {_decided(name_of, key, name, vendor, is_json=free[name])})"
        for name in existing
        if name in free
    )
    return " AND ".join([f"NOT ({differs(fixed)})", *cells])


def column_masked_as_decided(model: type[models.Model], column: str, differs: Differs, vendor: str) -> str:
    """Return the SQL condition that the change from OLD to NEW only masks one column, as a redaction says."""
    others = tuple(str(field.column) for field in model._meta.concrete_fields if field.column != column)
    key, is_json = str(model._meta.pk.column), maskable(model)[column]
    decided = _decided(model._meta.db_table, key, column, vendor, is_json=is_json)
    return f"NOT ({differs(others)}) AND {decided}"


def redaction_tables() -> tuple[str, str]:
    """Return the tables of the masked cells and of the redactions."""
    cells, redactions = (
        apps.get_model(f"audit.{name}")._meta.db_table for name in ("MaskedCell", "Redaction")
    )
    return cells, redactions


def _decided(table: str, key: str, column: str, vendor: str, *, is_json: bool) -> str:
    cells, redactions = redaction_tables()
    # A number in JSON has one text on SQLite; PostgreSQL stores the parsed value.
    masked = "c.masked::jsonb" if is_json and vendor == "postgresql" else "c.masked"
    return (
        f'EXISTS (SELECT 1 FROM "{cells}" c JOIN "{redactions}" r ON r.id = c.redaction_id '
        f'WHERE c."table" = \'{table}\' AND c."row" = OLD."{key}" AND c."column" = \'{column}\' '
        f"AND {masked} = NEW.\"{column}\" AND r.state = 'confirmed' AND r.decided_by <> r.asked_by) "
        f"AND {_only_masks(column, vendor)}"
    )


def _only_masks(column: str, vendor: str) -> str:
    """Return SQL that the text of a column differs by masks alone."""
    if vendor == "sqlite":
        return f'stroma_only_masks(OLD."{column}", NEW."{column}")'
    # As a pattern: the signs of LIKE stand for themselves, and a mask for any characters.
    pattern = f'NEW."{column}"::text'
    for sign in ("\\", "%", "_"):
        pattern = f"replace({pattern}, '{sign}', '\\{sign}')"
    return f"OLD.\"{column}\"::text LIKE replace({pattern}, '{MASK}', '%')"
