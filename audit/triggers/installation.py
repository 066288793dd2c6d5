"""Install and remove the triggers of one database, with the guard (`audit.integrity.guard`)."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from audit.integrity.guard import SQLITE_VIEW
from audit.triggers import guard, postgresql, sqlite
from audit.triggers.tables import columns_by_table, existing_tables


def install(using: str = "default") -> None:
    """Drop our triggers and create them again from the models, for the tables and columns that exist.

    The guard comes last: from then on the application writes again.
    """
    connection = connections[using]
    # In one transaction, so that no write slips in between dropping and creating.
    with transaction.atomic(using=using):
        remove(using)
        _run(connection, _statements(connection))
        _run(connection, guard.closing_statements(connection))
    lift(connection, False)


def remove(using: str = "default") -> None:
    """Drop our triggers and the guard. This connection alone may write from now on, without a history."""
    connection = connections[using]
    with transaction.atomic(using=using):
        drops = _sqlite_drops if connection.vendor == "sqlite" else _pg_drops
        _run(connection, drops(connection))
    lift(connection, True)


def lift(connection: BaseDatabaseWrapper, lifted: bool) -> None:
    """Let this connection write without the guard, or no longer."""
    connection.trail_lifted = lifted  # type: ignore[attr-defined]


@contextmanager
def lifted(using: str = "default") -> Iterator[None]:
    """Remove the triggers for the duration of the block: to settle the trail, and in tests."""
    remove(using)
    try:
        yield
    except DatabaseError:
        # Inside a transaction its rollback brings the triggers back; nothing else can be done in it.
        if not connections[using].in_atomic_block:
            install(using)
        raise
    except BaseException:
        install(using)
        raise
    install(using)


def _statements(connection: BaseDatabaseWrapper) -> list[str]:
    tables, names = list(existing_tables(connection)), set(columns_by_table(connection))
    if connection.vendor == "sqlite":
        return list(sqlite.triggers(tables, names).values())
    functions, triggers = postgresql.parts(tables, names)
    created = [function.sql for function in (*guard.FUNCTIONS, *functions)]
    return [*guard.key_statements(), *created, *(trigger.sql for trigger in triggers)]


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for statement in statements:
                cursor.execute(statement)
        elif statements:
            cursor.execute(";\n".join(statements))


def _sqlite_drops(connection: BaseDatabaseWrapper) -> list[str]:
    drops = [f'DROP TRIGGER "{name}"' for name in sqlite_present(connection)]
    return [f"DROP VIEW IF EXISTS {SQLITE_VIEW}", *drops]


def sqlite_present(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """Return our triggers in an SQLite database: name and statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '{sqlite.PREFIX}%'"
        )
        return dict(cursor.fetchall())


PG_PRESENT = f"""
SELECT c.relname, t.tgname
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND t.tgname LIKE '{postgresql.PREFIX}%'
AND c.relnamespace = current_schema()::regnamespace
"""
PG_FUNCTIONS = f"""
SELECT proname, prosrc, oid::regprocedure::text FROM pg_proc
WHERE proname LIKE '{postgresql.PREFIX}%' AND pronamespace = current_schema()::regnamespace
"""


def _pg_drops(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(PG_PRESENT)
        drops = [f'DROP TRIGGER "{name}" ON "{table}"' for table, name in cursor.fetchall()]
        cursor.execute(PG_FUNCTIONS)
        drops += [f"DROP FUNCTION {signature}" for _name, _body, signature in cursor.fetchall()]
    return [*drops, f"DROP TABLE IF EXISTS {guard.KEY_TABLE}"]
