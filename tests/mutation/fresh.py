"""Try a mutant with a fresh import: the module, and all that imports it, never existed without the fault."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.mutation.collected import Silent
from tests.mutation.forks import Broken, OutOfTime, in_fork, print_to
from tests.mutation.imports import Imported
from tests.mutation.listed import ListedModule
from tests.mutation.mutants import Mutant
from tests.mutation.running import ARGUMENTS, KILLED, LOG, OUT_OF_TIME, first_failing, wall_seconds

PACKAGES = (
    "django.contrib.admin", "django.db.models", "django.forms", "django.test",
    "hypothesis.strategies", "pydantic", "re2",
)  # fmt: skip


class OnlyThese:
    """A plugin that runs these tests in this order, until one fails."""

    def __init__(self, limits: dict[str, float]) -> None:
        self.limits = limits
        self.outcome = KILLED  # a test module that cannot be imported has noticed the fault

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run them."""
        items = {item.nodeid: item for item in session.items}
        if not session.testsfailed:
            self.outcome, _killer = first_failing([items[each] for each in self.limits], self.limits)
        return True


def preload(root: Path) -> None:
    """Import the packages that this project imports, so that each fork need not."""
    if (root / "manage.py").exists():
        for name in PACKAGES:
            import_module(name)


def outcome_afresh(root: Path, listed: ListedModule, mutant: Mutant, limits: dict[str, float]) -> str:
    """Return what becomes of a mutant if its module is imported with the fault.

    limits: the tests in the order in which they run, each with its limit in seconds of CPU.
    """
    code = listed.module.code(mutant)

    def attempt() -> str:
        print_to(root / LOG)
        sys.meta_path.insert(0, Imported(listed.dotted, listed.module.file, code))
        chosen = OnlyThese(limits)
        files = sorted({each.partition("::")[0] for each in limits})
        arguments = [*ARGUMENTS, "--rootdir", str(root), *(str(root / path) for path in files)]
        pytest.main(arguments, plugins=[Silent(), chosen])
        return chosen.outcome

    try:
        return str(in_fork(attempt, seconds=wall_seconds(limits)))
    except OutOfTime:
        return OUT_OF_TIME
    except Broken:
        return KILLED
