"""Which tests an engine could make fail, judged from their fixtures and markers: the others run on one engine only."""

from collections.abc import Iterable

import pytest
from django.test import SimpleTestCase

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


def parted(items: Iterable[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Return the tests for each engine, and those that need no database or say that no database changes them."""
    found: tuple[list[pytest.Item], list[pytest.Item]] = ([], [])
    for item in items:
        found[not needs_database(item) or item.get_closest_marker("one_engine") is not None].append(item)
    return found


class LeaveOut:
    """A plugin that leaves out the tests that no engine changes and says how many (option --database-only)."""

    def __init__(self) -> None:
        self.left_out = 0

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave them out, after -m and -k have chosen."""
        items[:], without = parted(items)
        self.left_out = len(without)
        config.hook.pytest_deselected(items=without)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Each worker of xdist collects every test; one tells the others' number to the process that prints."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["left_out"] = self.left_out

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Hear it from a worker."""
        self.left_out = max(self.left_out, getattr(node, "workeroutput", {}).get("left_out", 0))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how many were left out and why."""
        terminalreporter.write_line(
            f"{self.left_out} tests left out: no fixture or marker of theirs gives them a database, "
            "or their marker one_engine says that it cannot change what they find"
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
