"""Migrations with the writers shut out: one transaction, which holds the locks, from the first change to the last.

In it the triggers are removed, the migrations run, their changes of rows are written to the history as
`system:migrate`, and the triggers are created again. Whoever writes meanwhile waits or is refused, with old code too.
If the process is killed, the database rolls everything back: data, schema and triggers are as before.

A row that differed from its history before the upgrade is left as it is and recorded as an event: the upgrade must not
explain it. `manage.py settle_trail` shows such rows.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from audit import context, events, triggers
from audit.integrity import replay
from audit.integrity.guard import UPGRADE_LOCK
from audit.trail_index import words
from audit.triggers import guard, installation
from audit.triggers.tables import existing_tables

TRIES = 12
PAUSE_SECONDS = 0.3
# An event tells at most so many rows.
NAMED_ROWS = 500

NOT_SHUT_OUT = (
    "Nothing was changed: somebody has been reading or writing for a long time, such as an export or a backup. "
    "Wait until that has ended, then run migrate again."
)
NOT_IN_ONE = (
    "{migration} cannot run in a transaction (atomic = False), so writers could not be shut out. "
    "Nothing was changed."
)


@contextmanager
def one_transaction(using: str = "default") -> Iterator[None]:
    """Run migrations in one transaction. On SQLite it holds the write lock from here on, without foreign keys.

    SQLite changes its schema only while foreign keys are off, and switches them outside transactions only; Django
    checks all of them after each migration.
    """
    connection = connections[using]
    outermost = connection.vendor == "sqlite" and not connection.in_atomic_block
    if outermost:
        connection.disable_constraint_checking()
    try:
        # A database without the guard takes no write of the application; the first migrations come before it.
        installation.lift(connection, not guard.guarded(connection))
        with transaction.atomic(using=using):
            yield
    finally:
        installation.lift(connection, False)
        if outermost:
            connection.enable_constraint_checking()


def shut_out_writers(connection: BaseDatabaseWrapper) -> None:
    """Wait for whoever is writing or reading, and keep everybody out until the transaction ends.

    On PostgreSQL this takes the lock of upgrades, which every writer of this version asks for, then all tables, for
    code that does not ask. It gives up each try before the server looks for deadlocks, so that no writer is cancelled.
    Raises CommandError after twelve tries. On SQLite the transaction has the write lock already.
    """
    if connection.vendor == "sqlite":
        return
    for _ in range(TRIES):
        try:
            with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '900ms'")
                cursor.execute(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})")
                if names := _all_tables(connection):
                    cursor.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
                cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
                return
        except OperationalError:
            time.sleep(PAUSE_SECONDS)
    raise CommandError(NOT_SHUT_OUT)


def before(plan: list[Any] | None = None, using: str = "default", **_: Any) -> None:
    """Shut out the writers and remove the triggers if there is something to migrate; receiver of `pre_migrate`."""
    if not plan:
        return
    for migration, _backwards in plan:
        if not getattr(migration, "atomic", True):
            raise CommandError(NOT_IN_ONE.format(migration=migration))
    connection = connections[using]
    shut_out_writers(connection)
    # Kept on the connection: the two signals have nothing else in common.
    connection.unexplained_rows = _unexplained(connection)  # type: ignore[attr-defined]
    triggers.remove(using)


def after(plan: list[Any] | None = None, using: str = "default", **options: Any) -> None:
    """Create the triggers again and record the migrations; receiver of `post_migrate`."""
    if plan is None:
        return  # a flush between tests, not a migration
    connection = connections[using]
    if not plan:
        if triggers.defects(using) or not guard.is_current(connection):
            _install_again(connection)
        return
    names = [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]
    unexplained: dict[str, list[int]] = connection.__dict__.pop("unexplained_rows", {})
    with transaction.atomic(using=using), context.acting(system="migrate", reason=", ".join(names)):
        for table in existing_tables(connection):
            replay.record_differences(connection, table, but=unexplained.get(table.name, []))
        triggers.install(using)
        words.install(using)
        events.record(kind=events.AccessKind.MIGRATION, detail={"migrations": names})
        if unexplained:
            _record_unexplained(unexplained, options.get("stdout"))
        events.record_configuration()


def after_each(connection: BaseDatabaseWrapper) -> None:
    """Check the foreign keys of what a migration wrote: PostgreSQL changes no table with checks outstanding."""
    if connection.vendor == "postgresql":
        connection.check_constraints()


def _install_again(connection: BaseDatabaseWrapper) -> None:
    with transaction.atomic(using=connection.alias):
        shut_out_writers(connection)
        triggers.install(connection.alias)


def _all_tables(connection: BaseDatabaseWrapper) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(quote_ident(relname), ', ' ORDER BY relname) FROM pg_class"
            " WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace"
        )
        (names,) = cursor.fetchone()
    return names or ""


def _unexplained(connection: BaseDatabaseWrapper) -> dict[str, list[int]]:
    """Return the keys of the rows that differ from their history, by table."""
    found: dict[str, list[int]] = {}
    for table in existing_tables(connection):
        for difference in replay.differences(connection, table):
            found.setdefault(difference.table, []).append(difference.key)
    return found


def _record_unexplained(rows: dict[str, list[int]], stdout: Any) -> None:
    named = [f"{table} {key}" for table, keys in rows.items() for key in keys]
    detail = {"count": len(named), "rows": named[:NAMED_ROWS]}
    events.record(kind=events.AccessKind.UNEXPLAINED, detail=detail)
    if stdout is not None:
        stdout.write(
            f"{len(named)} rows differ from their history since before this upgrade, which left them as they are. "
            "manage.py settle_trail shows them.\n"
        )
