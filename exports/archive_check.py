"""Check a copy of the investigator without server and database: nothing but Python is needed.

It lies in each copy as `verify.py`: `python3 verify.py COPY.zip`. The same check runs as `manage.py verify_archive`.
"""

import csv
import hashlib
import io
import json
import sys
import zipfile
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import IO, Any
from xml.parsers import expat

FORMAT = "stroma-copy-2"
MANIFEST, SEALS, LINES = "manifest.json", "seals/seals.csv", "seals/seals.log"
# Sealed rows of the trail as they were hashed, a file for each table; the parts of the seals; masked rows; or, where no
# parts are held, the hash of each row.
ROWS, PARTS, MASKED, HASHES = "seals/rows/", "seals/parts.jsonl", "seals/masked.csv", "seals/row_hashes.csv"
TRAIL = "tables/audit_trail.csv"
# The data and every change in one file of CDISC ODM; its rows are the transactions, each an element of a subject.
ODM, SUBJECT, SUBJECT_KEY = "odm/", "SubjectData", "SubjectKey"
# Texts that are too long for a cell, each a file; the cell holds its path.
TEXTS = "texts/"
PART_FIELDS = ("table", "columns", "first_id", "last_id", "rows", "root", "ids", "leaves")
PREFIX_BYTES = 16
HEAD_FIELDS = ("number", "sealed_at", "reason", "rows", "root", "previous_head")
HEAD_SIGNS = 64


@dataclass
class Checked:
    """What a copy holds, and every problem that was found. sha256: of the whole file."""

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


def check(path: str, *, expected_sha256: str = "", seal_file: str = "") -> Checked:
    """Return what the copy holds and its problems.

    expected_sha256: of the whole file, as the export register shows it. seal_file: a file of the seals that the site
    holds, to be compared with the one in the copy.
    """
    found = Checked()
    # Whatever a cell holds, it is read: an older copy has the text of the protocol in one.
    limit = csv.field_size_limit(1 << 30)
    try:
        with open(path, "rb") as file:
            found.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        with zipfile.ZipFile(path) as archive:
            _contents(archive, found, seal_file)
    except (OSError, zipfile.BadZipFile, EOFError, ValueError, KeyError, TypeError, csv.Error) as wrong:
        found.problems.append(f"the copy cannot be read: {wrong}")
    finally:
        csv.field_size_limit(limit)
    if expected_sha256 and expected_sha256.strip().lower() != found.sha256:
        found.problems.append(f"the whole file has the SHA-256 {found.sha256}, not {expected_sha256}")
    return found


def _contents(archive: zipfile.ZipFile, found: Checked, seal_file: str) -> None:
    manifest = found.manifest = json.loads(archive.read(MANIFEST))
    if manifest.get("format") != FORMAT:
        found.problems.append(f"it is no copy of the format {FORMAT}")
        return
    listed = {each["name"]: each for each in manifest["files"]}
    held = [each.filename for each in archive.infolist()]
    if len(held) != len(set(held)):
        found.problems.append("a name stands twice in it")
    found.problems += [f"{name} is missing" for name in listed if name not in held]
    found.problems += [f"{name} is not listed" for name in held if name not in listed and name != MANIFEST]
    for name, facts in listed.items():
        if name in held:
            _file(archive, facts, found)
        if name in held and name.startswith(ODM):
            _odm(archive, facts, manifest["patients"], found)
    _casebooks(listed, manifest, found)
    if LINES in held:
        _seals(archive, manifest, found, seal_file)
    if TRAIL in held:
        _trail(archive, manifest, found)


def _file(archive: zipfile.ZipFile, facts: dict[str, Any], found: Checked) -> None:
    digest, size, name = hashlib.sha256(), 0, facts["name"]
    try:
        with archive.open(name) as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
                size += len(piece)
    except zipfile.BadZipFile as wrong:
        found.problems.append(f"{name} is damaged: {wrong}")
        return
    found.files += 1
    if digest.hexdigest() != facts["sha256"] or size != facts["bytes"]:
        found.problems.append(f"{name} is not the file that was made: its hash or size differs")
    elif name.startswith("tables/") and name.endswith(".csv"):
        with archive.open(name) as file:
            rows = sum(1 for _row in _csv(file)) - 1
        found.rows += rows
        if rows != facts["rows"]:
            found.problems.append(f"{name} has {rows} rows, not {facts['rows']}")


def _csv(file: IO[bytes]) -> Iterator[list[str]]:
    return csv.reader(io.TextIOWrapper(file, "utf-8-sig", newline=""))


def _odm(archive: zipfile.ZipFile, facts: dict[str, Any], patients: list[str], found: Checked) -> None:
    """Read an XML file to its end; compare its transactions and its patients with the manifest."""
    name, parser, subjects = facts["name"], expat.ParserCreate(), Counter[str]()

    def begun(tag: str, attributes: dict[str, str]) -> None:
        if tag == SUBJECT:
            subjects[attributes[SUBJECT_KEY]] += 1

    def refused(*_declared: Any) -> None:
        raise ValueError("it declares a document type")

    parser.StartElementHandler, parser.StartDoctypeDeclHandler = begun, refused
    try:
        with archive.open(name) as file:
            parser.ParseFile(file)
    except (expat.ExpatError, ValueError, zipfile.BadZipFile) as wrong:
        found.problems.append(f"{name} is no well-formed XML: {wrong}")
        return
    if subjects.total() != facts["rows"]:
        found.problems.append(f"{name} has {subjects.total()} transactions, not {facts['rows']}")
    found.problems += [f"{name} has nothing of {code}" for code in patients if code not in subjects]


def _casebooks(listed: dict[str, Any], manifest: dict[str, Any], found: Checked) -> None:
    for code in manifest["patients"]:
        # A copy with the treatment of a masked trial says so in the names too.
        if {f"casebooks/{code}.pdf", f"casebooks/UNBLINDED-{code}.pdf"} & set(listed):
            found.casebooks += 1
        else:
            found.problems.append(f"the casebook of {code} is missing")


def _seals(archive: zipfile.ZipFile, manifest: dict[str, Any], found: Checked, seal_file: str) -> None:
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


class _Sealed:
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
                trees.setdefault(part["seal"], []).append(_leaf(content.encode()))
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
        """Return what is wrong with a row, "" if it is as it was sealed, None if it is not sealed yet."""
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


def _leaf(content: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + content).digest()


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


def _trail(archive: zipfile.ZipFile, manifest: dict[str, Any], found: Checked) -> None:
    """Compare the sealed rows with the seals, and the table of the trail with the rows, one audited table at a time."""
    tables: dict[str, str] = manifest["sealed_rows"]
    sealed = _Sealed(archive, found)
    left, changes, current = set(tables), dict[int, Changes](), ""
    with archive.open(TRAIL) as file:
        lines = csv.DictReader(io.TextIOWrapper(file, "utf-8-sig", newline=""))
        for table, own in groupby(lines, key=lambda line: line["table"]):
            if table != current:
                _leftovers(current, changes, found)
                held = table in left
                left.discard(table)
                changes = _changes(archive, tables[table], sealed, found) if held else {}
                current = table
            if table not in tables:
                if table not in manifest["not_compared"]:
                    found.problems.append(f"{TRAIL}: the copy has no sealed rows of {table}")
                continue
            for number, entries in groupby(own, key=lambda line: line["sequence"]):
                whole = [_with_texts(archive, line) for line in entries]
                _entry(table, int(number), whole, changes, found)
    _leftovers(current, changes, found)
    for table in left:
        _leftovers(table, _changes(archive, tables[table], sealed, found), found)


def _with_texts(archive: zipfile.ZipFile, line: dict[str, str]) -> dict[str, str]:
    """Return a line with the long texts that it names as files."""
    for name in ("old", "new"):
        if line[name].startswith(TEXTS) and line[name] in archive.NameToInfo:
            line[name] = archive.read(line[name]).decode("utf-8")
    return line


Changes = dict[str, tuple[Any, Any]]


def _changes(archive: zipfile.ZipFile, name: str, sealed: _Sealed, found: Checked) -> dict[int, Changes]:
    """Return by row of a history what it changed; name each row that is not as it was sealed."""
    columns: list[str] = []
    now: dict[Any, dict[str, Any]] = {}
    changed: dict[int, Changes] = {}
    with archive.open(name) as file:
        for line in file:
            text = line.rstrip(b"\n")
            read = json.loads(text)
            if isinstance(read, dict):
                columns, key, own = read["columns"], read["key"], read["row"]
                continue
            table, *values = read
            row = dict(zip(columns, values, strict=True))
            problem = sealed.problem(table, row[key], _leaf(text))
            if problem:
                found.problems.append(f"{table} {row[key]} {problem} after it was sealed")
            found.tied += problem == ""
            facts = {each: row[each] for each in columns if not each.startswith("history_")}
            after = {} if row["history_type"] == "-" else _flat(facts)
            before = now.get(row[own], {})
            now[row[own]] = _flat(facts)
            who = {"user": row["history_user_name"], "at": row["history_date"], "role": row["history_role"]}
            pairs = {each: (before.get(each), after.get(each)) for each in {**before, **after}}
            changed[row[key]] = {each: pair for each, pair in pairs.items() if not _same(*pair)}
            changed[row[key]][""] = (who, row[own])
    return changed


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= {f"{name}.{item}": inner for item, inner in value.items()}
        else:
            found[name] = value
    return found


def _same(old: Any, new: Any) -> bool:
    return (type(old) is type(new) and old == new) or {repr(old), repr(new)} <= {"None", "''"}


def _entry(
    table: str, number: int, lines: list[dict[str, str]], changes: dict[int, Changes], found: Checked
) -> None:
    """Compare the lines of one entry of the trail with its sealed row."""
    place, wanted = f"{TRAIL}: {table} {lines[0]['row']}, change {number}", changes.pop(number, None)
    if wanted is None:
        found.problems.append(f"{place} is not among the sealed rows, or stands there twice")
        return
    who, own = wanted.pop("")
    found.compared += 1
    for line in lines:
        pair = wanted.pop(line["field"], None)
        if pair is None or not (_agrees(line["old"], pair[0]) and _agrees(line["new"], pair[1])):
            found.problems.append(f"{place}: {line['field']} is not what was sealed")
        named = {name: line[name] for name in who}
        if str(own) != line["row"] or not all(_agrees(named[name], who[name]) for name in who):
            found.problems.append(f"{place}: who, when or the row is not what was sealed")
    for name in wanted:
        found.problems.append(f"{place}: the change of {name} is missing")


def _leftovers(table: str, changes: dict[int, Changes], found: Checked) -> None:
    for number, each in changes.items():
        if len(each) > 1:
            found.problems.append(f"{TRAIL}: {table} {each[''][1]}, change {number} is missing")


def _agrees(shown: str, held: Any) -> bool:
    """Return whether a cell says what a sealed value says."""
    texts = {shown, shown.removeprefix("'")}
    if held is None or isinstance(held, bool):
        return shown == {None: "", True: "Y", False: "N"}[held]
    if isinstance(held, list | dict):
        return any(_reads_as(text, held) for text in texts)
    if not isinstance(held, str):
        return _number(shown) == Decimal(str(held))
    if held.startswith(('{"code":', '{"typed":')):
        # A sentence of the system: the table has its English words, and what a person added.
        return shown == held or str(json.loads(held).get("typed", "")) in shown
    moment = shown.replace("T", " ").removesuffix("Z")
    return held in texts or held == moment or (_number(shown) is not None and _number(shown) == _number(held))


def _reads_as(text: str, held: Any) -> bool:
    try:
        return bool(json.loads(text) == held)
    except ValueError:
        return False


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def told(found: Checked) -> str:
    """Return what was checked, for a person."""
    made = found.manifest
    when = datetime.fromisoformat(made["made_at"]).astimezone(UTC) if "made_at" in made else None
    chain = "computed again" if found.chained else "by their heads"
    return (
        f"{made.get('trial', '?')}, made by {made.get('made_by', '?')} at {when:%Y-%m-%d %H:%M:%S} UTC: "
        f"{found.files} files, {found.casebooks} casebooks, {found.rows} rows of tables and trail, "
        f"{found.seals} seals ({chain}), {found.tied} rows of the trail compared with their seals and "
        f"{found.compared} entries of its table with these rows. SHA-256 {found.sha256}"
        if when
        else f"SHA-256 {found.sha256}"
    )


if __name__ == "__main__":
    result = check(sys.argv[1], expected_sha256=sys.argv[2] if len(sys.argv) > 2 else "")
    print(told(result))
    for problem in result.problems:
        print(problem)
    sys.exit(1 if result.problems else 0)
