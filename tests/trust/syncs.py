"""Syncs of a save, and saves per second beside an older commit (`python -m tests.trust.syncs [postgresql]`).

Both trees serve at once, each on its own database, and several people save at one and at the other in alternating
turns, as in `make bench BASE=<commit>`. Then again with a delay in each sync, as a hospital's disk has it: `strace`
lets `fdatasync` and `fsync` of what writes the database (on PostgreSQL, the server) return later. It costs both.
BASE (8cae21f), SECONDS_OF_LOAD (3) of a turn, TURNS (10) of each side, SAVES (50) whose syncs are counted.
"""

import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from tests.bench.against import Side, databases, older
from tests.bench.servers import ROOT, Server, serving
from tests.bench.stroma_runs import signed_in
from tests.trust.clerks import Clerk
from tests.trust.kills import PATIENTS
from tests.trust.postgresql import DatabaseServer, database_server
from tests.trust.saving import connected, told

BASE = os.environ.get("BASE") or "8cae21f"
SECONDS = float(os.environ.get("SECONDS_OF_LOAD") or 3)
TURNS = int(os.environ.get("TURNS") or 10)
SAVES = int(os.environ.get("SAVES") or 50)
DELAYS_MS = (0, 1, 5)
MOST_FEWER = 0.90
BACKGROUND = "SELECT pid FROM pg_stat_activity WHERE backend_type <> 'client backend'"
PEOPLE = 4
SYNC = re.compile(r"^(?P<pid>\d+) +(fdatasync|fsync)\(\d+<(?P<file>[^>]*)>", re.MULTILINE)


def tracer(*more: str) -> list[str]:
    """Return the command that traces a program and everything it starts, at its syncs only."""
    return ["strace", "-f", "--seccomp-bpf", "-y", "-e", "trace=fdatasync,fsync", "-e", "signal=none", *more]


def delayed(milliseconds: int) -> list[str]:
    """Return the command under which each sync takes longer; nothing for no delay."""
    if not milliseconds:
        return []
    return tracer("-e", f"inject=fdatasync,fsync:delay_exit={milliseconds * 1000}", "-o", os.devnull)


class Compared:
    """Two trees on one engine."""

    def __init__(self, sides: list[Side], database: DatabaseServer | None) -> None:
        self.sides, self.database = sides, database

    @contextmanager
    def served(self, under: Sequence[str]) -> Iterator[list[Server]]:
        """Serve both trees; what writes the databases runs `under` a tracer."""
        with ExitStack() as stack:
            if self.database is not None:
                self.database.stop()
                self.database.start(under=[*under[:1], "-D", *under[1:]] if under else ())
            yield [
                stack.enter_context(
                    serving(
                        "config.wsgi", side.environment, root=side.root, python=side.python,
                        under=() if self.database else under, log=Path(side.environment["STROMA_DATA"]) / "log",
                    )
                )
                for side in self.sides
            ]  # fmt: skip

    def syncs(self) -> list[dict[str, int]]:
        """Return for each tree the syncs that the saves of one person caused, as `counted` does."""
        found = []
        for side in self.sides:
            with tempfile.TemporaryDirectory() as name:
                log = Path(name) / "calls"
                # Written by a tracer that does not belong to the owner of the folder.
                with Compared([side], self.database).served(tracer("-o", str(log))) as (server,):
                    clerk = Clerk(PATIENTS[0], signed_in(server, "coordinator").cookies)
                    saved(server, clerk, 5)
                    before = len(log.read_text())
                    saved(server, clerk, SAVES)
                    calls, background = log.read_text()[before:], self.background()
            found.append(counted(calls, background))
        return found

    def background(self) -> set[int]:
        """Return the processes of the database server that serve nobody: one of them writes its log now and then."""
        if self.database is None:
            return set()
        with connected(self.database.url) as connection:
            return {pid for (pid,) in connection.execute(BACKGROUND).fetchall()}

    def rates(self, milliseconds: int) -> list[list[float]]:
        """Return by turn the saves per second of each tree."""
        with self.served(delayed(milliseconds)) as servers:
            people = [
                [Clerk(patient, signed_in(server, "coordinator").cookies) for patient in PATIENTS[:PEOPLE]]
                for server in servers
            ]
            for server, clerks in zip(servers, people, strict=True):
                rate(server, clerks, 1)
            return [
                [rate(server, clerks, SECONDS) for server, clerks in zip(servers, people, strict=True)]
                for _turn in range(TURNS)
            ]


def counted(calls: str, background: set[int]) -> dict[str, int]:
    """Return the syncs of the log by a save, those of the log by a process in the background, and those of others."""
    found = {"log": 0, "background": 0, "other": 0}
    for sync in SYNC.finditer(calls):
        file = Path(sync["file"])
        if not file.name.endswith("-wal") and file.parent.name != "pg_wal":
            found["other"] += 1
        else:
            found["background" if int(sync["pid"]) in background else "log"] += 1
    return found


def saved(server: Server, clerk: Clerk, times: int) -> None:
    """Let one person save so many times. Raises RuntimeError if a save is refused."""
    wanted = clerk.number + times
    clerk.save_until(server.port, lambda: clerk.number >= wanted)
    if clerk.number < wanted:
        raise RuntimeError(f"saving was answered {clerk.told.without_reason}")


def rate(server: Server, clerks: Sequence[Clerk], seconds: float) -> float:
    """Return the saves per second of several people. Raises RuntimeError if one is refused."""
    before, begun = sum(clerk.number for clerk in clerks), time.perf_counter()
    for clerk in clerks:
        clerk.begin(server.port, threading.Event())
    time.sleep(seconds)
    for clerk in clerks:
        clerk.leaving.set()
    for clerk in clerks:
        clerk.end()
        if clerk.told.without_reason or clerk.told.refused:
            raise RuntimeError(f"saving was answered {clerk.told.without_reason}")
    return (sum(clerk.number for clerk in clerks) - before) / (time.perf_counter() - begun)


def milliseconds_of_a_sync(folder: Path) -> float:
    """Return how long the disk takes now to sync a page: the median of two hundred."""
    took = []
    with (folder / "pages").open("wb", buffering=0) as file:
        for _page in range(200):
            file.write(bytes(4096))
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - begun)
    return round(median(took) * 1000, 2)


def figures_of(compared: Compared, folder: Path) -> dict[str, float]:
    """Return the figures of one engine."""
    figures: dict[str, float] = {"saves_whose_syncs_were_counted": SAVES}
    figures["milliseconds_of_a_sync_of_this_disk"] = milliseconds_of_a_sync(folder)
    ours, theirs = compared.syncs()
    figures |= {
        "syncs_of_the_log_by_a_save": ours["log"], "by_the_server_in_the_background": ours["background"],
        "other_syncs": ours["other"], f"syncs_of_the_log_by_a_save_in_{BASE}": theirs["log"],
    }  # fmt: skip
    for delay in DELAYS_MS:
        turns = compared.rates(delay)
        named = f"with_{delay}_ms_in_each_sync" if delay else "without_delay"
        figures[f"saves_per_second_{named}"] = round(median(turn[0] for turn in turns), 1)
        figures[f"the_same_in_{BASE}_{named}"] = round(median(turn[1] for turn in turns), 1)
        figures[f"ratio_{named}"] = round(median(turn[0] / turn[1] for turn in turns), 2)
    # What the server wrote to the disk by itself a save need not write again.
    too_few = max(0, SAVES - ours["log"] - ours["background"])
    figures["not_one_sync"] = max(0, ours["log"] - SAVES) + too_few
    figures["over_10_in_100_fewer"] = int(figures["ratio_without_delay"] < MOST_FEWER)
    return figures


def main() -> int:
    """Print the figures; exit 1 if a save syncs otherwise than once, or this tree is slower than it may be."""
    on_server = "postgresql" in sys.argv[1:]
    os.environ["ENGINES"] = "postgresql" if on_server else "sqlite"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = stack.enter_context(database_server()) if on_server else None
        if database:
            os.environ["DATABASE_URL"] = database.url
        root, python = stack.enter_context(older(BASE, folder))
        (made,) = databases(folder).values()
        sides = [
            Side("this tree", ROOT, sys.executable, made("here")),
            Side(BASE, root, python, made("base")),
        ]
        for side in sides:
            side.fill(10)
        figures = figures_of(Compared(sides, database), folder)
    print(told(figures))
    return int(bool(figures["not_one_sync"] or figures["over_10_in_100_fewer"]))


if __name__ == "__main__":
    sys.exit(main())
