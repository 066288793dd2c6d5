"""The words of values and reasons, to search for: FTS5 on SQLite, a GIN index on PostgreSQL.

Both engines hold the same words: lower case, without accents, and numbers with their decimals (`37.34`, also typed
`37,34`). A search finds the entries that have every word; the last one may be incomplete.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import Any

from django.db import connections

TABLE = "audit_trail_words"
LONGEST, MOST = 40, 400
# The decimal sign becomes a letter between digits, so that both engines take a number for one word.
_POINT = re.compile(r"(?<=\d)[.,](?=\d)")
_WORD = re.compile(r"\w+")
_CREATED = {
    "sqlite": (f"CREATE VIRTUAL TABLE IF NOT EXISTS {TABLE} USING fts5(words, content='', detail=none)",),
    "postgresql": (
        f"CREATE TABLE IF NOT EXISTS {TABLE} (id bigint PRIMARY KEY, words tsvector NOT NULL)",
        f"CREATE INDEX IF NOT EXISTS {TABLE}_gin ON {TABLE} USING gin (words)",
    ),
}
_EMPTIED = {
    "sqlite": f"INSERT INTO {TABLE} ({TABLE}) VALUES ('delete-all')",
    "postgresql": f"DELETE FROM {TABLE}",
}


def words_of(texts: Iterable[str]) -> list[str]:
    """Return the different words of texts, in their order; of very long texts the first ones."""
    found: dict[str, None] = {}
    for text in texts:
        if text.isascii():
            plain = text.lower()
        else:
            plain = "".join(
                c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)
            ).casefold()
        for word in _WORD.findall(_POINT.sub("p", plain)):
            found[word.replace("_", "u")[:LONGEST]] = None
        if len(found) > MOST:
            break
    return list(found)[:MOST]


def install(using: str = "default") -> None:
    """Create the table of words, if it is missing."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for statement in _CREATED[connection.vendor]:
            cursor.execute(statement)


def empty(using: str = "default") -> None:
    """Forget all words."""
    connection = connections[using]
    with connection.cursor() as cursor:
        cursor.execute(_EMPTIED[connection.vendor])


def add(rows: Collection[tuple[int, list[str]]], using: str = "default") -> None:
    """Store the words of entries by the number of the entry in the index."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            statement = f"INSERT INTO {TABLE} (rowid, words) VALUES (%s, %s)"
            cursor.executemany(statement, [(number, " ".join(words)) for number, words in rows])
            return
        numbers, texts = [number for number, _words in rows], [" ".join(words) for _number, words in rows]
        cursor.execute(
            f"INSERT INTO {TABLE} (id, words) SELECT r.id, array_to_tsvector(string_to_array(r.words, ' ')) "
            "FROM unnest(%s::bigint[], %s::text[]) AS r (id, words)",
            [numbers, texts],
        )


def remove(rows: Collection[tuple[int, list[str]]], using: str = "default") -> None:
    """Forget the words of entries; SQLite, which keeps no words beside its index, needs them to find these."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            statement = f"INSERT INTO {TABLE} ({TABLE}, rowid, words) VALUES ('delete', %s, %s)"
            cursor.executemany(statement, [(number, " ".join(words)) for number, words in rows])
            return
        cursor.execute(f"DELETE FROM {TABLE} WHERE id = ANY(%s)", [[number for number, _words in rows]])


def condition(text: str, number: str, vendor: str) -> tuple[str, list[Any]] | None:
    """Return SQL and parameters that keep entries with the words of a text; None if it has none. number: SQL.

    SQLite reads the table of words beside the entries.
    """
    words = words_of([text])
    if not words:
        return None
    if vendor == "sqlite":
        query = " AND ".join(f'"{word}"' for word in words) + " *"
        return f"{TABLE} MATCH %s", [query]
    query = " & ".join(f"'{word}'" for word in words) + ":*"
    return (
        f"EXISTS (SELECT 1 FROM {TABLE} w WHERE w.id = {number} AND w.words @@ %s::tsquery)",
        [query],
    )
