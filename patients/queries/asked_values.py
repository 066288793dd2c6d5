"""The value that a query is about, as files hold it: the same for every reader."""

from collections.abc import Mapping
from typing import Any

from protocol.values.row_ids import by_id


def value_asked(values: Mapping[str, Any] | None, item: str, row: str, column: str) -> str:
    """Return the value of the item now, or of the cell of a table: `37.5`, `<0.6`, `Y N`, `missing: NA`.

    Empty without a value, for a whole table, a removed row, an attached file, and a query that is about no form.
    """
    value = (values or {}).get(item)
    if row:
        _number, cells = by_id(value).get(row, (0, {}))
        value = cells.get(column)
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        if "missing" in value:
            return f"missing: {value['missing']}"
        if "comparator" in value:
            return f"{value['comparator']}{value.get('limit', '')}"
        return str(value.get("value", ""))
    if isinstance(value, list):
        return " ".join(each for each in value if isinstance(each, str))
    return "" if value is None else str(value)
