"""SQLite: the triggers read the actor through `stroma_actor(key)`, registered on every connection."""

from datetime import UTC, datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from audit.context import current_actor


def prepare(sender: type[BaseDatabaseWrapper], connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Register the function on a new connection; receiver of `connection_created`.

    Some builds of SQLite distrust functions in triggers (`trusted_schema`). REPLACE deletes rows without firing their
    triggers unless `recursive_triggers` is on.
    """
    if connection.vendor != "sqlite":
        return
    connection.connection.create_function("stroma_actor", 1, _answer)
    connection.connection.execute("PRAGMA trusted_schema = ON")
    connection.connection.execute("PRAGMA recursive_triggers = ON")


def _answer(key: str) -> str | int | None:
    """Return a field of the actor, or the UTC time as Django stores it."""
    if key == "now":
        return str(datetime.now(UTC).replace(tzinfo=None))
    actor = current_actor()
    return None if actor is None else getattr(actor, key)
