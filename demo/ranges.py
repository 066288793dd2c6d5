"""Example reference ranges of an invented laboratory, for the demo only: published values, of no real laboratory."""

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

from protocol.document.items import Item
from trials.laboratories.ranges import RangeFacts, add_laboratory, add_ranges, items_with_ranges
from trials.models import Laboratory, Trial

PUBLISHED = Path(__file__).with_name("ranges.csv")
FIRST_DAY = date(2020, 1, 1)
LABEL = "Example value"


def example_laboratory(trial: Trial) -> Laboratory:
    """Create a laboratory with example ranges for every item of the published list."""
    laboratory = add_laboratory(
        trial=trial, code="central", name="Central laboratory (example values)", by=None
    )
    add_ranges(laboratory=laboratory, several=_ranges(trial), by=None)
    return laboratory


def _ranges(trial: Trial) -> list[RangeFacts]:
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    items = items_with_ranges(trial.rules)
    return [_facts(path, row) for path, item in items.items() for row in rows if _is_of(item, row)]


def _is_of(item: Item, row: dict[str, str]) -> bool:
    return item.cdisc == row["cdisc"] and item.unit == row["unit"]


def _facts(path: str, row: dict[str, str]) -> RangeFacts:
    form, _dot, item = path.partition(".")
    lower, upper = (Decimal(row[name]) if row[name] else None for name in ("lower", "upper"))
    return RangeFacts(
        form=form, item=item, unit=row["unit"], sex=row["sex"], lower=lower, upper=upper,
        effective_from=FIRST_DAY, source=f"{LABEL}: {row['source']}",
    )  # fmt: skip
