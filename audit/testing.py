"""For tests: `transactional_db` and `live_server` empty the tables between tests, which the triggers refuse."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from audit.triggers import guard, installation


@contextmanager
def lifted_triggers(using: str = "default") -> Iterator[None]:
    """Remove the triggers, then create the same ones again. Needs the rights of the database owner."""
    connection = connections[using]
    if connection.vendor == "postgresql":
        with _replica(using):
            yield
        return
    saved = installation.sqlite_present(connection)
    installation.remove(using)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for statement in saved.values():
                cursor.execute(statement)
            for statement in guard.closing_statements(connection):
                cursor.execute(statement)
        installation.lift(connection, False)


@contextmanager
def _replica(using: str) -> Iterator[None]:
    """Set the session to replica mode, in which triggers do not fire."""
    with connections[using].cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            yield
        finally:
            cursor.execute("SET session_replication_role = origin")
