"""SQLite backend: gives the triggers the actor, and refuses to write while the triggers are not as installed.

The triggers read the actor through `stroma_actor(key)`, a function of each connection. Without the triggers a write
would leave no history: before the first write after any change of the schema the connection compares them with the
digest that was stored when they were installed. The number of the schema (`PRAGMA schema_version`) costs a few
microseconds to read.
"""

import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base
from django.utils.dateparse import parse_date, parse_datetime

from audit.backends.statements import first_word, writes
from audit.context import current_actor
from audit.integrity.guard import UNGUARDED, sqlite_guarded, sqlite_has_guard
from audit.redactions.masked_text import only_masks


def _read(quickly: Callable[[str], Any], otherwise: Callable[[str], Any]) -> Callable[[bytes], Any]:
    """Return a converter that tries Python's own parser first: Django's calls it too, through two more functions."""

    def read(stored: bytes) -> Any:
        text = stored.decode()
        try:
            return quickly(text)
        except ValueError:
            return otherwise(text)

    return read


# In place of those that Django registers on import. Pages read thousands of dates.
sqlite3.register_converter("date", _read(date.fromisoformat, parse_date))
sqlite3.register_converter("datetime", _read(datetime.fromisoformat, parse_datetime))


class GuardedCursor(base.SQLiteCursorWrapper):
    """Cursor that checks the guard before it writes."""

    database: "DatabaseWrapper"

    def execute(self, query: str, params: Any = None) -> Any:
        """Run one statement. Raises OperationalError for a write while the triggers are not as installed."""
        if writes(first_word(query), query):
            self.database.require_guard()
        return super().execute(query, params)

    def executemany(self, query: str, param_list: Any) -> Any:
        """Run one statement for many rows. Raises like `execute`."""
        self.database.require_guard()
        return super().executemany(query, param_list)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's SQLite backend with the actor and the guard."""

    # True while this connection has removed the triggers itself: during a migration.
    trail_lifted = False
    # Number of the schema whose triggers were compared.
    _guarded_version: int | None = None
    # Number of the schema when the transaction began: of a committed schema.
    _committed_version: int | None = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Open a connection on which triggers can ask for the actor.

        Some builds of SQLite distrust functions in triggers (`trusted_schema`). REPLACE deletes rows without firing
        their triggers unless `recursive_triggers` is on.
        """
        connection = super().get_new_connection(conn_params)
        connection.create_function("stroma_actor", 1, _answer)
        connection.create_function("stroma_only_masks", 2, only_masks, deterministic=True)
        connection.execute("PRAGMA trusted_schema = ON")
        connection.execute("PRAGMA recursive_triggers = ON")
        self._guarded_version = self._committed_version = None
        return connection

    def create_cursor(self, name: str | None = None) -> Any:
        """Return a cursor that knows this connection."""
        cursor = self.connection.cursor(factory=GuardedCursor)
        cursor.database = self
        return cursor

    def require_guard(self) -> None:
        """Raise OperationalError if the triggers are not as they were installed."""
        if self.trail_lifted:
            return
        version = self._schema_version()
        if version == self._guarded_version:
            return
        if not sqlite_guarded(self.connection):
            raise OperationalError(UNGUARDED)
        self._guarded_version = version

    def _schema_version(self) -> int:
        return int(self.connection.execute("PRAGMA schema_version").fetchone()[0])

    def _start_transaction_under_autocommit(self) -> None:
        super()._start_transaction_under_autocommit()  # type: ignore[misc]
        self._committed_version = self._schema_version()

    def _rollback(self) -> None:
        super()._rollback()  # type: ignore[misc]
        self._after_rollback()

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self._after_rollback()

    def _after_rollback(self) -> None:
        # A change of the schema was taken back with its number: the next change may have the same number again. A
        # committed number never returns, so what was compared under it still holds.
        if self._guarded_version != self._committed_version:
            self._guarded_version = None
        if self.trail_lifted:
            self.trail_lifted = not sqlite_has_guard(self.connection)


def _answer(key: str) -> str | int | None:
    """Return a field of the actor, or the UTC time as Django stores it."""
    if key == "now":
        return str(datetime.now(UTC).replace(tzinfo=None))
    actor = current_actor()
    return None if actor is None else getattr(actor, key)
