"""`make mutants`: count the mutants of the listed modules that no test notices; fail below the share wanted."""

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.mutation.forks import print_to
from tests.mutation.fresh import outcome_afresh, preload
from tests.mutation.killers import Killers
from tests.mutation.listed import ListedModule, Unlisted, listed_modules
from tests.mutation.report import ModuleReport, printed
from tests.mutation.running import LOG, SURVIVED, UNCLEAR, try_all

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Try every mutant and print the shares. Return 0 if every module reaches its share."""
    options = argparse.ArgumentParser(prog="mutants", description=__doc__)
    options.add_argument("modules", nargs="*", help="paths of modules, or of folders, from the list")
    options.add_argument("--root", type=Path, default=ROOT)
    options.add_argument("--quick", action="store_true", help="do not repeat survivors with a fresh import")
    options.add_argument("--trust-excuses", action="store_true", help="do not try the excused mutants")
    chosen = options.parse_args()
    os.chdir(chosen.root)
    sys.path.insert(0, str(chosen.root))
    try:
        modules = listed_modules(chosen.root, tuple(chosen.modules))
    except Unlisted as problem:
        print(problem)
        return 2
    reports = {each.path: ModuleReport(each) for each in modules}
    (chosen.root / LOG).unlink(missing_ok=True)
    start = time.monotonic()
    preload(chosen.root)
    killers = Killers(chosen.root)
    for told in _told(chosen.root, modules, killers, trusts_excuses=chosen.trust_excuses):
        if failing := told.get("failing"):
            print("These tests fail without a mutant:", *failing, sep="\n  ")
            return 2
        report = reports[told["module"]]
        _note(chosen.root, report, told, quick=chosen.quick)
        if report.is_complete:
            killers.note(report.listed.path, report.killers)
            print(report.line(), flush=True)
    if any(not report.is_complete for report in reports.values()):
        print(f"The run broke off: {LOG} tells why")
        return 2
    print(printed(list(reports.values()), time.monotonic() - start))
    return 0 if all(report.is_enough for report in reports.values()) else 1


def _note(root: Path, report: ModuleReport, told: dict[str, Any], *, quick: bool) -> None:
    """Note what became of one mutant; one that went unnoticed is tried again with a fresh import."""
    listed, number, outcome = report.listed, told["mutant"], told["outcome"]
    mutant = listed.module.mutants[number]
    if told["afresh"] and not quick and mutant.name not in listed.excused:
        outcome = outcome_afresh(root, listed, mutant, told["limits"])
    report.note(number, SURVIVED if outcome == UNCLEAR else outcome, told["killer"])


def _told(
    root: Path, modules: list[ListedModule], killers: Killers, *, trusts_excuses: bool
) -> Iterator[dict[str, Any]]:
    """Yield what a child process, which has collected the tests, tells about each mutant."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        print_to(root / LOG)

        def tell(told: dict[str, Any]) -> None:
            os.write(writing, json.dumps(told).encode() + b"\n")

        with contextlib.suppress(BrokenPipeError):
            try_all(root, modules, killers, tell, trusts_excuses=trusts_excuses)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
    os.waitpid(child, 0)


if __name__ == "__main__":
    sys.exit(main())
