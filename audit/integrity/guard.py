"""The guard: what the application needs to write exists only while the triggers do.

SQLite: the view `stroma_guard` holds a digest of the installed triggers, which each connection compares before it
writes. PostgreSQL: the application sets the actor by `stroma_act(actor, token)`. `stroma_session()` opens a session: it
compares the triggers with the digest in `stroma_digest()`. All of them are removed with the triggers, so that nothing
is written without triggers.

The backends import this module before the models exist, so it imports none.
"""

import hashlib
from typing import Any

PREFIX = "stroma_"
SQLITE_VIEW = f"{PREFIX}guard"
KEY_TABLE = f"{PREFIX}key"

UPGRADING = "Stroma is being upgraded: nothing was saved and nothing is lost"
UNGUARDED = "The triggers of the trail are not as installed, so nothing is saved: run manage.py migrate"
UNSIGNED = "The actor of this write is not signed by this installation (migrate after a change of SECRET_KEY)"
# The number of the lock that an upgrade holds alone and every writer shares (PostgreSQL).
UPGRADE_LOCK = "hashtext('stroma.upgrade')"
# The number of the lock that a seal holds alone for an instant and every writer shares (PostgreSQL). No lock on a table
# would do: each one that keeps writers out also waits for autovacuum.
TRAIL_LOCK = "hashtext('stroma.trail')"
# A wait for a lock ended: SQLite, PostgreSQL.
BUSY = ("database is locked", "database table is locked", "due to lock timeout")


def sqlite_digest(raw: Any) -> str:
    """Return the digest of the triggers that an SQLite database has; `raw` is the connection of `sqlite3`."""
    query = (
        "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE ? ORDER BY name"
    )
    found = hashlib.sha256()
    for row in raw.execute(query, [f"{PREFIX}%"]):
        found.update(repr(row).encode())
    return found.hexdigest()


def sqlite_has_guard(raw: Any) -> bool:
    """Return whether an SQLite database has the guard, intact or not."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'view' AND name = ?"
    return raw.execute(query, [SQLITE_VIEW]).fetchone() is not None


def sqlite_guarded(raw: Any) -> bool:
    """Return whether the triggers of an SQLite database have the digest that was stored with them."""
    if not sqlite_has_guard(raw):
        return False
    stored = raw.execute(f"SELECT digest FROM {SQLITE_VIEW}").fetchone()
    return bool(stored == (sqlite_digest(raw),))


def refusal_of(error: BaseException) -> str:
    """Return why the database takes no write now: `upgrading`, `unguarded`, `busy`, or "" for any other error."""
    text = str(error)
    if UPGRADING in text:
        return "upgrading"
    if UNGUARDED in text or UNSIGNED in text:
        return "unguarded"
    return "busy" if any(words in text for words in BUSY) else ""
