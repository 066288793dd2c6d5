"""The mutants of all modules, tried in forks of one process that has collected the tests."""

import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any

import pytest

from tests.mutation.collected import Coverage, Silent, empties_tables, failed
from tests.mutation.forks import Broken, OutOfTime, in_fork
from tests.mutation.killers import Killers
from tests.mutation.listed import ListedModule
from tests.mutation.mutants import Mutant
from tests.mutation.patching import (
    Key,
    NotImported,
    NotPatched,
    forget_results,
    live_functions,
    patch_code,
    patch_constants,
    runs_apart,
)

ARGUMENTS = (
    "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:playwright", "-m", "not browser", "-q",
)  # fmt: skip
LOG = "mutants.log"
KILLED, OUT_OF_TIME, SURVIVED, UNCLEAR = "killed", "out of time", "survived", "unclear"
Tell = Callable[[dict[str, Any]], None]


class Late(BaseException):
    """A test took so long that its mutant counts as noticed."""


class Trying:
    """A plugin that, in place of running the tests, tries every mutant and tells what became of it."""

    def __init__(
        self, modules: Sequence[ListedModule], killers: Killers, tell: Tell, *, trusts_excuses: bool
    ) -> None:
        self.modules = modules
        self.killers = killers
        self.trusts_excuses = trusts_excuses
        self.tell = tell
        self.coverage = Coverage({each.dotted: each.module for each in modules})
        self.items: dict[str, pytest.Item] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run every test once, then try the mutants."""
        self.items = {item.nodeid: item for item in session.items}
        self.coverage.collect(session.items)
        if self.coverage.failing:
            self.tell({"failing": self.coverage.failing})
            return True
        for listed in self.modules:
            self._module(listed)
        return True

    def _module(self, listed: ListedModule) -> None:
        functions, kills = live_functions(listed.module.file), Counter[str]()
        for number, mutant in enumerate(listed.module.mutants):
            if self.trusts_excuses and mutant.name in listed.excused:
                outcome, killer, limits = SURVIVED, "", dict[str, float]()
            else:
                limits = self._limits(listed, mutant, kills)
                outcome, killer = self._tried(listed, mutant, functions, limits)
            kills[killer] += 1
            told = {"module": listed.path, "mutant": number, "outcome": outcome, "killer": killer}
            afresh = outcome == UNCLEAR or (outcome == SURVIVED and self._may_run_on_import(listed, mutant))
            self.tell({**told, "afresh": afresh, "limits": limits if afresh else {}})

    def _limits(self, listed: ListedModule, mutant: Mutant, kills: Counter[str]) -> dict[str, float]:
        """Return the tests that are tried, in their order, each with its limit in seconds of CPU."""
        return {each: 2 + 4 * self.coverage.seconds[each] for each in self._ordered(listed, mutant, kills)}

    def _ordered(self, listed: ListedModule, mutant: Mutant, kills: Counter[str]) -> list[str]:
        """Return the tests that may notice a mutant: first the one that noticed it in the last run, then those that
        are quick and notice many.

        They are those that run its lines; all, if its lines may run only when the module is imported; none, if its
        lines run nowhere.
        """
        mine = {each for each in self.items if any(_is_under(each, path) for path in listed.tests)}
        running = self.coverage.tests_of(listed.module.file, [mutant.statement]) & mine
        touching = self.coverage.tests_of_file(listed.module.file)
        found = mine if not running and self._may_run_on_import(listed, mutant) else running
        quick = {each: self.coverage.seconds[each] / (1 + kills[each]) for each in found}
        last = {each for each in found if empties_tables(self.items[each])}
        killer = self.killers.of(listed.path, mutant.name)
        return sorted(
            found, key=lambda each: (each != killer, each in last, each not in touching, quick[each], each)
        )

    def _may_run_on_import(self, listed: ListedModule, mutant: Mutant) -> bool:
        """Return True if a survivor may only be noticed after a fresh import of its module."""
        line, module = mutant.statement, listed.module
        return (
            mutant.on_import
            or line not in module.noted_lines
            or line in self.coverage.imported.get(listed.dotted, ())
        )

    def _tried(
        self,
        listed: ListedModule,
        mutant: Mutant,
        functions: dict[Key, list[FunctionType]],
        limits: dict[str, float],
    ) -> tuple[str, str]:
        def attempt() -> tuple[str, str]:
            try:
                _patch(listed, mutant, functions)
            except NotPatched:
                return UNCLEAR, ""
            except NotImported:
                return KILLED, ""
            return first_failing([self.items[each] for each in limits], limits)

        try:
            outcome, killer = in_fork(attempt, seconds=wall_seconds(limits))
        except OutOfTime:
            return OUT_OF_TIME, ""
        except Broken:
            return UNCLEAR, ""
        return outcome, killer


def _patch(listed: ListedModule, mutant: Mutant, functions: dict[Key, list[FunctionType]]) -> None:
    code = listed.module.code(mutant)
    if mutant.on_import:
        module = sys.modules[listed.dotted]
        if not runs_apart(module, listed.module.original):
            raise NotPatched
        patch_constants(module, code)
    else:
        patch_code(functions, code)
    forget_results({listed.module.file})


def _is_under(nodeid: str, path: str) -> bool:
    file = nodeid.partition("::")[0]
    return file == path or file.startswith(f"{path}/")


def wall_seconds(limits: dict[str, float]) -> float:
    """Return after how long a fork is ended that uses no CPU: long enough for a busy machine."""
    return 60 + 10 * sum(limits.values())


def first_failing(items: Sequence[pytest.Item], limits: dict[str, float]) -> tuple[str, str]:
    """Run tests until one fails or uses more seconds of CPU than its limit.

    Return what became of the mutant and the test that noticed it.
    """
    late = False

    def alarm(number: int, frame: FrameType | None) -> None:
        nonlocal late
        late = True
        raise Late

    signal.signal(signal.SIGPROF, alarm)
    for item in items:
        signal.setitimer(signal.ITIMER_PROF, limits[item.nodeid])
        noticed = failed(item)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if noticed:
            return (OUT_OF_TIME if late else KILLED), item.nodeid
    return SURVIVED, ""


def try_all(
    root: Path, modules: Sequence[ListedModule], killers: Killers, tell: Tell, *, trusts_excuses: bool
) -> int:
    """Collect the tests of the modules in this process and try every mutant. Return the exit status of pytest."""
    tests = sorted({path for each in modules for path in each.tests})
    arguments = [*ARGUMENTS, "--rootdir", str(root), *(str(root / path) for path in tests)]
    return int(
        pytest.main(
            arguments, plugins=[Silent(), Trying(modules, killers, tell, trusts_excuses=trusts_excuses)]
        )
    )
