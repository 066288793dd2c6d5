"""Of which kind the cells of a data file's column are: what a typed format makes of them."""

from typing import Final, Literal

from protocol.checking.dictionary import FILE_PARTS
from protocol.document.items import Item

Kind = Literal["text", "integer", "decimal", "date", "instant", "local", "partial", "flag"]
"""text; integer; decimal: exact; date: a whole day, ISO 8601; instant: UTC, ISO 8601; flag: Y or N.
local: date and time at the site without offset, ISO 8601; partial: a day or moment that may be known in part, a prefix
of ISO 8601."""

ITEM_KINDS: Final[dict[str, Kind]] = {
    "integer": "integer", "decimal": "decimal", "date": "date", "yes_no": "flag",
    "datetime": "local", "partial_date": "partial",
}  # fmt: skip
PART_KINDS: Final[dict[str, Kind]] = {
    "limit": "decimal", "ref_low": "decimal", "ref_high": "decimal", "utc": "instant", FILE_PARTS[2]: "integer",
}  # fmt: skip


def kind_of(item: Item, column: str) -> Kind:
    """Return the kind of a column of an item (`FormTable.columns_of`)."""
    if column == item.name:
        return ITEM_KINDS.get(item.type, "text")
    part = column.removeprefix(f"{item.name}__")
    if item.type == "choices" and part in item.codes:
        return "integer"
    return PART_KINDS.get(part, "text")
