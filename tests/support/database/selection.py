"""Which tests an engine could make fail: the others run on one engine only.

Fixtures and markers tell which need a database; notes of a run on another engine tell which of them add a statement.
"""

from collections.abc import Iterable, Mapping

import pytest
from django.test import SimpleTestCase

from tests.support.database.statements import TIMES, Noted, covering

GIVES_DATABASE = frozenset(
    {
        "_django_db_helper", "db", "transactional_db", "live_server", "django_db_reset_sequences",
        "django_db_serialized_rollback", "django_db_setup",
    }
)  # fmt: skip
# Opens the database to whoever takes it. pytest-django's own fixtures take it for every test, to keep it shut.
OPENS_DATABASE = "django_db_blocker"


def needs_database(item: pytest.Item) -> bool:
    """Return True if a marker or a fixture, however far behind the test's own, gives the test a database."""
    if item.get_closest_marker("django_db") or issubclass(
        getattr(item, "cls", None) or object, SimpleTestCase
    ):
        return True
    if not isinstance(item, pytest.Function):
        return True
    return not GIVES_DATABASE.isdisjoint(item.fixturenames) or OPENS_DATABASE in _taken(item)


def _taken(item: pytest.Function) -> set[str]:
    """Return the fixtures that the test and the fixtures of this project take as arguments."""
    info = item._fixtureinfo
    behind = (each for fixtures in info.name2fixturedefs.values() for each in fixtures)
    ours = (each for each in behind if not each.func.__module__.startswith("pytest_django."))
    return {*info.argnames, *(name for each in ours for name in each.argnames)}


def on_each_engine(item: pytest.Item) -> bool:
    """Return whether a test has a database and does not say that one engine is enough."""
    return needs_database(item) and item.get_closest_marker("one_engine") is None


def parted(items: Iterable[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Return the tests for each engine, and those that need no database or say that no database changes them."""
    found: tuple[list[pytest.Item], list[pytest.Item]] = ([], [])
    for item in items:
        found[not on_each_engine(item)].append(item)
    return found


class LeaveOut:
    """A plugin that leaves out the tests that no engine changes and says how many (option --database-only).

    noted: what the tests of this very tree did on another engine (option --noted). Then those tests are left out too
    whose statements are all run by others. A test without a note runs.
    """

    def __init__(self, noted: Mapping[str, Noted]) -> None:
        self._noted, self._chosen = noted, covering(noted)
        self.left_out = self.covered = 0

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave them out, after -m and -k have chosen."""
        each_engine, without = parted(items)
        items[:] = [
            item for item in each_engine if item.nodeid not in self._noted or item.nodeid in self._chosen
        ]
        kept = set(items)
        covered = [item for item in each_engine if item not in kept]
        self.left_out, self.covered = len(without), len(covered)
        config.hook.pytest_deselected(items=[*without, *covered])

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Each worker of xdist collects every test; one tells the numbers to the process that prints."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["left_out"] = (self.left_out, self.covered)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Hear them from a worker."""
        told = getattr(node, "workeroutput", {}).get("left_out", (0, 0))
        self.left_out, self.covered = max(self.left_out, told[0]), max(self.covered, told[1])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how many were left out and why."""
        terminalreporter.write_line(
            f"{self.left_out} tests left out: no fixture or marker of theirs gives them a database, "
            "or their marker one_engine says that it cannot change what they find"
        )
        if self.covered:
            terminalreporter.write_line(
                f"{self.covered} tests left out: each of their statements, with values of the same kinds, is run by "
                f"{TIMES} others"
            )


class NoSurprise:
    """A plugin that fails a test which asks for a database in its body, where its arguments do not tell."""

    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef, request: pytest.FixtureRequest) -> None:
        """Compare what is set up with what was judged at collection."""
        test = request._pyfuncitem if request.scope == "function" else None
        if test is not None and fixturedef.argname in GIVES_DATABASE and not needs_database(test):
            pytest.fail(
                f"{fixturedef.argname} is asked for by name: take it as an argument, or mark the test"
            )
