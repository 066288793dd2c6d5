"""Cut the power after acknowledged saves on SQLite: what was not synced is gone (`python -m tests.trust.power_cut`).

CUTS (200): acknowledged saves, with two cuts right after each. At the first, everything that was not synced is lost; at
the second, half of it is there, in any order. Every WHOLE-th database is also verified as a whole and written on.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from random import Random

from tests.bench.servers import serving
from tests.bench.stroma_runs import signed_in
from tests.trust.disk import COMMAND, Disk, replayed
from tests.trust.saving import FIRST, Desk, Installation, kept_on_sqlite, told

CUTS = int(os.environ.get("CUTS") or 200)
WHOLE = int(os.environ.get("WHOLE") or 25)
DATABASE = "stroma.sqlite3"
ANSWER = b"HTTP/1.1 302"


def recorded(here: Installation, log: Path, cuts: int) -> None:
    """Serve under strace and save until there are enough acknowledged saves. Raises RuntimeError if one is refused."""
    with serving("config.wsgi", here.environment, under=(*COMMAND, "-o", str(log))) as server:
        desk = Desk(signed_in(server, "coordinator"))
        while desk.number < cuts:
            if not desk.save():
                raise RuntimeError(f"save {desk.number + 1} was refused")


def cut(cuts: int = CUTS, whole: int = WHOLE) -> dict[str, int]:
    """Return the figures: cuts, acknowledged saves that were lost, databases that were not whole, syncs.

    not_one_sync: saves that synced the log more or less than once. The save of a checkpoint (every thousand pages) and
    the next one are not counted: SQLite syncs the log before it and the head of the log that begins anew.
    """
    rng = Random(7)
    names = ("cuts", "lost", "without_history", "not_whole", "not_verified", "not_writable", "not_one_sync")
    figures = dict.fromkeys(names, 0)
    with tempfile.TemporaryDirectory() as name:
        here = Installation(Path(name) / "served", "")
        here.folder.mkdir()
        here.fill()
        log = Path(name) / "calls"
        before = Path(name) / "before"
        shutil.copytree(here.folder, before)
        recorded(here, log, cuts)
        disk = Disk(before, DATABASE)
        disk.folder = here.folder
        # The first answer of that kind is that of signing in.
        acknowledged, logged, checkpoints, last_checkpoint = -1, 0, 0, -2
        with log.open() as lines:
            for sent in replayed(lines, disk):
                if not sent.data.startswith(ANSWER):
                    continue
                acknowledged += 1
                syncs, logged = disk.syncs("-wal") - logged, disk.syncs("-wal")
                if disk.syncs() != checkpoints:
                    checkpoints, last_checkpoint = disk.syncs(), acknowledged
                if not acknowledged:
                    continue
                figures["not_one_sync"] += syncs != 1 and acknowledged > last_checkpoint + 1
                for each in (None, rng):
                    looked_at(here, disk, each, acknowledged, figures, thorough=acknowledged % whole == 0)
        figures["acknowledged"] = acknowledged
        figures["checkpoints"] = checkpoints
    return figures


def looked_at(
    here: Installation,
    disk: Disk,
    rng: Random | None,
    acknowledged: int,
    figures: dict[str, int],
    *,
    thorough: bool,
) -> None:
    """Cut the power now, open what is left, and count what is missing."""
    with tempfile.TemporaryDirectory() as name:
        database = disk.cut(Path(name), rng)
        kept = kept_on_sqlite(database)
        figures["cuts"] += 1
        figures["lost"] += kept.lost({FIRST: acknowledged})
        figures["without_history"] += kept.without_history({FIRST: set(range(1, acknowledged + 1))})
        figures["not_whole"] += not kept.whole
        if thorough:
            shutil.copy(here.folder / "seals.log", name)
            there = Installation(Path(name), "")
            figures["not_verified"] += there.run("manage.py", "verify_trail").returncode != 0
            with serving("config.wsgi", there.environment) as server:
                desk = Desk(signed_in(server, "coordinator"), number=kept.in_force[FIRST])
                figures["not_writable"] += not desk.save()


def main() -> int:
    """Print the figures; exit 1 if anything was lost."""
    figures = cut()
    print(told(figures))
    return int(any(figures[name] for name in figures if name not in ("cuts", "acknowledged", "checkpoints")))


if __name__ == "__main__":
    sys.exit(main())
