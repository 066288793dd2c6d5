"""The pack and the installation record as PDF, set by the compositor of `exports.paper`."""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from exports.paper.typesetting import Making, typeset
from tests.validation.matrix import Evidence, Row, Verdict
from tests.validation.register import Kind
from tests.validation.results import Run
from tests.validation.versions import Version

WORDS = {
    "protocol": "Version", "generated": "Made", "page": "page %(page)s of %(pages)s",
    "fingerprint": "SHA-256 of the data", "made_with": "Stroma",
}  # fmt: skip
HOW_TO_READ = (
    "A requirement is held if every test that cites it passed, failed if one of them failed, and not all run if one "
    "was skipped or left out. The id of a requirement stands in the docstring of the test, of its class or of its "
    "module."
)
KINDS = (
    "Kinds: shipped – Stroma does this; partly – the note says what is left; planned – it does not yet; outside – not "
    "a task of software."
)
HOW_TO_FILL_IN = (
    "Do the steps in their order on the installation that will be used. Write what you found beside what is "
    "expected, with initials and date. A step that cannot be done is crossed out with the reason."
)


def write_pack(
    out: Path, rows: list[Row], runs: list[Run], versions: list[Version], limits: list[str], making: Making
) -> None:
    """Write the traceability matrix with summary, versions, known limits and what has no test."""
    head = _head("Validation pack", "Requirements, tests, results", versions) | {
        "facts": [*_facts(versions), *_summary(rows)],
        "notes": [HOW_TO_READ, KINDS],
        "runs": [
            [run.file.name, run.database, run.commit[:12], run.began[:19], str(_cases(run))] for run in runs
        ],
        "fingerprints": [[run.file.name, run.sha256] for run in runs],
        "versions": [[each.part, each.version, each.remark] for each in versions],
        "limits": limits,
        "kinds": _by_kind(rows),
        "lacking": [_brief(row) for row in rows if row.lacks_test],
        "not_shipped": [_brief(row) for row in rows if not row.tests and not row.lacks_test],
        "ahead": [_brief(row) for row in rows if row.ahead_of_register],
        "failing": [_brief(row) for row in rows if row.verdict is Verdict.FAILED],
    }
    typeset(template="validation", head=head, parts=_areas(rows), making=making, out=out)


def write_record(
    out: Path, records: dict[str, list[tuple[str, str]]], versions: list[Version], making: Making
) -> None:
    """Write the installation and operation record, with places to fill in and to sign."""
    head = _head("Installation and operation record", "To be filled in and signed", versions) | {
        "facts": _facts(versions),
        "notes": [HOW_TO_FILL_IN],
        "versions": [[each.part, each.version, each.remark] for each in versions],
    }
    parts = ({"title": title, "steps": [list(step) for step in steps]} for title, steps in records.items())
    typeset(template="validation_record", head=head, parts=parts, making=making, out=out)


def _head(kind: str, title: str, versions: list[Version]) -> dict[str, Any]:
    project = versions[0].version
    return {
        "kind": kind, "title": title, "language": "en", "words": WORDS,
        "trial": {"id": "Stroma", "title": kind, "version": project},
    }  # fmt: skip


def _facts(versions: list[Version]) -> list[list[str]]:
    return [[each.part, each.version] for each in versions[:5]]


def _summary(rows: list[Row]) -> list[list[str]]:
    verdicts = Counter(row.verdict for row in rows)
    return [
        ["Requirements", str(len(rows))],
        *([f"Requirements: {verdict}", str(verdicts[verdict])] for verdict in Verdict),
        ["Said to be met, no test names it", str(sum(row.lacks_test for row in rows))],
    ]


def _by_kind(rows: list[Row]) -> list[list[str]]:
    counted = Counter((row.requirement.kind, row.verdict) for row in rows)
    return [[kind, *(str(counted[kind, verdict]) for verdict in Verdict)] for kind in Kind]


def _cases(run: Run) -> int:
    return sum(sum(cases.values()) for cases in run.outcomes.values())


def _brief(row: Row) -> list[str]:
    requirement = row.requirement
    return [requirement.id, requirement.kind, requirement.requirement, requirement.note]


def _areas(rows: list[Row]) -> Iterable[dict[str, Any]]:
    for area, group in groupby(rows, key=lambda row: row.requirement.area):
        yield {"title": area, "requirements": [_printed(row) for row in group]}


def _printed(row: Row) -> dict[str, Any]:
    return {
        "id": row.requirement.id,
        "text": row.requirement.requirement,
        "note": row.requirement.note,
        "kind": row.requirement.kind,
        "verdict": row.verdict,
        "files": [
            {"file": file, "tests": [_line(each) for each in tests]}
            for file, tests in groupby(row.tests, key=lambda each: each.test.file)
        ],
    }


def _line(tested: Evidence) -> list[str]:
    """Return sentence and outcome, with the number of cases if there are several."""
    count = sum(tested.cases.values())
    outcome = tested.outcome if count < 2 else f"{tested.outcome} × {count}"
    mixed = len(+tested.cases) > 1
    if mixed:
        outcome = ", ".join(f"{number} {name}" for name, number in sorted(tested.cases.items()))
    return [tested.test.sentence, outcome]
