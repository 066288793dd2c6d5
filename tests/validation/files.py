"""The tables of the pack as CSV, for whoever wants to count or filter them."""

import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path

from tests.validation import checks
from tests.validation.matrix import Row
from tests.validation.results import FAILED, PASSED, SKIPPED, Run
from tests.validation.versions import Version

REQUIREMENT = ("id", "area", "requirement", "kind", "note")
OUTCOMES = (PASSED, FAILED, SKIPPED)


def write(folder: Path, rows: list[Row], runs: list[Run], versions: list[Version]) -> None:
    """Write the tables: requirements, traceability, requirements without a test, edit checks, versions, runs."""
    _table(folder / "checks.csv", checks.COLUMNS, checks.lines(runs))
    _table(
        folder / "requirements.csv",
        (*REQUIREMENT, "verdict", "tests"),
        ((*_of(row), row.verdict, len(row.tests)) for row in rows),
    )
    _table(
        folder / "traceability.csv",
        ("id", "verdict", "test", "file", "outcome", *(f"cases_{outcome}" for outcome in OUTCOMES)),
        (
            (
                row.requirement.id, row.verdict, each.test.key, each.test.file, each.outcome,
                *(each.cases[outcome] for outcome in OUTCOMES),
            )
            for row in rows for each in row.tests
        ),
    )  # fmt: skip
    _table(folder / "without-test.csv", REQUIREMENT, (_of(row) for row in rows if not row.tests))
    _table(
        folder / "versions.csv",
        ("part", "version", "remark"),
        ((each.part, each.version, each.remark) for each in versions),
    )
    _table(
        folder / "runs.csv",
        ("file", "sha256", "began", "commit", "database", "tests"),
        ((run.file.name, run.sha256, run.began, run.commit, run.database, len(run.outcomes)) for run in runs),
    )


def write_checksums(folder: Path) -> None:
    """Write SHA256SUMS of every file of the folder, in the format of `sha256sum --check`."""
    sums = folder / "SHA256SUMS"
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != sums)
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files
    ]
    sums.write_text("".join(lines), encoding="utf-8")


def _of(row: Row) -> tuple[str, ...]:
    return tuple(str(getattr(row.requirement, name)) for name in REQUIREMENT)


def _table(file: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        writer.writerows(rows)
