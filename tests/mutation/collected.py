"""Tests that one process has collected: run one of them alone, and note which lines of a module each test runs."""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from types import CodeType
from typing import Any

import hypothesis
import pytest
from _pytest.tmpdir import tmppath_result_key

from tests.mutation.forks import in_fork
from tests.mutation.imports import Imported
from tests.mutation.mutants import NOTED, MutantModule
from tests.mutation.patching import NotPatched, forget_results, live_functions, patch_code

LONGEST_SECONDS = 600


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
    """Run one test; return True if it fails in any phase. Fixtures of the session stay set up.

    No report is made: putting a failure into words takes longer than most tests.
    """
    nothing: Any = _Nothing(item.session)
    request: Any = item
    request._initrequest()
    # Where the reports of a test leave their results; the fixture `tmp_path` looks there at its end.
    item.stash[tmppath_result_key] = {}
    hook = item.ihook

    def run() -> None:
        hook.pytest_runtest_setup(item=item)
        hook.pytest_runtest_call(item=item)

    broken = _fails(run)
    return _fails(lambda: hook.pytest_runtest_teardown(item=item, nextitem=nothing)) or broken


def _fails(phase: Callable[[], Any]) -> bool:
    try:
        phase()
    except pytest.skip.Exception:
        return False
    except BaseException:
        return True
    return False


class Coverage:
    """The tests by the lines of each file that they run, with the seconds that each takes.

    modules: by dotted name. To be made before they are imported, so that the lines that run then are known too.
    """

    def __init__(self, modules: Mapping[str, MutantModule]) -> None:
        self.modules = modules
        self.imported: dict[str, set[int]] = {}
        self._seen = {name: set[int]() for name in modules}
        for name, module in modules.items():
            sys.meta_path.insert(0, Imported(name, module.file, module.noting(), **{NOTED: self._seen[name]}))
        self.seconds: dict[str, float] = {}
        self.failing: list[str] = []
        self._lines: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))

    def collect(self, items: Iterable[pytest.Item]) -> None:
        """Run every test once and note the lines of the modules that it runs."""
        seen, modules = self._seen, self.modules
        files = {module.file for module in modules.values()}
        for name in modules:
            import_module(name)
        self.imported = {name: set(lines) for name, lines in seen.items()}
        for item in items:
            forget_results(files)
            run = partial(_lines_run, item, seen)
            # The tests after it would begin with empty tables.
            told = in_fork(run, seconds=LONGEST_SECONDS) if empties_tables(item) else run()
            if told["failed"]:
                self.failing.append(item.nodeid)
            self.seconds[item.nodeid] = told["seconds"]
            for name, lines in told["lines"].items():
                for line in lines:
                    self._lines[modules[name].file][line].add(item.nodeid)
        for module in modules.values():
            _exchange(module.file, module.original)

    def tests_of(self, file: str, lines: Sequence[int]) -> set[str]:
        """Return the tests that run one of the lines."""
        found: set[str] = set()
        return found.union(*(self._lines[file].get(line, ()) for line in lines))

    def tests_of_file(self, file: str) -> set[str]:
        """Return the tests that run any line of the file."""
        return self.tests_of(file, list(self._lines[file]))


def _lines_run(item: pytest.Item, seen: Mapping[str, set[int]]) -> dict[str, Any]:
    """Run one test; return whether it failed, its seconds of CPU, and by module the lines that it ran."""
    for lines in seen.values():
        lines.clear()
    start = time.process_time()
    broken = failed(item)
    seconds = time.process_time() - start
    return {
        "failed": broken,
        "seconds": seconds,
        "lines": {name: sorted(each) for name, each in seen.items()},
    }


def empties_tables(item: pytest.Item) -> bool:
    """Return True for a test whose end empties the tables, also of what the migrations stored."""
    marker = item.get_closest_marker("django_db")
    return marker is not None and bool(marker.kwargs.get("transaction"))


def _exchange(file: str, code: CodeType) -> None:
    """Exchange the code of all functions of a module; one without functions keeps what it has."""
    with suppress(NotPatched):
        patch_code(live_functions(file), code)
