"""Facts of every table, to compare a restored database with its original: rows, and a checksum over their content.

The checksum does not depend on the order of the rows. It compares databases of one engine only.
"""

import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from audit.integrity.guard import KEY_TABLE

LAST_SEAL = "SELECT number, head FROM audit_seal ORDER BY number DESC LIMIT 1"
# The sum of 60 bits of MD5 per row, computed by the server: it finds damage; the encryption finds forgery.
PG_FACTS = (
    "SELECT count(*), coalesce(sum(('x' || substr(md5(t::text), 1, 15))::bit(60)::bigint), 0)::text "
    'FROM "{table}" t'
)
# The key of the actors is in no backup (database_copies).
PG_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> %s"
# The text of a row depends on these.
PG_TEXT = (
    "SET LOCAL TimeZone='UTC'; SET LOCAL DateStyle='ISO'; "
    "SET LOCAL bytea_output='hex'; SET LOCAL extra_float_digits=1"
)
SQLITE_TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*' ORDER BY name"
)
MASK = (1 << 128) - 1


@dataclass(frozen=True)
class TableFacts:
    """Rows of a table, and a checksum over their content."""

    rows: int
    checksum: str


def of_sqlite(database: sqlite3.Connection) -> dict[str, TableFacts]:
    """Return the facts by table. Reads every row; memory does not grow."""
    tables = [name for (name,) in database.execute(SQLITE_TABLES)]
    return {table: _summed(database.execute(f'SELECT * FROM "{table}"')) for table in tables}  # noqa: S608  from the schema


def of_postgresql(database: Any) -> dict[str, TableFacts]:
    """Return the facts by table, in one transaction. The server reads every row."""
    with database.transaction():
        database.execute(PG_TEXT)
        tables = [name for (name,) in database.execute(PG_TABLES, [KEY_TABLE]).fetchall()]
        found = {table: database.execute(PG_FACTS.format(table=table)).fetchone() for table in tables}
    return {table: TableFacts(rows, checksum) for table, (rows, checksum) in found.items()}


def differences(expected: dict[str, TableFacts], found: dict[str, TableFacts]) -> list[str]:
    """Return a sentence for each table that differs."""
    told = [f"{table} is missing" for table in sorted(expected.keys() - found.keys())]
    told += [f"{table} was not in the backup" for table in sorted(found.keys() - expected.keys())]
    for table in sorted(expected.keys() & found.keys()):
        before, after = expected[table], found[table]
        if before.rows != after.rows:
            told.append(f"{table} has {after.rows} rows instead of {before.rows}")
        elif before != after:
            told.append(f"{table} has the same number of rows, but other content")
    return told


def _summed(rows: Iterable[tuple[Any, ...]]) -> TableFacts:
    count = total = 0
    for row in rows:
        count += 1
        total += int.from_bytes(hashlib.blake2b(repr(row).encode(), digest_size=16).digest(), "big")
    return TableFacts(count, f"{total & MASK:032x}")
