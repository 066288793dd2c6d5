"""One consistent look at the database for as long as an export takes, without holding up writers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction


@contextmanager
def snapshot() -> Iterator[None]:
    """Read inside one transaction that sees the data as they are now.

    PostgreSQL: repeatable read, read only. SQLite: a deferred transaction, which under WAL is a snapshot and takes
    no write lock (the application's own mode, IMMEDIATE, would stop every writer).
    """
    if connection.vendor == "postgresql":
        with transaction.atomic():
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
