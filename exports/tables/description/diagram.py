"""A drawing of how the tables of an archive join, as plain text: each table below the one that its rows belong to."""

from collections.abc import Iterator, Sequence
from typing import Final

from exports.tables.columns import StudyTable
from exports.tables.description.keys import Join, joins_of, key_of

NAME: Final = "tables.txt"
HEAD: Final = """\
How the tables of this archive join.

Each table stands below the one that its rows belong to. In brackets: the columns that name one row of it. After ←: its
columns that hold the key of the table above. “also” names further tables whose key it holds. The table “columns” says
the same for programs: is_key and joins.
"""


def diagram(tables: Sequence[StudyTable]) -> str:
    """Return the drawing of these tables; each is in it once."""
    present = {table.name for table in tables}
    parents = {table.name: _parent(table, present) for table in tables}
    below: dict[str, list[StudyTable]] = {}
    for table in tables:
        parent = parents[table.name]
        below.setdefault(parent.target if parent else "", []).append(table)

    def lines(name: str, indent: str) -> Iterator[str]:
        children = below.get(name, [])
        for number, table in enumerate(children, start=1):
            branch, further = ("└── ", "    ") if number == len(children) else ("├── ", "│   ")
            if not name:
                branch, further = "", ""
            yield indent + branch + _described(table, parents[table.name], present)
            yield from lines(table.name, indent + further)

    return "\n".join([HEAD, *lines("", ""), ""])


def _parent(table: StudyTable, present: set[str]) -> Join | None:
    """Return the join to the table that the rows belong to: by columns of their own key, and by most of them."""
    key = set(key_of(table))

    def closeness(join: Join) -> tuple[bool, int, bool]:
        return key.issuperset(join.columns), len(join.columns), join.target != "patients"

    return max(joins_of(table, present), key=closeness, default=None)


def _described(table: StudyTable, parent: Join | None, present: set[str]) -> str:
    key = key_of(table)
    parts = [
        table.name,
        f"({', '.join(key)})" if key else "",
        f"← {', '.join(parent.columns)}" if parent else "",
    ]
    others = [join for join in joins_of(table, present) if join != parent and join.target != "patients"]
    also = ", ".join(f"{join.target} by {' + '.join(join.columns)}" for join in others)
    return " ".join(filter(None, parts)) + f": {table.title}" + (f" [also {also}]" if also else "")
