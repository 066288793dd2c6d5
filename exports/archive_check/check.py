"""Check a copy of the investigator without server and database: nothing but Python is needed.

It lies in each copy as `verify.py`: `python3 verify.py COPY.zip`. The same check runs as `manage.py verify_archive`.
"""

import csv
import hashlib
import json
import sys
import zipfile
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from xml.parsers import expat

from exports.archive_check.layout import (
    FORMAT,
    LINES,
    MANIFEST,
    ODM,
    SUBJECT,
    SUBJECT_KEY,
    TRAIL,
    Checked,
    csv_rows,
)
from exports.archive_check.sealed_rows import check_seals
from exports.archive_check.trail_rows import check_trail


def check(path: str, *, expected_sha256: str = "", seal_file: str = "") -> Checked:
    """Return the content of the copy and its problems.

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
    _protocols(listed, manifest, found)
    if LINES in held:
        check_seals(archive, manifest, found, seal_file)
    if TRAIL in held:
        check_trail(archive, manifest, found)


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
            rows = sum(1 for _row in csv_rows(file)) - 1
        found.rows += rows
        if rows != facts["rows"]:
            found.problems.append(f"{name} has {rows} rows, not {facts['rows']}")


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


def _protocols(listed: dict[str, Any], manifest: dict[str, Any], found: Checked) -> None:
    """Compare each version of the protocol file with the hash that it was loaded with. Older copies name none."""
    for version in manifest.get("protocol_versions", []):
        name = version["file"]
        if name and listed.get(name, {}).get("sha256") != version["sha256"]:
            found.problems.append(f"{name} is not the protocol file that was loaded as {version['version']}")


def told(found: Checked) -> str:
    """Return the result of the check as sentences."""
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
