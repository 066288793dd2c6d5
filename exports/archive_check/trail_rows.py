"""The table of the trail in a copy, compared with the sealed rows."""

import csv
import io
import json
import zipfile
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import Any

from exports.archive_check.layout import TEXTS, TRAIL, Checked, leaf_of
from exports.archive_check.sealed_rows import Sealed


def check_trail(archive: zipfile.ZipFile, manifest: dict[str, Any], found: Checked) -> None:
    """Compare the sealed rows with the seals, and the table of the trail with the rows, one audited table at a time."""
    tables: dict[str, str] = manifest["sealed_rows"]
    sealed = Sealed(archive, found)
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


def _changes(archive: zipfile.ZipFile, name: str, sealed: Sealed, found: Checked) -> dict[int, Changes]:
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
            problem = sealed.problem(table, row[key], leaf_of(text))
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
        return Decimal(str(held)) in map(_number, texts)
    if held.startswith(('{"code":', '{"typed":')):
        # A sentence of the system: the table has its English words, and what a person added.
        return shown == held or str(json.loads(held).get("typed", "")) in shown
    moment = shown.replace("T", " ").removesuffix("Z")
    # A negative number has the apostrophe that guards a spreadsheet, too, and its last zeros are not sealed.
    number = _number(held)
    return held in texts or held == moment or (number is not None and number in map(_number, texts))


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
