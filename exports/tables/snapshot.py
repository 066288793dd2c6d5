"""A consistent view of the database for the duration of an export, without blocking writers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction


@contextmanager
def snapshot() -> Iterator[None]:
    """Read within one transaction that sees the data as of its start.

    PostgreSQL: repeatable read, read only. SQLite: a deferred transaction, which under WAL is a snapshot without a
    write lock; the application's own mode, IMMEDIATE, would block every writer.
    """
    if connection.vendor == "postgresql":
        with transaction.atomic():
            # The isolation level can only be set at the start of a transaction, not inside an outer one.
            if not connection.in_atomic_block or len(connection.savepoint_ids) == 0:
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
        return
    wrapper: Any = connection
    mode = wrapper.transaction_mode
    wrapper.transaction_mode = "DEFERRED"
    try:
        with transaction.atomic():
            yield
    finally:
        wrapper.transaction_mode = mode
