"""The database from `DATABASE_URL`: SQLite embedded by default, PostgreSQL for several workers."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from config.env import Misconfigured


def sqlite(path: Path | str) -> dict[str, Any]:
    """Return SQLite settings that let four writers queue instead of failing."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA trusted_schema=ON;",
        },
    }


def postgresql(url: str) -> dict[str, Any]:
    """Return PostgreSQL settings for `postgresql://user:password@host:port/name`.

    Compiling a query to machine code takes PostgreSQL longer than any page of ours takes to answer: it is off.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    query["options"] = f"-c jit=off {query.get('options', '')}".strip()
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
    """Return the database settings of a URL; an empty URL means SQLite at `default`."""
    if not url:
        return sqlite(default)
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return sqlite(unquote(urlsplit(url).path) or default)
    if scheme in {"postgres", "postgresql"}:
        return postgresql(url)
    raise Misconfigured(f"Unexpected value DATABASE_URL={scheme}://…: use sqlite:///path or postgresql://…")
