"""Rows of any model, made by introspection: every column filled, every parent created."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.db import connection, models

from audit.testing import lifted_triggers
from audit.trail import tracked_columns, tracked_models

_numbers = count(1000)


def drop_value_constraints() -> None:
    """Switch check constraints off for the rest of the test, which tests only the trail."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = ON")
            return
        if not connection.in_atomic_block:
            # Without a rollback at the end of the test, PostgreSQL would lose the constraints for all later tests.
            return
        cursor.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint"
            " WHERE contype = 'c' AND conrelid::regclass::text = ANY(%s)",
            [[model._meta.db_table for model in tracked_models()]],
        )
        for table, name in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')


def restore_value_constraints() -> None:
    """Switch check constraints on again. On PostgreSQL, the rollback of the test restores them."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")


# States in which the triggers refuse rows below.
BARRING = ("missed",)
# Columns that make the triggers refuse every further change of the row.
LOCKS = ("frozen_at", "locked_at")


def unsaved(model: type[models.Model], *, bare: bool = False) -> Any:
    """Return an unsaved instance with a plausible value in every column; a bare one has only required references."""
    filled = [field for field in stored_columns(model) if field.name not in LOCKS]
    return model(**{field.attname: _value(field, bare) for field in filled})


def stored(model: type[models.Model], *, bare: bool = False) -> Any:
    """Store such a row. The caller must act as somebody."""
    row = unsaved(model, bare=bare)
    row.save(force_insert=True)
    return row


def stored_columns(model: type[models.Model]) -> list[Any]:
    """Return the columns that a write sets."""
    return [f for f in model._meta.concrete_fields if not f.primary_key and not f.generated]


def other(field: Any, value: Any) -> Any:
    """Return another value for a column; None if the column is a nullable reference."""
    if field.many_to_one or field.one_to_one:
        return None if field.null and value else stored(field.related_model, bare=True).pk
    if isinstance(value, bool):
        return not value
    found = _plain(field, next(_numbers))
    while found == value:
        found = _plain(field, next(_numbers))
    return found


def changeable(model: type[models.Model]) -> list[Any]:
    """Return the tracked columns without the key; columns that lock the row come last."""
    found = [field for field in tracked_columns(model) if not field.primary_key]
    return sorted(found, key=lambda field: field.name in LOCKS)


def _value(field: Any, bare: bool) -> Any:
    if not (field.many_to_one or field.one_to_one):
        return _plain(field, next(_numbers))
    return None if bare and field.null else stored(field.related_model, bare=True).pk


def _plain(field: Any, number: int) -> Any:
    if field.choices and not isinstance(field, models.IntegerField):
        told = [value for value, _label in field.choices if value not in BARRING]
        return told[number % len(told)]
    match field:
        case models.BooleanField():
            return True
        case models.BinaryField():
            return str(number).encode()
        case models.DecimalField():
            return Decimal(number % 97) + 1
        case models.DateTimeField():
            return datetime(2026, 3, 1, 9, 30, 0, 250, tzinfo=UTC) + timedelta(minutes=number)
        case models.DateField():
            return date(2026, 3, 1) + timedelta(days=number)
        case models.JSONField():
            return {"sbp": str(number), "note": {"missing": "ND"}, "é": ["a", "b"]}
        case models.SmallIntegerField() | models.PositiveSmallIntegerField():
            # A long run makes more rows than such a column can count.
            return number % 30_000
        case models.IntegerField():
            return number
        case _:
            return f"é{number}"[-(field.max_length or 20) :]


def store_in_history(row: Any) -> None:
    """Store a history row that no audited row explains, which only the triggers prevent."""
    with lifted_triggers():
        row.save(force_insert=True)


def fixed_history(model: type[models.Model]) -> Any:
    """Return a history row that is the same in every run, with fractions, zeros, accents and nested values."""
    result: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        match field:
            case models.DateTimeField():
                result[field.attname] = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
            case models.DateField():
                result[field.attname] = date(2026, 3, 1)
            case models.DecimalField():
                result[field.attname] = Decimal("36.50")
            case models.JSONField():
                result[field.attname] = {"é": ["b", 1, 1.5, 2.0, None, True], "a": {"missing": "ND"}}
            case models.BooleanField():
                result[field.attname] = True
            case models.IntegerField() | models.ForeignKey():
                result[field.attname] = 700001
            case _:
                result[field.attname] = "é\n"[: field.max_length]
    return model(**result)
