"""The layout of a copy of the investigator, and the findings of a check of it."""

import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

FORMAT = "stroma-copy-2"
MANIFEST, SEALS, LINES = "manifest.json", "seals/seals.csv", "seals/seals.log"
# Sealed rows of the trail as they were hashed, a file for each table; the parts of the seals; masked rows; or, where no
# parts are held, the hash of each row.
ROWS, PARTS, MASKED, HASHES = "seals/rows/", "seals/parts.jsonl", "seals/masked.csv", "seals/row_hashes.csv"
TRAIL = "tables/audit_trail.csv"
# The data and every change in one file of CDISC ODM; its rows are the transactions, each an element of a subject.
ODM, SUBJECT, SUBJECT_KEY = "odm/", "SubjectData", "SubjectKey"
# The text of each version of the protocol file; its hash is that of the version in the system.
PROTOCOLS = "protocols/"
# Texts that are too long for a cell, each a file; the cell holds its path.
TEXTS = "texts/"
PART_FIELDS = ("table", "columns", "first_id", "last_id", "rows", "root", "ids", "leaves")
PREFIX_BYTES = 16
HEAD_FIELDS = ("number", "sealed_at", "reason", "rows", "root", "previous_head")
HEAD_SIGNS = 64


@dataclass
class Checked:
    """The content of a copy, and every problem that was found. sha256: of the whole file."""

    sha256: str = ""
    manifest: dict[str, Any] = field(default_factory=dict)
    files: int = 0
    casebooks: int = 0
    rows: int = 0
    seals: int = 0
    chained: bool = False
    # Rows of the trail that were compared with their seals, and entries of its table that were compared with them.
    tied: int = 0
    compared: int = 0
    problems: list[str] = field(default_factory=list)


def csv_rows(file: IO[bytes]) -> Iterator[list[str]]:
    """Yield the rows of a CSV file."""
    return csv.reader(io.TextIOWrapper(file, "utf-8-sig", newline=""))


def leaf_of(content: bytes) -> bytes:
    """Return the hash of a row (RFC 6962 §2.1)."""
    return hashlib.sha256(b"\x00" + content).digest()
