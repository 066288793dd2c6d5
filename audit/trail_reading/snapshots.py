"""Load rows of many tables, each with the row before it, in one statement, as JSON arrays on either database."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from typing import Any, Protocol

from django.db import connection, models
from django.utils.dateparse import parse_date, parse_datetime, parse_time

from audit.stored_text import StoredTextField, read


@dataclass(frozen=True)
class Snapshot:
    """One row of a source, and the row before it in the same history."""

    row: Any
    before: Any


class LoadedTable(Protocol):
    """A table of the trail: its name, its model, the audited model (None for events), and the column of its key."""

    @property
    def name(self) -> str: ...
    @property
    def model(self) -> type[models.Model]: ...
    @property
    def of(self) -> type[models.Model] | None: ...
    @property
    def key(self) -> str: ...


def load(keys_by_source: Iterable[tuple[LoadedTable, list[int]]]) -> dict[tuple[str, int], Snapshot]:
    """Return the rows by (name of the source, key). One statement for all of them."""
    pairs = [(source, keys) for source, keys in keys_by_source if keys]
    if not pairs:
        return {}
    by_name = {source.name: source for source, _ in pairs}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(_select(source, keys) for source, keys in pairs))
        found = cursor.fetchall()
    return {
        (name, key): Snapshot(_row(by_name[name].model, row), _row(by_name[name].model, before))
        for name, key, row, before in found
    }


def _select(source: LoadedTable, keys: list[int]) -> str:
    table, listed = source.model._meta.db_table, ", ".join(str(int(key)) for key in keys)
    return (
        f"SELECT '{source.name}', s.\"{source.key}\", {array(source.model, 's')}, {_before(source)} "
        f'FROM "{table}" s WHERE s."{source.key}" IN ({listed})'
    )


def _before(source: LoadedTable) -> str:
    if source.of is None:
        # PostgreSQL needs the same column types in every part of a UNION.
        return "NULL" if connection.vendor == "sqlite" else "NULL::jsonb"
    table, key = source.model._meta.db_table, source.of._meta.pk.column
    return (
        f'(SELECT {array(source.model, "p")} FROM "{table}" p WHERE p."{key}" = s."{key}" '
        f"AND p.history_id < s.history_id ORDER BY p.history_id DESC LIMIT 1)"
    )


def array(model: type[models.Model], row: str) -> str:
    columns = ", ".join(_column(field, f'{row}."{field.column}"') for field in model._meta.concrete_fields)
    return f"json_array({columns})" if connection.vendor == "sqlite" else f"jsonb_build_array({columns})"


def _column(field: Any, name: str) -> str:
    # As text: a JSON number would be read as a binary float.
    if isinstance(field, models.DecimalField):
        return f"CAST({name} AS TEXT)"
    if isinstance(field, models.DateTimeField) and connection.vendor == "postgresql":
        return f"to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
    if isinstance(field, models.JSONField) and connection.vendor == "sqlite":
        return f"json({name})"
    return name


def _row(model: type[models.Model], text: str | None) -> Any:
    if text is None:
        return None
    fields = model._meta.concrete_fields
    values = [_value(field, value) for field, value in zip(fields, json.loads(text), strict=True)]
    return model.from_db(connection.alias, [field.attname for field in fields], values)


def _value(field: Any, value: Any) -> Any:
    if value is None:
        return None
    match field:
        case models.DateTimeField():
            at = parse_datetime(value)
            return at.replace(tzinfo=UTC) if at else None
        case models.DateField():
            return parse_date(value)
        case models.TimeField():
            return parse_time(value)
        case models.DecimalField():
            return Decimal(value).quantize(Decimal(1).scaleb(-field.decimal_places))
        case models.BooleanField():
            return bool(value)
        case StoredTextField():
            return read(value)
    return value
