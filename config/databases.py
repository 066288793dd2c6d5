"""The database from `DATABASE_URL`: embedded SQLite by default, PostgreSQL for several workers."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from config.env import Misconfigured


def sqlite(path: Path | str) -> dict[str, Any]:
    """Return SQLite settings with which concurrent writers wait instead of failing."""
    return {
        "ENGINE": "audit.backends.sqlite",
        "NAME": str(path),
        # Said here, because pytest-django knows it of Django's own engine only.
        "TEST": {"NAME": ":memory:"},
        # Kept open: opening a connection reads the whole schema with its triggers, about 8 ms.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            # Takes the write lock at BEGIN. A transaction that reads first and writes later would fail at
            # once, whatever the timeout, if another one wrote in between.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA trusted_schema=ON;",
        },
    }


def postgresql(url: str) -> dict[str, Any]:
    """Return PostgreSQL settings for `postgresql://user:password@host:port/name`.

    JIT compilation is off: compiling a query takes longer than answering any of our pages. A wait for a lock ends after
    twenty seconds, as on SQLite, so that a page says that the system is being upgraded or busy: fifty investigators who
    sign at once wait for one allocation after the other, the last of them more than ten seconds on a busy machine.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    # A database machine that was switched off does not refuse: without a limit a page would wait for minutes.
    query.setdefault("connect_timeout", "5")
    query["options"] = f"-c jit=off -c lock_timeout=20s {query.get('options', '')}".strip()
    return {
        "ENGINE": "audit.backends.postgresql",
        "NAME": unquote(parts.path.removeprefix("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": query,
    }


def from_url(url: str, default: Path) -> dict[str, Any]:
    """Return the database settings of a URL; an empty URL means SQLite at `default`. Raises Misconfigured."""
    if not url:
        return sqlite(default)
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return sqlite(unquote(urlsplit(url).path) or default)
    if scheme in {"postgres", "postgresql"}:
        return postgresql(url)
    raise Misconfigured(f"Unexpected value DATABASE_URL={scheme}://…: use sqlite:///path or postgresql://…")
