"""Compare triggers, functions, rules, policies and grants of a database with those that the models need.

`defects` names what is missing or changed of our own; `objections` also names what was added by others and could
switch the trail off, write past it or change what it stores.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from audit.integrity.guard import SQLITE_VIEW
from audit.triggers import guard, postgresql, postgresql_catalogue, sqlite
from audit.triggers.installation import sqlite_present
from audit.triggers.tables import append_only_tables, columns_by_table, existing_tables

OFF = "is missing, changed or switched off"
FOREIGN = "is not one of Stroma's: it could change or prevent what is stored"


@dataclass(frozen=True)
class Objection:
    """Something of the schema that the trail cannot rely on: where, and what."""

    place: str
    problem: str


def defects(using: str = "default") -> list[str]:
    """Return the names of our triggers and functions that are missing, changed or switched off."""
    connection = connections[using]
    found = _sqlite_defects(connection) if connection.vendor == "sqlite" else _pg_defects(connection)
    return sorted(found)


def objections(using: str = "default") -> Iterator[Objection]:
    """Yield every deviation of the schema from what the trail needs."""
    connection = connections[using]
    for name in defects(using):
        yield Objection(f"trigger {name}", OFF)
    if connection.vendor == "sqlite":
        yield from _sqlite_strangers(connection)
        return
    names = guarded_tables(connection)
    triggers = {(trigger.table, trigger.name) for trigger in _pg_parts(connection)[1]}
    functions = {function.name for function in _pg_parts(connection)[0]} | {guard.DIGEST}
    for place, problem in postgresql_catalogue.strangers(connection, names, triggers, functions):
        yield Objection(place, problem or FOREIGN)


def guarded_tables(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the existing tables that the triggers guard: audited tables, histories, append-only tables."""
    tables, names = list(existing_tables(connection)), columns_by_table(connection)
    audited = [name for table in tables for name in (table.name, table.history)]
    return sorted({*audited, *(name for name in append_only_tables() if name in names)})


def _sqlite_expected(connection: BaseDatabaseWrapper) -> dict[str, str]:
    return sqlite.triggers(list(existing_tables(connection)), set(columns_by_table(connection)))


def _sqlite_defects(connection: BaseDatabaseWrapper) -> Iterator[str]:
    present = sqlite_present(connection)
    for name, sql in _sqlite_expected(connection).items():
        if present.get(name) != sql:
            yield name
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM sqlite_master WHERE type = 'view' AND name = %s", [SQLITE_VIEW])
        if cursor.fetchone() is None:
            yield SQLITE_VIEW


def _sqlite_strangers(connection: BaseDatabaseWrapper) -> Iterator[Objection]:
    expected = _sqlite_expected(connection)
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
        triggers = cursor.fetchall()
    for name, table in triggers:
        if name not in expected:
            yield Objection(f"trigger {name} on {table}", FOREIGN)


def _pg_parts(
    connection: BaseDatabaseWrapper,
) -> tuple[list[postgresql.TriggerFunction], list[postgresql.Trigger]]:
    functions, triggers = postgresql.parts(
        list(existing_tables(connection)), set(columns_by_table(connection))
    )
    return [*guard.FUNCTIONS, *functions], triggers


def _pg_defects(connection: BaseDatabaseWrapper) -> Iterator[str]:
    functions, triggers = _pg_parts(connection)
    present = postgresql_catalogue.functions(connection)
    if guard.DIGEST not in present:
        yield guard.DIGEST
    settings = {found.setting for found in present.values()}
    for function in functions:
        found = present.get(function.name)
        if found is None or len(settings) > 1 or not found.is_like(function):
            yield function.name
    states = postgresql_catalogue.triggers(connection)
    for trigger in triggers:
        if states.get((trigger.table, trigger.name)) != trigger.state:
            yield f"{trigger.name} on {trigger.table}"
