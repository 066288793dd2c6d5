"""The seals of a copy: their chain, and the rows that they cover."""

import csv
import hashlib
import io
import json
import zipfile
from bisect import bisect_left
from typing import Any

from exports.archive_check.layout import (
    HASHES,
    HEAD_FIELDS,
    HEAD_SIGNS,
    LINES,
    MASKED,
    PART_FIELDS,
    PARTS,
    PREFIX_BYTES,
    SEALS,
    Checked,
    leaf_of,
)


def check_seals(archive: zipfile.ZipFile, manifest: dict[str, Any], found: Checked, seal_file: str) -> None:
    lines = _lines(archive.read(LINES).decode(), LINES, found)
    found.seals = len(lines)
    if sorted(lines) != list(range(1, len(lines) + 1)):
        found.problems.append(f"{LINES} lacks a seal between the first and the last")
    if lines and lines[max(lines)].rpartition(" ")[2] != manifest["last_seal"]:
        found.problems.append("the last seal is not the one that the manifest names")
    if SEALS in archive.namelist():
        found.chained = True
        with archive.open(SEALS) as file:
            _chain(list(csv.DictReader(io.TextIOWrapper(file, "utf-8", newline=""))), lines, found)
    if seal_file:
        with open(seal_file, encoding="utf-8") as own:
            for number, line in _lines(own.read(), seal_file, found).items():
                if number in lines and lines[number] != line:
                    found.problems.append(f"seal {number} is not the one in {seal_file}")


def _lines(text: str, place: str, found: Checked) -> dict[int, str]:
    lines = {}
    for line in text.splitlines():
        number, _space, rest = line.partition(" ")
        if not number.isdigit() or rest.count(" ") != 1 or len(line.rpartition(" ")[2]) != HEAD_SIGNS:
            found.problems.append(f"{place} has a line that is no seal: {line[:40]}")
            continue
        lines[int(number)] = line
    return lines


def _chain(seals: list[dict[str, str]], lines: dict[int, str], found: Checked) -> None:
    """Compute every head again: each covers its seal and the head before."""
    before = ""
    for row in seals:
        seal: dict[str, Any] = {**row, "number": int(row["number"]), "rows": int(row["rows"])}
        text = json.dumps(
            {name: seal[name] for name in HEAD_FIELDS},
            sort_keys=True,
            ensure_ascii=False,
            separators=(",", ":"),
        )
        head = hashlib.sha256(text.encode()).hexdigest()
        if head != row["head"] or row["previous_head"] != before:
            found.problems.append(f"seal {row['number']} does not follow from the one before")
        elif lines.get(seal["number"]) != f"{row['number']} {row['sealed_at']} {head}":
            found.problems.append(f"seal {row['number']} is not the one in {LINES}")
        before = row["head"]


class Sealed:
    """What the copy holds to compare rows with: the parts of the seals, or the hashes alone; and the masked rows."""

    def __init__(self, archive: zipfile.ZipFile, found: Checked) -> None:
        self.parts: dict[str, list[tuple[list[int] | range, bytes]]] = {}
        self.hashes: dict[tuple[str, int], bytes] = {}
        self.masked: dict[tuple[str, int], tuple[bytes, bytes]] = {}
        names = archive.namelist()
        if PARTS in names:
            self._read_parts(archive, found)
        for name in filter(names.__contains__, (HASHES, MASKED)):
            with archive.open(name) as file:
                for row in csv.DictReader(io.TextIOWrapper(file, "utf-8", newline="")):
                    place, leaf = (row["table"], int(row["row"])), bytes.fromhex(row["leaf"])
                    if name == HASHES:
                        self.hashes[place] = leaf
                    else:
                        self.masked[place] = leaf, bytes.fromhex(row["masked_leaf"])

    def _read_parts(self, archive: zipfile.ZipFile, found: Checked) -> None:
        """Read the parts, and compute the root of each seal again: it covers the hash of every row."""
        trees: dict[int, list[bytes]] = {}
        with archive.open(PARTS) as file:
            for line in file:
                part = json.loads(line)
                content = json.dumps(
                    {name: part[name] for name in PART_FIELDS},
                    sort_keys=True, ensure_ascii=False, separators=(",", ":"),
                )  # fmt: skip
                trees.setdefault(part["seal"], []).append(leaf_of(content.encode()))
                packed = bytes.fromhex(part["ids"])
                ids = [int.from_bytes(packed[at : at + 8], "big") for at in range(0, len(packed), 8)]
                keys = ids or range(part["first_id"], part["last_id"] + 1)
                self.parts.setdefault(part["table"], []).append((keys, bytes.fromhex(part["leaves"])))
        with archive.open(SEALS) as file:
            roots = {
                int(row["number"]): row["root"] for row in csv.DictReader(io.TextIOWrapper(file, "utf-8"))
            }
        for number, root in roots.items():
            if _root(trees.get(number, [])).hex() != root:
                found.problems.append(f"the parts of seal {number} are not those that it covers")

    def problem(self, table: str, key: int, leaf: bytes) -> str | None:
        """Return the mistake in a row, "" if it is as it was sealed, None if it is not sealed yet."""
        sealed = leaf
        if (masked := self.masked.get((table, key))) is not None:
            sealed, now = masked
            if leaf != now:
                return "was altered"
        if not self.parts:
            held = self.hashes.get((table, key))
            return None if held is None else "" if held == sealed else "was altered"
        for keys, leaves in self.parts.get(table, []):
            if keys[0] <= key <= keys[-1]:
                at = bisect_left(keys, key)
                if keys[at] != key:
                    return "was inserted"
                start = at * PREFIX_BYTES
                return "" if leaves[start : start + PREFIX_BYTES] == sealed[:PREFIX_BYTES] else "was altered"
        return None


def _root(leaves: list[bytes]) -> bytes:
    """Return the root of a Merkle tree (RFC 6962 §2.1)."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    while len(leaves) > 1:
        pairs = [leaves[at : at + 2] for at in range(0, len(leaves), 2)]
        leaves = [
            hashlib.sha256(b"\x01" + pair[0] + pair[1]).digest() if len(pair) == 2 else pair[0]
            for pair in pairs
        ]
    return leaves[0]
