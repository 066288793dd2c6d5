"""PostgreSQL backend that sets the signed actor in each transaction: `stroma_act(actor, token)` (audit.triggers.guard).

The actor is local to the transaction, so that a pooled connection never carries one user's name into another's work.
It is sent in one message with the first write of a transaction, which costs no extra round trip; a transaction that
only reads sends nothing. In autocommit mode PostgreSQL runs a message of two statements as one transaction, so the
actor holds for the write. Before its first write a connection opens a session of the guard, one round trip.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.db import OperationalError
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from psycopg import errors, sql

from audit.backends.statements import MAY_WRITE, WRITES, first_word, writes
from audit.context import current_actor
from audit.integrity import actor_tokens
from audit.integrity.guard import UNGUARDED, UPGRADE_LOCK, UPGRADING

# After these the setting is unchanged; after any other (ROLLBACK TO, SET, DISCARD …) it may be lost.
READS = frozenset({"select", "values", "table", "savepoint", "release", "show", "declare", "fetch", "close"})
KEEPS = READS | WRITES | MAY_WRITE
# These end the session of the guard.
RESETS = frozenset({"reset", "discard"})


class TransactionActor:
    """The actor as the database knows it: whom the transaction has, and the number of the guard's session.

    actor: "" if nobody acts, None if it was not set in this transaction or is uncertain. lifted: this connection has
    removed the triggers itself, so that the functions of the guard do not exist.
    """

    def __init__(self) -> None:
        self.actor: str | None = None
        self.session: str | None = None
        self.session_is_new = False
        self.lifted = False

    def forget(self) -> None:
        """Reset at the start of a transaction, and after a statement that may have changed the actor."""
        self.actor = None

    def committed(self) -> None:
        """Keep a session that the transaction opened."""
        self.actor, self.session_is_new = None, False

    def rolled_back(self) -> None:
        """Forget the actor, and a session that was opened in what was rolled back."""
        self.actor = None
        if self.session_is_new:
            self.end_session()

    def end_session(self) -> None:
        """Open a new session before the next write."""
        self.session, self.session_is_new = None, False


class ActorCursorMixin:
    """Sets the actor before the first write of a transaction, and again if the actor changes."""

    connection: Any

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Run one statement, preceded by the actor if it writes."""
        text = self._text(query)
        word = first_word(text)
        prefix = self._prefix() if writes(word, text) else None
        if word not in KEEPS:
            self._transaction_actor.forget()
        if word in RESETS:
            self._transaction_actor.end_session()
        if prefix is None:
            return super().execute(query, params, **options)  # type: ignore[misc]
        if params is not None:
            # With parameters, psycopg reads % as a placeholder.
            prefix = prefix.replace("%", "%%")
        super().execute(f"{prefix};{text}", params, **options)  # type: ignore[misc]
        self._remember()
        # Skip the result of the actor.
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
        now, known = _actor_text(), self._transaction_actor
        if known.actor == now:
            return None
        said = sql.quote(now, self.connection)
        if known.lifted:
            return f"SELECT set_config('stroma.actor', {said}, true)"
        signed = actor_tokens.token(session=self._session(known), said=now)
        return f"SELECT stroma_act({said}, '{signed}')"

    def _session(self, known: TransactionActor) -> str:
        """Return the number of the guard's session. Raises OperationalError if the triggers are not as installed."""
        if known.session is None:
            try:
                super().execute("SELECT stroma_session()")  # type: ignore[misc]
            except errors.UndefinedFunction as missing:
                raise OperationalError(UNGUARDED) from missing
            known.session = self.fetchone()[0]  # type: ignore[attr-defined]
            known.session_is_new = not self.connection.autocommit
        return known.session

    def _remember(self) -> None:
        # In autocommit mode the setting ended with the message.
        if not self.connection.autocommit:
            self._transaction_actor.actor = _actor_text()

    @contextmanager
    def _one_transaction(self) -> Iterator[None]:
        """Set the actor in a transaction first: these protocols send one statement per message."""
        if not self._transaction_actor.lifted:
            self._session(self._transaction_actor)
        with self.connection.transaction() if self.connection.autocommit else _without_transaction():
            if prefix := self._prefix():
                super().execute(prefix)  # type: ignore[misc]
                self._remember()
            yield


class MomentLoader(BaseTzLoader):
    """Reads a moment in UTC with Python's own parser. Django's parses with a pattern, and a page reads hundreds."""

    timezone = UTC

    def load(self, data: Any) -> datetime:
        """Return a stored moment. Raises DataError as Django's loader does."""
        text = bytes(data)
        if text.endswith(b"+00"):
            try:
                return datetime.fromisoformat(text.decode())
            except ValueError:  # a year beyond 9999: the other loader says so
                pass
        return super().load(data)


class Cursor(ActorCursorMixin, base.Cursor):
    """Cursor with client-side binding, Django's default."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's PostgreSQL backend with cursors that set the actor."""

    def get_connection_params(self) -> dict[str, Any]:
        """Use our cursor on every connection, pooled or not."""
        return {**super().get_connection_params(), "cursor_factory": Cursor}

    @property
    def trail_lifted(self) -> bool:
        """Whether this connection has removed the triggers itself: during a migration."""
        return self.connection is not None and self._transaction_actor().lifted

    @trail_lifted.setter
    def trail_lifted(self, lifted: bool) -> None:
        self.ensure_connection()
        known = self._transaction_actor()
        known.lifted = lifted
        known.forget()
        known.end_session()

    def init_connection_state(self) -> None:
        """Set up a new connection. Raises OperationalError during an upgrade."""
        super().init_connection_state()
        if not self._may_use():
            self.close()
            raise OperationalError(UPGRADING)

    def is_usable(self) -> bool:
        """Return whether a kept connection answers. Raises OperationalError during an upgrade.

        Django asks this once in each request: the answer comes at once, where a query would wait for its table.
        """
        if self.connection is None:
            return False
        try:
            free = self._may_use()
        except self.Database.Error:
            return False
        if not free:
            raise OperationalError(UPGRADING)
        return True

    def _may_use(self) -> bool:
        """Ask for the lock that an upgrade holds alone; it ends with the statement."""
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_try_advisory_xact_lock_shared({UPGRADE_LOCK})")
            return bool(cursor.fetchone()[0])

    def _transaction_actor(self) -> TransactionActor:
        return self.connection.__dict__.setdefault("transaction_actor", TransactionActor())

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Open or borrow a connection and forget the actor of its last user."""
        connection = super().get_new_connection(conn_params)
        connection.__dict__.setdefault("transaction_actor", TransactionActor()).forget()
        if self.timezone == UTC:
            connection.adapters.register_loader("timestamptz", MomentLoader)
        return connection

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]
        self._transaction_actor().forget()

    def _commit(self) -> Any:
        super()._commit()  # type: ignore[misc]
        if self.connection is not None:
            self._transaction_actor().committed()

    def _rollback(self) -> Any:
        try:
            return super()._rollback()  # type: ignore[misc]
        finally:
            if self.connection is not None:
                self._transaction_actor().rolled_back()
                if self._transaction_actor().lifted and not self.connection.closed:
                    self._find_the_guard_again()
                    # The question began a transaction.
                    self.connection.rollback()

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self._transaction_actor().rolled_back()
        if self._transaction_actor().lifted:
            self._find_the_guard_again()

    def _find_the_guard_again(self) -> None:
        """Use the guard again if a rollback has brought it back."""
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT to_regprocedure('stroma_act(text,text)') IS NULL")
            self._transaction_actor().lifted = cursor.fetchone()[0]


def _actor_text() -> str:
    actor = current_actor()
    return "" if actor is None else actor.as_json


@contextmanager
def _without_transaction() -> Iterator[None]:
    yield
