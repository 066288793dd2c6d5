"""`make validation`: run the tests, or take results that were made, and write build/validation/.

RESULTS: files of `pytest --junitxml`, separated by blanks. ENGINES: `sqlite`, `postgresql` or both (the default).
Exits with 1 if a test failed or a docstring cites an unknown requirement, with 2 if the pack cannot be made.
"""

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings  # noqa: E402

from exports.paper.typesetting import Making, NotPrinted  # noqa: E402
from tests.validation import files, guide, paper  # noqa: E402
from tests.validation.citations import CitingTest, citing_tests, unknown_citations  # noqa: E402
from tests.validation.matrix import Row, Verdict, foreign_tests, matrix  # noqa: E402
from tests.validation.register import BadRegister, register  # noqa: E402
from tests.validation.results import NotAResult, Run, read  # noqa: E402
from tests.validation.running import ENGINES, run  # noqa: E402
from tests.validation.versions import commit, versions  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "validation"
# Evidence beside the tests, taken along if it was made.
BESIDE = (ROOT / "docs" / "reliability.md", ROOT / "build" / "sbom.json")


class NoPack(Exception):
    """The pack cannot be made; the message says why and what to do."""


def results(tests: list[CitingTest]) -> list[Run]:
    """Return the runs: those of RESULTS, or new ones. Raises NoPack if they belong to other code."""
    given = os.environ.get("RESULTS", "").split()
    engines = os.environ.get("ENGINES", " ".join(ENGINES)).replace(",", " ").split()
    if unknown := [engine for engine in engines if engine not in ENGINES]:
        raise NoPack(f"ENGINES: {', '.join(unknown)} is none of {', '.join(ENGINES)}")
    runs = [read(file) for file in map(Path, given)] if given else [
        read(file) for file in run(engines, ROOT / "build" / "results")
    ]  # fmt: skip
    if len({each.file.name for each in runs}) < len(runs):
        raise NoPack("RESULTS: two files have one name, and both are kept in the pack: rename one")
    here = commit().split()[0]
    for each in runs:
        if "commit" in each.stated and each.commit.split()[0] != here:
            raise NoPack(
                f"{each.file} was made at commit {each.commit}, this is {here}: check that out first"
            )
    if foreign := foreign_tests(tests, runs):
        raise NoPack(
            f"{len(foreign)} tests of the results are not in this tree, such as {foreign[0]}: "
            "the results belong to other code"
        )
    return runs


def write(rows: list[Row], runs: list[Run]) -> None:
    """Write build/validation/ anew."""
    # Read before the folder is emptied: the results may be those of the last pack.
    kept = {run.file.name: run.file.read_bytes() for run in runs}
    if OUT.exists():
        shutil.rmtree(OUT)
    (OUT / "results").mkdir(parents=True)
    for name, content in kept.items():
        (OUT / "results" / name).write_bytes(content)
    text = guide.FILE.read_text(encoding="utf-8")
    now = datetime.now(UTC)
    making = Making(now, f"{now:%Y-%m-%d %H:%M} UTC", "make validation")
    parts = versions(settings.VERSION)
    files.write(OUT, rows, runs, parts)
    paper.write_pack(OUT / "pack.pdf", rows, runs, parts, guide.limits(text), making)
    records = {title: guide.steps(text, title) for title in guide.RECORDS}
    paper.write_record(OUT / "installation-record.pdf", records, parts, making)
    for file in BESIDE:
        if file.exists():
            shutil.copy(file, OUT)
    files.write_checksums(OUT)


def told(rows: list[Row], runs: list[Run]) -> list[str]:
    """Return the lines for the person who made the pack."""
    lines = [f"{run.file}: {len(run.outcomes)} tests, {run.database}" for run in runs]
    lines += [f"{verdict}: {sum(row.verdict is verdict for row in rows)}" for verdict in Verdict]
    for title, chosen in (
        ("failed", [row for row in rows if row.verdict is Verdict.FAILED]),
        ("said to be met, and no test names it", [row for row in rows if row.lacks_test]),
        (
            "planned, yet named by tests (see docs/requirements.csv)",
            [row for row in rows if row.ahead_of_register],
        ),
    ):
        if chosen:
            lines.append(f"{title}: {', '.join(row.requirement.id for row in chosen)}")
    lines += [
        f"not taken along, because it was not made: {file.name}" for file in BESIDE if not file.exists()
    ]
    return [*lines, f"Written: {OUT.relative_to(ROOT)}"]


def main() -> int:
    """Make the pack."""
    try:
        known = register()
        tests = citing_tests(ROOT / "tests", ROOT)
        runs = results(tests)
        rows = matrix(known.values(), tests, runs)
        write(rows, runs)
    except (BadRegister, NotAResult, NoPack, NotPrinted, guide.BadGuide) as error:
        print(error, file=sys.stderr)
        return 2
    wrong = unknown_citations(ROOT / "tests", ROOT, set(known))
    print("\n".join([*told(rows, runs), *(f"unknown requirement: {each}" for each in wrong)]))
    return int(bool(wrong) or any(row.verdict is Verdict.FAILED for row in rows))


if __name__ == "__main__":
    sys.exit(main())
