"""Kill the server in the middle of saves, again and again (`python -m tests.trust.kills`).

CYCLES (1000): kills with SIGKILL, while eight people save. Each kills every worker at a random moment; each twentieth
also the process that starts workers, and on PostgreSQL a process of the database server, which then recovers by itself.
SQLite, or PostgreSQL with DATABASE_URL.
"""

import http.client
import os
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random

import psycopg

from tests.bench.client import Visitor
from tests.bench.servers import Server, serving
from tests.bench.stroma_runs import signed_in
from tests.trust.saving import Desk, Installation, Kept, connected, kept_on_postgresql, kept_on_sqlite, told

CYCLES = int(os.environ.get("CYCLES") or 1000)
WHOLE_SERVER = 20
# Seconds until a kill: some saves are acknowledged before it, and it falls at any moment of one.
LONGEST_WAIT = 0.4
AGAIN_WITHIN = 60
PATIENTS = [f"BEN-{number:04}" for number in range(1, 9)]


class Killed:
    """A server that is killed, comes back, and keeps its port."""

    def __init__(self, here: Installation) -> None:
        self.here, self.rng = here, Random(5)
        self.stack = ExitStack()
        self.start()

    def start(self) -> None:
        """Start the server."""
        self.server: Server = self.stack.enter_context(serving("config.wsgi", self.here.environment))

    def kill(self, everything: bool) -> None:
        """Kill the workers; or also their parent, and a process of the database server; then start it again."""
        pids = self.server.workers()
        if everything:
            os.kill(self.server.process.pid, signal.SIGKILL)
            if self.here.url:
                kill_a_backend(self.here.url)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if everything:
            self.stack.close()
            self.start()


def kill_a_backend(url: str) -> None:
    """Kill one connection's process of the PostgreSQL server: the server recovers as after a crash."""
    with connected(url) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    if found:
        os.kill(found[0], signal.SIGKILL)


def kept(here: Installation) -> Kept:
    """Read what the database holds; wait while it recovers."""
    deadline = time.monotonic() + AGAIN_WITHIN
    while True:
        try:
            if here.url:
                return kept_on_postgresql(here.url)
            return kept_on_sqlite(here.folder / "stroma.sqlite3")
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


class Clerk(threading.Thread):
    """A person who saves until the server is killed. `number` is that of the last acknowledged save of this patient."""

    def __init__(self, visitor: Visitor, patient: str, number: int) -> None:
        super().__init__(daemon=True)
        self.desk = Desk(visitor, patient, number)
        self.acknowledged: set[int] = set()
        self.refused = False

    def run(self) -> None:
        """Save again and again."""
        try:
            while self.desk.save():
                self.acknowledged.add(self.desk.number)
            self.refused = True
        except (OSError, http.client.HTTPException, ValueError, StopIteration):
            return  # the server was killed while it answered: whether it stored the save is read from the database


def cycles(here: Installation, wanted: int) -> dict[str, int]:
    """Save and kill; return the figures. Raises RuntimeError if a save is refused or the server does not come back."""
    figures = {"kills": 0, "lost": 0, "half_stored": 0}
    acknowledged: dict[str, set[int]] = {patient: set() for patient in PATIENTS}
    killed = Killed(here)
    cookies = signed_in(killed.server, "coordinator").cookies
    found = kept(here)
    while figures["kills"] < wanted:
        back(killed, cookies)
        clerks = [
            Clerk(Visitor(killed.server.port, dict(cookies)), patient, found.in_force.get(patient, 0))
            for patient in PATIENTS
        ]
        for clerk in clerks:
            clerk.start()
        # The first save of a new worker takes long: all kills would fall into it.
        waited = time.monotonic()
        while not any(clerk.acknowledged for clerk in clerks) and time.monotonic() - waited < AGAIN_WITHIN:
            time.sleep(0.01)
        time.sleep(killed.rng.random() * LONGEST_WAIT)
        killed.kill(everything=figures["kills"] % WHOLE_SERVER == WHOLE_SERVER - 1)
        for clerk in clerks:
            clerk.join(AGAIN_WITHIN)
            acknowledged[clerk.desk.patient] |= clerk.acknowledged
        if any(clerk.refused for clerk in clerks):
            raise RuntimeError("a save was refused")
        figures["kills"] += 1
        found = kept(here)
        figures["lost"] += found.lost(
            {code: max(numbers, default=0) for code, numbers in acknowledged.items()}
        )
        figures["half_stored"] += found.half_stored()
    killed.stack.close()
    figures["acknowledged"] = sum(len(numbers) for numbers in acknowledged.values())
    figures["without_history"] = found.without_history(acknowledged)
    figures["not_verified"] = int(here.run("manage.py", "verify_trail").returncode != 0)
    figures["not_whole"] = int(not found.whole)
    return figures


def back(killed: Killed, cookies: dict[str, str]) -> None:
    """Wait until the server answers again, to the same session. Raises RuntimeError after a minute."""
    deadline = time.monotonic() + AGAIN_WITHIN
    while time.monotonic() < deadline:
        with suppress(OSError, http.client.HTTPException):
            if Visitor(killed.server.port, dict(cookies)).get("/trials/bench/patients/").status == 200:
                return
        time.sleep(0.05)
    raise RuntimeError("the server did not come back")


def main() -> int:
    """Print the figures; exit 1 if anything was lost. The server comes back without a hand, or this fails."""
    with tempfile.TemporaryDirectory() as name:
        here = Installation(Path(name), os.environ.get("DATABASE_URL", ""))
        here.fill()
        figures = cycles(here, CYCLES)
    print(told(figures))
    return int(any(figures[each] for each in figures if each not in ("kills", "acknowledged")))


if __name__ == "__main__":
    sys.exit(main())
