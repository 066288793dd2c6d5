"""The results of each edit check in the validation pack of this installation (DAT-03, VAL-01)."""

from dataclasses import dataclass, field

from reports.edit_checks.validation_pack import held_pack

FILE = "checks.csv"
PASSED, FAILED = "passed", "failed"


@dataclass(frozen=True, slots=True)
class CheckTest:
    """A test that holds an edit check, with its last outcome and the number of its cases."""

    test: str
    outcome: str
    cases: int


@dataclass(frozen=True)
class TestedChecks:
    """The tests by digest of the check. commit: of the code that was tested. altered: the file is not the pack's."""

    commit: str
    altered: bool
    by_digest: dict[str, list[CheckTest]] = field(default_factory=dict)


def tested_checks() -> TestedChecks | None:
    """Return the tests that the validation pack names; None if this installation holds none. Reads files."""
    pack = held_pack()
    if pack is None or not (pack.folder / FILE).is_file():
        return None
    found: dict[str, list[CheckTest]] = {}
    for row in pack.rows(FILE):
        tests = found.setdefault(row.get("digest") or "", [])
        if row.get("test"):
            tests.append(CheckTest(row["test"], row.get("outcome") or "", _cases(row)))
    return TestedChecks(pack.commit, FILE in pack.altered or not pack.lists(FILE), found)


def _cases(row: dict[str, str]) -> int:
    numbers = (row.get(name) or "" for name in ("passed", "failed", "skipped"))
    return sum(int(number) for number in numbers if number.isascii() and number.isdigit())
