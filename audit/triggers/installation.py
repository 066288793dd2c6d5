"""Install, remove and check the triggers of one database."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from audit.triggers import postgresql, sqlite
from audit.triggers.tables import columns_by_table, existing_tables


def install(using: str = "default") -> None:
    """Drop our triggers and create them again from the models, for the tables and columns that exist."""
    connection = connections[using]
    # In one transaction, so that no write slips in between dropping and creating.
    with transaction.atomic(using=using):
        remove(using)
        _run(connection, _statements(connection))


def remove(using: str = "default") -> None:
    """Drop our triggers."""
    connection = connections[using]
    with transaction.atomic(using=using):
        drops = _sqlite_drops if connection.vendor == "sqlite" else _pg_drops
        _run(connection, drops(connection))


@contextmanager
def lifted(using: str = "default") -> Iterator[None]:
    """Remove the triggers for the duration of the block: for migrations and for the flush between tests."""
    remove(using)
    try:
        yield
    finally:
        install(using)


def defects(using: str = "default") -> list[str]:
    """Return the names of triggers that are missing, changed or disabled."""
    connection = connections[using]
    if connection.vendor == "sqlite":
        return _sqlite_defects(connection)
    return _pg_defects(connection)


def _statements(connection: BaseDatabaseWrapper) -> list[str]:
    tables, names = list(existing_tables(connection)), set(columns_by_table(connection))
    if connection.vendor == "sqlite":
        return list(sqlite.triggers(tables, names).values())
    functions, triggers = postgresql.parts(tables, names)
    return [function.sql for function in functions] + [trigger.sql for trigger in triggers]


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for statement in statements:
                cursor.execute(statement)
        elif statements:
            cursor.execute(";\n".join(statements))


def _sqlite_drops(connection: BaseDatabaseWrapper) -> list[str]:
    return [f'DROP TRIGGER "{name}"' for name in sqlite_present(connection)]


def sqlite_present(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """Return our triggers in an SQLite database: name and statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '{sqlite.PREFIX}%'"
        )
        return dict(cursor.fetchall())


def _sqlite_defects(connection: BaseDatabaseWrapper) -> list[str]:
    present = sqlite_present(connection)
    expected = sqlite.triggers(list(existing_tables(connection)), set(columns_by_table(connection)))
    return sorted(name for name, sql in expected.items() if present.get(name) != sql)


# A trigger with a WHEN condition (tgqual) counts as disabled: it would not fire for every row.
PG_PRESENT = f"""
SELECT c.relname, t.tgname, t.tgtype::int, t.tgenabled <> 'D' AND t.tgqual IS NULL, p.proname
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND t.tgname LIKE '{postgresql.PREFIX}%'
AND c.relnamespace = current_schema()::regnamespace
"""
PG_FUNCTIONS = f"""
SELECT proname, prosrc FROM pg_proc
WHERE proname LIKE '{postgresql.PREFIX}%' AND pronamespace = current_schema()::regnamespace
"""


def _pg_drops(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(PG_PRESENT)
        drops = [f'DROP TRIGGER {name} ON "{table}"' for table, name, *_ in cursor.fetchall()]
        cursor.execute(PG_FUNCTIONS)
        return drops + [f"DROP FUNCTION {name}()" for name, _ in cursor.fetchall()]


def _pg_defects(connection: BaseDatabaseWrapper) -> list[str]:
    functions, triggers = postgresql.parts(
        list(existing_tables(connection)), set(columns_by_table(connection))
    )
    with connection.cursor() as cursor:
        cursor.execute(PG_PRESENT)
        present = {(table, name): rest for table, name, *rest in cursor.fetchall()}
        cursor.execute(PG_FUNCTIONS)
        bodies = dict(cursor.fetchall())
    changed = [function.name for function in functions if bodies.get(function.name) != function.body]
    off = [
        f"{trigger.name} on {trigger.table}"
        for trigger in triggers
        if present.get((trigger.table, trigger.name)) != [trigger.bits, True, trigger.function]
    ]
    return sorted(changed + off)
