"""A throw-away copy of the database: a file beside a SQLite one, a database made from a template on PostgreSQL."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import psycopg
from django.db import connection
from psycopg import conninfo, sql


@contextmanager
def throw_away_copy() -> Iterator[None]:
    """Let this process work on a copy until the block ends; then the copy is deleted. Nothing reaches the database.

    Raises psycopg.Error if the database on PostgreSQL is in use: a template must have no other connection.
    """
    before: dict[str, Any] = dict(connection.settings_dict)
    make = _postgresql if connection.vendor == "postgresql" else _sqlite
    with make(before) as name:
        connection.close()
        connection.settings_dict["NAME"] = name
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = before["NAME"]


@contextmanager
def _sqlite(settings: dict[str, Any]) -> Iterator[str]:
    # Beside the database: as protected as the database itself.
    with tempfile.TemporaryDirectory(dir=Path(settings["NAME"]).parent, prefix="blind-check-") as folder:
        file = Path(folder) / "copy.sqlite3"
        with closing(sqlite3.connect(settings["NAME"])) as source, closing(sqlite3.connect(file)) as copy:
            source.backup(copy)
        yield str(file)


@contextmanager
def _postgresql(settings: dict[str, Any]) -> Iterator[str]:
    name = f"stroma_blind_check_{token_hex(4)}"
    connection.close()
    parts = {
        "host": settings["HOST"], "port": settings["PORT"], "user": settings["USER"], "password": settings["PASSWORD"],
        "dbname": "postgres",
    }  # fmt: skip
    with psycopg.connect(
        conninfo.make_conninfo("", **{key: part for key, part in parts.items() if part}), autocommit=True
    ) as server:
        copy, source = sql.Identifier(name), sql.Identifier(settings["NAME"])
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(copy, source))
        try:
            yield name
        finally:
            connection.close()
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(copy))
