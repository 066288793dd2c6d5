"""Results of a test run: JUnit XML, as `pytest --junitxml` writes it."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

PASSED, FAILED, SKIPPED, NOT_RUN = "passed", "failed", "skipped", "not run"
NOT_STATED = "not stated"


class NotAResult(Exception):
    """The file holds no result of a test run; the message says which file and why."""


@dataclass(frozen=True)
class Run:
    """One file of results.

    stated: what the run recorded about itself (commit, database …), see `recording.py`; empty for a foreign run.
    outcomes: for the key of each test, how many of its cases passed, failed or were skipped. cases: the same for each
    test and case with parameters.
    """

    file: Path
    sha256: str
    began: str
    stated: dict[str, str]
    outcomes: dict[str, Counter[str]]
    cases: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)

    @property
    def database(self) -> str:
        """The database engine with its version."""
        return self.stated.get("database", NOT_STATED)

    @property
    def commit(self) -> str:
        """The commit of the code that was tested."""
        return self.stated.get("commit", NOT_STATED)


def read(file: Path) -> Run:
    """Return the run that a file holds. Raises NotAResult."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise NotAResult(f"{file} cannot be read: {error.strerror}") from error
    try:
        # Written by our own test run, and never by a user of the application.
        tree = ElementTree.fromstring(content)  # noqa: S314
    except ElementTree.ParseError as error:
        raise NotAResult(f"{file} is not JUnit XML: {error}") from error
    suite = tree if tree.tag == "testsuite" else tree.find("testsuite")
    if suite is None or suite.find("testcase") is None:
        raise NotAResult(f"{file} holds no test: give a file of pytest --junitxml")
    outcomes: dict[str, Counter[str]] = {}
    cases: dict[tuple[str, str], Counter[str]] = {}
    for case in suite.iter("testcase"):
        name = case.get("name", "").partition("[")[0]
        key = f"{case.get('classname', '')}.{name}"
        outcomes.setdefault(key, Counter())[_outcome(case)] += 1
        if "[" in case.get("name", ""):
            cases.setdefault((key, case.get("name", "")), Counter())[_outcome(case)] += 1
    stated = {each.get("name", ""): each.get("value", "") for each in suite.findall("properties/property")}
    return Run(
        file, hashlib.sha256(content).hexdigest(), suite.get("timestamp", NOT_STATED), stated, outcomes, cases
    )


def _outcome(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return FAILED
    return SKIPPED if case.find("skipped") is not None else PASSED


def of_test(key: str, runs: list[Run]) -> tuple[str, Counter[str]]:
    """Return the outcome of a test over all runs, and the number of its cases by outcome.

    One failed case is a failure. A test that only one engine can run counts as passed if it passed there.
    """
    cases: Counter[str] = Counter()
    for run in runs:
        cases += run.outcomes.get(key, Counter())
    return next((outcome for outcome in (FAILED, PASSED, SKIPPED) if cases[outcome]), NOT_RUN), cases
