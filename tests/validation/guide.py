"""What docs/validation.md says for the pack: the known limits, and the steps of the installation record."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docs" / "validation.md"
LIMITS = "Known limits"
RECORDS = ("Installation (IQ)", "Operation (OQ)")
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


class BadGuide(Exception):
    """A section of docs/validation.md is missing or empty; the message names it."""


def limits(text: str) -> list[str]:
    """Return the known limits, one sentence or more each. Raises BadGuide."""
    section = _section(text, LIMITS)
    found = [_plain(item) for item in re.split(r"^- ", section, flags=re.MULTILINE)[1:]]
    if not found:
        raise BadGuide(f"{FILE.name}: the section {LIMITS} lists nothing")
    return found


def steps(text: str, title: str) -> list[tuple[str, str]]:
    """Return the steps of a record: what to do, and what is expected. Raises BadGuide."""
    lines = [line for line in _section(text, title).splitlines() if line.startswith("|")]
    cells = [[_plain(cell) for cell in line.strip("|").split("|")] for line in lines[2:]]
    if not cells or any(len(row) != 2 for row in cells):
        raise BadGuide(f"{FILE.name}: the section {title} needs a table with two columns")
    return [(do, expected) for do, expected in cells]


def _section(text: str, title: str) -> str:
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise BadGuide(f"{FILE.name}: the section {title} is missing")
    return found[1]


def _plain(markdown: str) -> str:
    """Return one line without links, code marks and line breaks."""
    return " ".join(LINK.sub(r"\1", markdown).replace("`", "").replace("**", "").split())
