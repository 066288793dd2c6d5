"""The traceability matrix: each requirement with the tests that cite it, and what the runs say of them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tests.validation.citations import CitingTest
from tests.validation.register import Kind, Requirement
from tests.validation.results import FAILED, PASSED, Run, of_test


class Verdict(StrEnum):
    """What the tests say of a requirement."""

    HELD = "held"
    FAILED = "failed"
    INCOMPLETE = "not all run"
    NO_TEST = "no test"


@dataclass(frozen=True)
class Evidence:
    """A test with its outcome over all runs, and the number of its cases by outcome."""

    test: CitingTest
    outcome: str
    cases: Counter[str]


@dataclass(frozen=True)
class Row:
    """A requirement with its tests."""

    requirement: Requirement
    tests: list[Evidence]

    @property
    def verdict(self) -> Verdict:
        """One failed test fails the requirement; a test that was skipped or not run leaves it open."""
        outcomes = {each.outcome for each in self.tests}
        if not outcomes:
            return Verdict.NO_TEST
        if FAILED in outcomes:
            return Verdict.FAILED
        return Verdict.HELD if outcomes == {PASSED} else Verdict.INCOMPLETE

    @property
    def lacks_test(self) -> bool:
        """Return True if the software is said to meet the requirement, but no test names it."""
        return self.verdict is Verdict.NO_TEST and self.requirement.kind in (Kind.SHIPPED, Kind.PARTLY)

    @property
    def ahead_of_register(self) -> bool:
        """Return True if tests cite what the register still calls planned."""
        return bool(self.tests) and self.requirement.kind is Kind.PLANNED


def matrix(requirements: Iterable[Requirement], tests: list[CitingTest], runs: list[Run]) -> list[Row]:
    """Return a row for each requirement, in the order given."""
    citing: dict[str, list[Evidence]] = {}
    for test in tests:
        tested = Evidence(test, *of_test(test.key, runs))
        for cited in test.ids:
            citing.setdefault(cited, []).append(tested)
    return [Row(each, citing.get(each.id, [])) for each in requirements]


def foreign_tests(tests: list[CitingTest], runs: list[Run]) -> list[str]:
    """Return the tests of the results that this tree does not have: the results belong to other code."""
    known = {test.key for test in tests}
    return sorted({key for run in runs for key in run.outcomes} - known)
