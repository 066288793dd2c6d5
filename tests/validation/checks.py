"""The edit checks of the shipped protocol files, each with the tests that hold it and their outcome (DAT-03)."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from protocol.checking.check_digests import check_digest
from protocol.checking.loading import load
from tests.validation.results import FAILED, NOT_RUN, PASSED, SKIPPED, Run

PROTOCOLS = Path(__file__).resolve().parents[2] / "trials" / "protocols"
COLUMNS = ("protocol", "version", "form", "check", "digest", "test", "outcome", "passed", "failed", "skipped")
# The parameters of a case begin with the protocol, then the form or nothing, then the check.
CASE = re.compile(r"\[(?P<protocol>nct\d+)-(?:[a-z0-9_]+-)?(?P<check>[A-Z]{2}\d+)(?:-.*)?\]$", re.DOTALL)


def check_of(case: str) -> tuple[str, str] | None:
    """Return protocol and check of the name of a case, None if it is about no edit check."""
    found = CASE.search(case)
    return (found["protocol"], found["check"]) if found else None


def lines(runs: list[Run]) -> Iterator[tuple[object, ...]]:
    """Yield a line for each check and test; a check that no test names has a line without one."""
    cases: dict[tuple[str, str], dict[str, Counter[str]]] = {}
    for run in runs:
        for (test, name), outcomes in run.cases.items():
            if found := check_of(name):
                cases.setdefault(found, {}).setdefault(test, Counter()).update(outcomes)
    for file in sorted(PROTOCOLS.glob("*.toml")):
        rules = load(file.read_text(encoding="utf-8"))
        for form in rules.forms.values():
            for check in form.checks:
                about = (file.stem, rules.trial.version, form.code, check.id, check_digest(form, check))
                tests = cases.get((file.stem, check.id), {})
                for test, outcomes in sorted(tests.items()):
                    yield (
                        *about,
                        test,
                        _outcome(outcomes),
                        *(outcomes[each] for each in (PASSED, FAILED, SKIPPED)),
                    )
                if not tests:
                    yield (*about, "", NOT_RUN, 0, 0, 0)


def _outcome(outcomes: Counter[str]) -> str:
    return next((each for each in (FAILED, PASSED, SKIPPED) if outcomes[each]), NOT_RUN)
