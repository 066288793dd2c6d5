"""Fill the disk at every write of a save, an upload, a sign-in, a seal and a backup.

`python -m tests.trust.disk_full [postgresql]`: there the writes of the database server are tried as well. An operation
runs once with room; then again and again: at first its first write finds no room nor any after it, then all from its
second one on, and so forth. STRIDE (25): of a long row of equal writes, such as the pages of a database that is copied,
try each so many-th after the first eighty; 1 tries all.
ONLY: names of operations, such as `save,seal`.
"""

import logging
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

from tests.support.operation.ward import FILL
from tests.trust.full_disk import HERE, SERVER, Attempt, attempt
from tests.trust.saving import Installation, on_engine, told

if TYPE_CHECKING:
    from tests.trust.operations import Operation

STRIDE = int(os.environ.get("STRIDE") or 25)
AFTER_EQUAL = 80
AGAIN_WITHIN_SECONDS = 60
WRONG = (
    "lost", "without_history", "half_stored", "stored_and_denied", "typed_lost", "pages_500", "locked_out",
    "without_a_sentence", "earlier_backups_harmed", "rests_left", "not_again_with_room", "not_verified",
)  # fmt: skip


def filled(here: Installation) -> None:
    """Store a trial with patients, and use it in this process. Raises RuntimeError if that fails."""
    filling = f"import django; django.setup()\n{FILL}"
    for command in (
        ["manage.py", "collectstatic", "--noinput", "--verbosity=0"],
        ["manage.py", "migrate", "--verbosity=0"],
        ["-c", filling],
    ):
        done = here.run(*command)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])


def use(here: Installation) -> None:
    """Make this process one of the installation."""
    os.environ.update(here.environment, DJANGO_SETTINGS_MODULE="config.settings")
    django.setup()
    # A killed process leaves the file that it was receiving.
    tempfile.tempdir = str(here.folder)
    # A line of the log is a write as well; here it would be one of those that are tried.
    logging.disable()


def tried(operation: "Operation", whose: str) -> dict[str, int]:
    """Try every write; return how many there were, and how many of them were tried."""
    calls = once(operation, whose, None).calls
    numbers = chosen(calls)
    for number in numbers:
        once(operation, whose, calls[:number])
    last = once(operation, whose, None)
    if not_done(last.said):
        print(operation.name, "with room:", last.said, file=sys.stderr)
    operation.faults["not_again_with_room"] += not_done(last.said)
    return {"writes": len(calls), "tried": len(numbers)}


def once(operation: "Operation", whose: str, with_room: Sequence[str] | None) -> Attempt:
    """Run an operation once, and compare what it said with what is there."""
    without_limit(operation.prepare)
    found = attempt(operation.run, with_room=with_room, whose=whose)
    without_limit(operation.compare, found.said)
    return found


def chosen(calls: Sequence[str]) -> list[int]:
    """Return before which calls the disk is filled: all but some of a long row of equal ones."""
    numbers, equal = list[int](), 0
    for number, call in enumerate(calls):
        equal = equal + 1 if number and call == calls[number - 1] else 0
        if equal <= AFTER_EQUAL or equal % STRIDE == 0:
            numbers.append(number)
    return numbers


def not_done(said: dict[str, Any]) -> bool:
    """Return True if an operation did not end as with room."""
    return said.get("status", 302) != 302 or said.get("ended", "acknowledged") != "acknowledged"


def without_limit(step: Any, *arguments: Any) -> None:
    """Take a step in this process, and leave no connection open; wait while a database server recovers."""
    from django.db import OperationalError, connections

    deadline = time.monotonic() + AGAIN_WITHIN_SECONDS
    while True:
        with suppress(OperationalError):
            connections["default"].ensure_connection()
            break
        if time.monotonic() > deadline:
            raise RuntimeError("the database did not come back within a minute")
        time.sleep(0.05)
    step(*arguments)
    connections.close_all()


def operations(folder: Path) -> "list[Operation]":
    """Return everything that is tried."""
    from accounts.models import User
    from patients.models import Patient
    from tests.trust.operations import BackUp, Save, SealTheTrail, SignIn, Upload

    nurse = User.objects.get(full_name="Nina Nurse")
    patients = list(Patient.objects.order_by("pk"))
    found = [
        Save(nurse, patients[0]), Upload(nurse, patients[1]), SignIn(nurse), SealTheTrail(), BackUp(folder),
    ]  # fmt: skip
    wanted = {name for name in os.environ.get("ONLY", "").split(",") if name}
    return [each for each in found if not wanted or each.name in wanted]


def main() -> int:
    """Print the figures; exit 1 if anything was lost or not said."""
    figures, faults, ends = dict[str, int](), Counter[str](), Counter[str]()
    with on_engine() as url, tempfile.TemporaryDirectory() as name:
        here = Installation(Path(name) / "served", url)
        here.folder.mkdir()
        filled(here)
        use(here)
        found: list[Operation] = []
        without_limit(lambda: found.extend(operations(Path(name) / "backups")))
        for operation in found:
            for whose in (HERE, SERVER) if url else (HERE,):
                counted = tried(operation, whose)
                print(
                    operation.name,
                    whose,
                    counted,
                    dict(operation.ends),
                    dict(operation.faults),
                    file=sys.stderr,
                )
                figures[f"{operation.name}_writes"] = (
                    figures.get(f"{operation.name}_writes", 0) + counted["writes"]
                )
                ends["tried"] += counted["tried"]
            ends, faults = ends + operation.ends, faults + operation.faults
            faults["not_verified"] += here.run("manage.py", "verify_trail").returncode != 0
        if any(operation.name == "backup" for operation in found):
            drill = here.run("manage.py", "restore_drill", "--from", str(Path(name) / "backups"))
            faults["not_again_with_room"] += drill.returncode != 0
    figures |= {
        "writes_tried": ends["tried"], "acknowledged": ends["acknowledged"], "refused_with_a_sentence": ends["refused"],
        **{name: faults[name] for name in WRONG},
    }  # fmt: skip
    print(told(figures))
    return int(any(figures[name] for name in WRONG))


if __name__ == "__main__":
    sys.exit(main())
