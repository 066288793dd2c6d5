"""Tests that one process has collected: run one of them alone, and note which lines of a module each test runs."""

import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import hypothesis
import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.patching import forget_results


class Silent:
    """A plugin that finds examples without shrinking them, the same ones in each run."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Set it before the test modules are imported: each property keeps the settings of that moment."""
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile(
            "mutants", hypothesis.settings(phases=phases, derandomize=True, database=None)
        )
        hypothesis.settings.load_profile("mutants")


class _Nothing:
    """Stands for "no next test": only the session's own fixtures are kept."""

    def __init__(self, session: pytest.Session) -> None:
        self.session = session

    def listchain(self) -> list[Any]:
        return [self.session]


def failed(item: pytest.Item) -> bool:
    """Run one test; return True if it fails in any phase. Fixtures of the session stay set up."""
    nothing: Any = _Nothing(item.session)
    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=nothing))


class Coverage:
    """The tests by the lines of each file that they run, with the seconds that each takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.failing: list[str] = []
        self._lines: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._wanted: dict[str, set[int]] = {}

    def collect(self, items: Iterable[pytest.Item], files: Iterable[str]) -> None:
        """Run every test once and note the lines of these files that it runs."""
        self._wanted = {file: set() for file in files}
        for item in items:
            for lines in self._wanted.values():
                lines.clear()
            forget_results(self._wanted)
            start = time.perf_counter()
            with self._traced():
                if failed(item):
                    self.failing.append(item.nodeid)
            self.seconds[item.nodeid] = time.perf_counter() - start
            for file, lines in self._wanted.items():
                for line in lines:
                    self._lines[file][line].add(item.nodeid)

    def tests_of(self, file: str, lines: Sequence[int]) -> set[str]:
        """Return the tests that run one of the lines."""
        found: set[str] = set()
        return found.union(*(self._lines[file].get(line, ()) for line in lines))

    def tests_of_file(self, file: str) -> set[str]:
        """Return the tests that run any line of the file."""
        return self.tests_of(file, list(self._lines[file]))

    @contextmanager
    def _traced(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        lines = self._wanted.get(frame.f_code.co_filename)
        if lines is None:
            return None
        lines.add(frame.f_lineno)

        def step(frame: FrameType, event: str, argument: Any) -> Any:
            lines.add(frame.f_lineno)
            return step

        return step
