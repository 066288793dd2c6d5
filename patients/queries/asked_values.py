"""The value that a query is about, as files hold it: the same for every reader."""

from collections.abc import Mapping
from typing import Any

from patients.casebook.facts import KINDS, with_columns
from patients.models import Query
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


def value_of_query(
    values: Mapping[str, Any] | None,
    item: str,
    row: str,
    column: str,
    target: str,
    fact: Mapping[str, Any] | None,
) -> str:
    """Return the value that a query is about, of an item as of a fact; `fact` holds the columns of its row."""
    if target == Query.Target.RECORD:
        return value_asked(values, item, row, column)
    kind = KINDS[target]
    try:
        found = kind.raw(with_columns(kind.model(), fact or {}), item)
    except AttributeError:
        # A criterion that the decision has no more.
        return ""
    return "" if found is None else str(found)


def day_of_query(target: str, fact: Mapping[str, Any] | None) -> str:
    """Return the day of the row outside the forms as it is stored; empty for a form."""
    if target == Query.Target.RECORD or not fact:
        return ""
    return KINDS[target].day(with_columns(KINDS[target].model(), fact))


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
