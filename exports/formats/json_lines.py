"""JSON lines: a file for each table, an object for each row, null for a blank cell.

A decimal is a number with every digit that was captured (`36.50`): readers that know decimals keep it exactly.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from exports.formats.data_files import Exported, by_table
from exports.formats.typed_values import typed_rows
from exports.tables.columns import StudyTable

CHUNK_ROWS = 500
# `json.dumps` makes an encoder for each cell, which takes ten times as long.
encoded = json.JSONEncoder(ensure_ascii=False).encode


def literal(value: Any) -> str:
    """Return a value as JSON."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return encoded(value)


def _pieces(table: StudyTable, exported: Exported, count: list[int]) -> Iterator[bytes]:
    names = [json.dumps(name, ensure_ascii=False) for name in table.header]
    lines: list[str] = []
    for row in typed_rows(table):
        cells = (f"{name}:{literal(value)}" for name, value in zip(names, row, strict=True))
        lines.append("{" + ",".join(cells) + "}\n")
        count[0] += 1
        if len(lines) == CHUNK_ROWS:
            yield "".join(lines).encode("utf-8")
            lines.clear()
    yield "".join(lines).encode("utf-8")


files = by_table("jsonl", _pieces)
