"""English labels of the columns of data files: an item may have several columns, and no two have the same label."""

from typing import Final

from protocol.checking.dictionary import FILE_PARTS
from protocol.document.items import Item

PART_LABELS: Final[dict[str, str]] = {
    "comparator": "sign of a result beyond a limit of detection",
    "limit": "limit of detection",
    "unit": "unit of the value",
    "entered": "as entered",
    "entered_unit": "unit as entered",
    "utc": "instant (UTC)",
    "zone": "time zone",
    "precision": "known to the year, month, day or minute",
    "missing": "missing code",
    "reason": "reason why it is missing",
    "ref_low": "lower limit of the reference range",
    "ref_high": "upper limit of the reference range",
    "flag": "side of the reference range",
    FILE_PARTS[0]: "path of the file in the archive",
    FILE_PARTS[1]: "SHA-256 of the file",
    FILE_PARTS[2]: "size of the file in bytes",
}
"""Words by the part of a column's name after its item."""


def label_of(item: Item, column: str) -> str:
    """Return the English label of a column of an item (`FormTable.columns_of`)."""
    label = item.label.in_language("en")
    if column == item.name:
        return label
    part = column.removeprefix(f"{item.name}__")
    if item.type == "choices":
        for choice in item.choices:
            if choice.code == part:
                return f"{label}: {choice.label.in_language('en')}"
    return f"{label}: {PART_LABELS[part]}"
