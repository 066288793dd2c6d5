"""PostgreSQL backend that sets the actor in each transaction: `set_config('stroma.actor', …, true)`.

The setting is local to the transaction, so that a pooled connection never carries one user's name into another's work.
It is sent in one message with the first write of a transaction, which costs no extra round trip; a transaction that
only reads sends nothing. In autocommit mode PostgreSQL runs a message of two statements as one transaction, so the
setting holds for the write.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.postgresql import base
from psycopg import sql

from audit.context import current_actor

FIRST_WORD = re.compile(r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*([a-z]+)", re.IGNORECASE | re.DOTALL)
WRITE_INSIDE = re.compile(r"\b(?:insert|update|delete|merge)\b", re.IGNORECASE)
WRITES = frozenset({"insert", "update", "delete", "merge", "copy", "do", "call", "execute"})
MAY_WRITE = frozenset({"with", "explain"})
# After these the setting is unchanged; after any other (ROLLBACK TO, SET, DISCARD …) it may be lost.
READS = frozenset({"select", "values", "table", "savepoint", "release", "show", "declare", "fetch", "close"})
KEEPS = READS | WRITES | MAY_WRITE


class TransactionActor:
    """The actor that the current transaction has: "" if none was set, None if it is uncertain."""

    def __init__(self) -> None:
        self.actor: str | None = ""

    def forget(self) -> None:
        """Reset at the start of a transaction, which has no actor yet."""
        self.actor = ""

    def mark_uncertain(self) -> None:
        """Mark as uncertain (rollback to a savepoint, unknown statement): set the actor again before the next write."""
        self.actor = None


class ActorCursorMixin:
    """Sets the actor before the first write of a transaction, and again if the actor changes."""

    connection: Any

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Run one statement, preceded by the actor if it writes."""
        text = self._text(query)
        word = first_word(text)
        prefix = self._prefix() if writes(word, text) else None
        if word not in KEEPS:
            self._transaction_actor.mark_uncertain()
        if prefix is None:
            return super().execute(query, params, **options)  # type: ignore[misc]
        if params is not None:
            # With parameters, psycopg reads % as a placeholder.
            prefix = prefix.replace("%", "%%")
        super().execute(f"{prefix};{text}", params, **options)  # type: ignore[misc]
        self._remember()
        # Skip the result of set_config.
        self.nextset()  # type: ignore[attr-defined]
        return self

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        """Run one statement for many rows, in one transaction."""
        with self._one_transaction():
            super().executemany(query, params_seq, **options)  # type: ignore[misc]

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **options: Any) -> Iterator[Any]:
        """Stream rows in or out, in one transaction."""
        with self._one_transaction(), super().copy(statement, params, **options) as copy:  # type: ignore[misc]
            yield copy

    @property
    def _transaction_actor(self) -> TransactionActor:
        return self.connection.__dict__.setdefault("transaction_actor", TransactionActor())

    def _text(self, query: Any) -> str:
        if isinstance(query, bytes):
            return query.decode()
        return query if isinstance(query, str) else query.as_string(self.connection)

    def _prefix(self) -> str | None:
        """Return the statement that sets the actor, or None if the transaction has it already."""
        now = _actor_text()
        if self._transaction_actor.actor == now:
            return None
        return f"SELECT set_config('stroma.actor', {sql.quote(now, self.connection)}, true)"

    def _remember(self) -> None:
        # In autocommit mode the setting ended with the message.
        if not self.connection.autocommit:
            self._transaction_actor.actor = _actor_text()

    @contextmanager
    def _one_transaction(self) -> Iterator[None]:
        """Set the actor in a transaction first: these protocols send one statement per message."""
        with self.connection.transaction() if self.connection.autocommit else _without_transaction():
            if prefix := self._prefix():
                super().execute(prefix)  # type: ignore[misc]
                self._remember()
            yield


class Cursor(ActorCursorMixin, base.Cursor):
    """Cursor with client-side binding, Django's default."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's PostgreSQL backend with cursors that set the actor."""

    def get_connection_params(self) -> dict[str, Any]:
        """Use our cursor on every connection, pooled or not."""
        return {**super().get_connection_params(), "cursor_factory": Cursor}

    def _transaction_actor(self) -> TransactionActor:
        return self.connection.__dict__.setdefault("transaction_actor", TransactionActor())

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Open or borrow a connection and forget the actor of its last user."""
        connection = super().get_new_connection(conn_params)
        connection.__dict__["transaction_actor"] = TransactionActor()
        return connection

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]
        self._transaction_actor().forget()

    def _commit(self) -> Any:
        try:
            return super()._commit()  # type: ignore[misc]
        finally:
            self._forget()

    def _rollback(self) -> Any:
        try:
            return super()._rollback()  # type: ignore[misc]
        finally:
            self._forget()

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self._transaction_actor().mark_uncertain()

    def _forget(self) -> None:
        if self.connection is not None:
            self._transaction_actor().forget()


def first_word(text: str) -> str:
    """Return the first keyword of a statement, in lower case."""
    found = FIRST_WORD.match(text)
    return found.group(1).lower() if found else ""


def writes(word: str, text: str) -> bool:
    """Return True if a statement may write to a table. A function that writes inside a SELECT is not detected."""
    return word in WRITES or (word in MAY_WRITE and WRITE_INSIDE.search(text) is not None)


def _actor_text() -> str:
    actor = current_actor()
    return "" if actor is None else actor.as_json


@contextmanager
def _without_transaction() -> Iterator[None]:
    yield
