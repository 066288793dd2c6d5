"""CDISC Dataset-JSON 1.1: a file for each table, with its columns described before the rows.

Decimals are texts, as the standard asks of the data type `decimal`, so that no digit is lost. The number of records
follows the rows: the keys of an object have no order, and so the file is written while it is sent.
"""

import json
from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal
from typing import Any, Final

from exports.formats.data_files import Exported, by_table
from exports.formats.json_cells import encoded, json_rows
from exports.tables.columns import StudyTable, TableColumn

VERSION: Final = "1.1.0"
CHUNK_ROWS = 500
# (dataType, targetDataType) by kind. A date is a string whose logical type is named.
TYPES: Final[dict[str, tuple[str, str]]] = {
    "integer": ("integer", ""),
    "decimal": ("decimal", "decimal"),
}


def _pieces(table: StudyTable, exported: Exported, count: list[int]) -> Iterator[bytes]:
    yield _head(table, exported).encode("utf-8")
    lines: list[str] = []
    for cells in json_rows(table, _literal, [""] * len(table.columns)):
        lines.append(("," if count[0] else "") + "\n[" + ", ".join(cells) + "]")
        count[0] += 1
        if len(lines) == CHUNK_ROWS:
            yield "".join(lines).encode("utf-8")
            lines.clear()
    yield ("".join(lines) + f'\n],\n"records": {count[0]}\n}}\n').encode()


def _literal(value: Any) -> str:
    return f'"{value:f}"' if isinstance(value, Decimal) else encoded(value)


def _head(table: StudyTable, exported: Exported) -> str:
    """Return the object up to its rows."""
    name = table.name.replace("/", ".")
    facts: dict[str, Any] = {
        "datasetJSONCreationDateTime": exported.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "datasetJSONVersion": VERSION,
        "studyOID": f"ST.{exported.trial}",
        "itemGroupOID": f"IG.{name}",
        "name": name,
        "label": table.title,
        "sourceSystem": {"name": "Stroma", "version": exported.version},
        "columns": [_column(name, column) for column in table.columns],
    }
    return json.dumps(facts, ensure_ascii=False, indent=1).removesuffix("\n}") + ',\n"rows": ['


def _column(table: str, column: TableColumn) -> dict[str, str]:
    physical, logical = TYPES.get(column.kind, ("string", ""))
    found = {
        "itemOID": f"IT.{table}.{column.name}",
        "name": column.name,
        "label": column.label,
        "dataType": physical,
    }
    return {**found, "targetDataType": logical} if logical else found


files = by_table("json", _pieces)
