"""The validation pack that this installation holds: what it says, and whether its files still have their hashes.

A file that is missing or cannot be read says nothing and is named as altered; no page fails because of it.
"""

import csv
import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

SUMS, VERSIONS, REQUIREMENTS = "SHA256SUMS", "versions.csv", "requirements.csv"


@dataclass(frozen=True)
class ValidationPack:
    """A pack in a folder: commit, requirements by verdict, hash of the list of hashes, files that differ from it."""

    folder: Path
    commit: str
    verdicts: dict[str, int]
    sha256: str
    altered: list[str]

    def lists(self, name: str) -> bool:
        """Return whether the list of hashes names a file."""
        return name in dict(_sums(self.folder / SUMS))

    def rows(self, name: str) -> list[dict[str, str]]:
        """Return the rows of one of its tables."""
        return _rows(self.folder / name)


def held_pack() -> ValidationPack | None:
    """Return the pack in the folder of STROMA_VALIDATION_PACK, None if there is none. Reads and hashes its files."""
    folder: Path = settings.VALIDATION_PACK
    listed = folder / SUMS
    if not listed.is_file():
        return None
    return ValidationPack(
        folder=folder,
        commit=_commit(folder / VERSIONS),
        verdicts=dict(Counter(row.get("verdict") or "" for row in _rows(folder / REQUIREMENTS))),
        sha256=_hash(listed),
        altered=[name for name, sha256 in _sums(listed) if _hash(folder / name) != sha256],
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""


def _sums(listed: Path) -> list[tuple[str, str]]:
    lines = (line.split(maxsplit=1) for line in _text(listed).splitlines() if " " in line.strip())
    return [(name.strip().removeprefix("*"), sha256) for sha256, name in lines]


def _hash(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ""


def _rows(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(_text(file).splitlines()))


def _commit(file: Path) -> str:
    """Return the commit among the versions: the value of the part that is named so."""
    for row in _rows(file):
        if "commit" in (row.get("part") or "").casefold():
            return row.get("version") or ""
    return ""
