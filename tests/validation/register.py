"""The register of requirements: docs/requirements.csv, in the project's own words."""

import csv
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.validation.citations import ID

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docs" / "requirements.csv"
COLUMNS = ["id", "area", "requirement", "kind", "note"]


class BadRegister(Exception):
    """The register cannot be used; the message names the line."""


class Kind(StrEnum):
    """Whether the software is meant to meet a requirement."""

    SHIPPED = "shipped"
    PARTLY = "partly"
    PLANNED = "planned"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class Requirement:
    """A row of the register. `note`: what is left to people or to a later version; may be empty."""

    id: str
    area: str
    requirement: str
    kind: Kind
    note: str


def register(file: Path = FILE) -> dict[str, Requirement]:
    """Return the requirements by id, in the order of the file. Raises BadRegister."""
    found: dict[str, Requirement] = {}
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        if rows.fieldnames != COLUMNS:
            raise BadRegister(f"{file.name}: the columns must be {', '.join(COLUMNS)}")
        for row in rows:
            place = f"{file.name}, line {rows.line_num}"
            if None in row or None in row.values():
                raise BadRegister(f"{place}: {len(COLUMNS)} columns are expected")
            if not ID.fullmatch(row["id"]):
                raise BadRegister(f"{place}: {row['id']!r} is not an id such as AUD-01")
            if row["id"] in found:
                raise BadRegister(f"{place}: {row['id']} stands there twice")
            if row["kind"] not in set(Kind):
                raise BadRegister(f"{place}: the kind is one of {', '.join(Kind)}")
            if not row["requirement"]:
                raise BadRegister(f"{place}: {row['id']} says nothing")
            found[row["id"]] = Requirement(**row | {"kind": Kind(row["kind"])})
    return found
