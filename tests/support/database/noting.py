"""A plugin that notes what each test does with the database, for a choice of tests that another engine runs.

A file of notes belongs to one tree: its name holds a hash of all that a test may depend on.
"""

import hashlib
import json
import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.db import Error
from django.db.backends.utils import CursorWrapper

from tests.support.database.selection import on_each_engine
from tests.support.database.statements import Noted, kinds_of, shape_of

ROOT = Path(__file__).resolve().parents[3]
READ = ("*.py", "*.toml", "*.html", "*.txt", "*.js", "*.css")
# What runs leave behind.
NOT_READ = frozenset({"build", "data", "staticfiles"})


@cache
def digest() -> str:
    """Return a hash of the code, the templates, the protocols, the tests and the pinned packages."""
    rooms = [
        each for each in ROOT.iterdir() if each.is_dir() and each.name[0] != "." and each.name not in NOT_READ
    ]
    read = [path for room in rooms for pattern in READ for path in room.rglob(pattern)]
    found = hashlib.sha256()
    for path in sorted([*read, ROOT / "pyproject.toml"]):
        found.update(f"{path.relative_to(ROOT)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()[:16]


def read(folder: Path) -> dict[str, Noted]:
    """Return what was noted of this tree, by the name of the test. Empty if nothing was."""
    found: dict[str, Noted] = {}
    for path in sorted(folder.glob(f"{digest()}-*.json")):
        notes = json.loads(path.read_text())
        known = notes["statements"]
        for name, test in notes["tests"].items():
            statements = [known[number] for number in test["statements"]]
            found[name] = Noted(statements, test["seconds"], test["always"])
    return found


class Notebook:
    """Notes of each test its statements, its seconds, and whether it is one that each engine must run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._test = ""
        self._numbers: dict[str, int] = {}
        self._statements: dict[str, set[int]] = defaultdict(set)
        self._seconds: dict[str, float] = defaultdict(float)
        self._always: dict[str, set[str]] = defaultdict(set)
        self._on_each_engine: set[str] = set()
        self._patch = pytest.MonkeyPatch()

    def pytest_sessionstart(self) -> None:
        """Begin to listen at the cursors of Django and at the start of processes."""
        digest()
        execute, executemany, start = (
            CursorWrapper.execute,
            CursorWrapper.executemany,
            subprocess.Popen.__init__,
        )

        def noted_execute(cursor: Any, sql: Any, params: Any = None) -> Any:
            self._note(sql, params)
            try:
                return execute(cursor, sql, params)
            except Error:
                self._always[self._test].add("a statement is refused")
                raise

        def noted_executemany(cursor: Any, sql: Any, param_list: Any) -> Any:
            rows = list(param_list)
            self._note(sql, [value for row in rows for value in row])
            try:
                return executemany(cursor, sql, rows)
            except Error:
                self._always[self._test].add("a statement is refused")
                raise

        def noted_start(process: Any, *arguments: Any, **options: Any) -> None:
            self._always[self._test].add("it starts a process, whose statements are not heard")
            start(process, *arguments, **options)

        self._patch.setattr(CursorWrapper, "execute", noted_execute)
        self._patch.setattr(CursorWrapper, "executemany", noted_executemany)
        self._patch.setattr(subprocess.Popen, "__init__", noted_start)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        """Note under the name of the test what is done until it is taken down, in all threads."""
        self._test = item.nodeid
        if on_each_engine(item):
            self._on_each_engine.add(item.nodeid)
        begun = time.perf_counter()
        if commits(item) and item.get_closest_marker("browser") is None:
            self._always[self._test].add("it commits")
        try:
            return (yield)
        finally:
            self._seconds[self._test] = time.perf_counter() - begun
            self._test = ""

    def pytest_sessionfinish(self) -> None:
        """Write the notes of this process."""
        self._patch.undo()
        if not self._seconds:
            return
        tests = {
            name: {
                "statements": sorted(self._statements[name]),
                "seconds": round(seconds, 3),
                "always": sorted(self._always[name]),
            }
            for name, seconds in self._seconds.items()
            if name in self._on_each_engine
        }
        self._folder.mkdir(exist_ok=True)
        path = self._folder / f"{digest()}-{os.getpid()}.json"
        path.write_text(json.dumps({"statements": list(self._numbers), "tests": tests}))

    def _note(self, sql: Any, values: Any) -> None:
        statement = f"{shape_of(str(sql))} [{kinds_of(values)}]"
        self._statements[self._test].add(self._numbers.setdefault(statement, len(self._numbers)))


def commits(item: pytest.Item) -> bool:
    """Return whether a test really commits, so that other connections see what it stores."""
    marker = item.get_closest_marker("django_db")
    marked = marker is not None and bool(marker.kwargs.get("transaction", False))
    return marked or "transactional_db" in getattr(item, "fixturenames", ())
