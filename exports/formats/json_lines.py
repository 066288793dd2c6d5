"""JSON lines: a file for each table, an object for each row, null for a blank cell.

A decimal is a number with every digit that was captured (`36.50`): readers that know decimals keep it exactly.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from exports.formats.data_files import Exported, by_table
from exports.formats.json_cells import encoded, json_rows
from exports.tables.columns import StudyTable

CHUNK_ROWS = 500


def literal(value: Any) -> str:
    """Return a value as JSON."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return encoded(value)


def _pieces(table: StudyTable, exported: Exported, count: list[int]) -> Iterator[bytes]:
    lines: list[str] = []
    for cells in json_rows(table, literal, [f"{encoded(name)}:" for name in table.header]):
        lines.append("{" + ",".join(cells) + "}\n")
        count[0] += 1
        if len(lines) == CHUNK_ROWS:
            yield "".join(lines).encode("utf-8")
            lines.clear()
    yield "".join(lines).encode("utf-8")


files = by_table("jsonl", _pieces)
