"""`make sdtm-findings RESULTS="a.json"`: findings of CDISC CORE on a package, compared with docs/sdtm_findings.csv.

A result is the JSON that the engine wrote: a list `issues`, each with `rule`, `dataset` and `status`.
"""

import csv
import json
import sys
from collections.abc import Iterable
from pathlib import Path

KNOWN = Path(__file__).resolve().parents[2] / "docs" / "sdtm_findings.csv"
EVERY = "*"
"""In the column of the data set: whichever data set the rule names."""
Finding = tuple[str, str]


def known(path: Path = KNOWN) -> set[Finding]:
    """Return rule and data set of each finding that stays."""
    with path.open(encoding="utf-8", newline="") as file:
        return {(row["rule"], row["data_set"]) for row in csv.DictReader(file)}


def found(results: Iterable[Path]) -> set[Finding]:
    """Return rule and data set of each finding in the results; an empty data set for one of the whole package."""
    issues = [issue for path in results for issue in json.loads(path.read_text("utf-8"))["issues"]]
    return {(issue["rule"], issue["dataset"] or "") for issue in issues}


def new(findings: set[Finding], stay: set[Finding]) -> set[Finding]:
    """Return the findings that no row of the list explains."""
    return {each for each in findings if each not in stay and (each[0], EVERY) not in stay}


def gone(findings: set[Finding], stay: set[Finding]) -> set[Finding]:
    """Return the rows of the list that no finding matches."""
    rules = {rule for rule, _data_set in findings}
    return {each for each in stay if each not in findings and not (each[1] == EVERY and each[0] in rules)}


def main(arguments: list[str]) -> int:
    """Print what is new and what is gone. Returns 1 if something is new."""
    findings, stay = found(map(Path, arguments)), known()
    for rule, data_set in sorted(new(findings, stay)):
        print(f"new: {rule} {data_set}")
    for rule, data_set in sorted(gone(findings, stay)):
        print(f"no finding any more: {rule} {data_set}")
    return 1 if new(findings, stay) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
