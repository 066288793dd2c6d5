"""Kill the server in the middle of saves, again and again (`python -m tests.trust.kills [postgresql]`).

CYCLES (1000): kills with SIGKILL at random moments, while eight people save. Most kill every worker of a server that
comes back at once (tests/trust/warmed.py). Each 25th kills the parent as well; then another server starts cold. On
PostgreSQL some kill the database server, or one of its processes, under workers that live on, or both at once. After
each kill every acknowledged save is looked for, with its row of history; after each 100th, and at the end, the whole
trail is verified.
"""

import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random

from tests.bench.servers import Server, serving
from tests.bench.stroma_runs import FORM, signed_in
from tests.trust import postgresql
from tests.trust.clerks import LIES, Clerk
from tests.trust.ledger import Ledger
from tests.trust.saving import FIRST, Installation, connected, told

CYCLES = int(os.environ.get("CYCLES") or 1000)
COLD, WHOLE, EVERY_DATABASE = 25, 100, 50
# Seconds from the first acknowledgement to the kill: it falls at any moment of a save.
LONGEST_WAIT = 0.3
AGAIN_WITHIN_SECONDS = 60
PAGES = 2
PATIENTS = [f"BEN-{number:04}" for number in range(1, 9)]
WORKERS, EVERYTHING = "workers", "workers_and_their_parent"
BACKEND, DATABASE, MACHINE = "database_process", "database_server", "database_server_and_workers"
WRONG = (
    "lost", "without_history", "half_stored", "stored_twice", "stored_and_denied", "answered_without_reason",
    "not_whole", "not_verified",
)  # fmt: skip


def kind_of(cycle: int, database: postgresql.DatabaseServer | None) -> str:
    """Return what the kill of a cycle ends."""
    if database is not None and cycle % EVERY_DATABASE in (11, 36):
        return BACKEND if cycle % EVERY_DATABASE == 11 else DATABASE
    if database is not None and cycle % WHOLE == WHOLE - 1:
        return MACHINE
    return EVERYTHING if cycle % COLD in (0, COLD - 1) else WORKERS


class Target:
    """A server that is killed and comes back. One that starts cold is `config.wsgi` as it stands."""

    def __init__(self, here: Installation, database: postgresql.DatabaseServer | None = None) -> None:
        self.here, self.database = here, database
        self.stack = ExitStack()
        self.server: Server | None = None
        self.cookies: dict[str, str] = {}

    def start(self, *, cold: bool) -> Server:
        """Start the server if there is none."""
        if self.server is None:
            pages = [FORM.replace(FIRST, patient) for patient in PATIENTS] if self.cookies else []
            warming = {"TRUST_COOKIES": json.dumps(self.cookies), "TRUST_PAGES": json.dumps(pages[:PAGES])}
            application = "config.wsgi" if cold else "tests.trust.warmed"
            environment = {**self.here.environment, **warming, LIES: str(self.here.folder / "lies")}
            self.server = self.stack.enter_context(
                serving(application, environment, log=self.here.folder / "server.log")
            )
        return self.server

    def kill(self, kind: str) -> None:
        """Kill by SIGKILL; a database server is started again, the workers are by their parent."""
        assert self.server is not None
        if kind == BACKEND:
            kill_a_backend(self.here.url)
            return
        if kind in (DATABASE, MACHINE):
            assert self.database is not None
            self.database.kill()
        if kind != DATABASE:
            self._kill_processes(with_parent=kind != WORKERS)
        if kind in (EVERYTHING, MACHINE):
            self.close()
        if kind in (DATABASE, MACHINE):
            self.database.start()

    def _kill_processes(self, *, with_parent: bool) -> None:
        pids = self.server.workers()
        if with_parent:
            os.kill(self.server.process.pid, signal.SIGKILL)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """End the server."""
        self.stack.close()
        self.server = None


def kill_a_backend(url: str) -> None:
    """Kill the process of one connection of the PostgreSQL server: all others end, and it recovers as after a crash."""
    with connected(url) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend' ORDER BY state = 'idle', random()"
        ).fetchone()
    if found:
        os.kill(found[0], signal.SIGKILL)


class Cycles:
    """Save and kill; the figures."""

    def __init__(self, target: Target, patients: Sequence[str] = PATIENTS, *, cold: bool = True) -> None:
        self.target, self.rng = target, Random(5)
        self.figures, self.wrong = Counter[str](), Counter[str]()
        target.cookies = signed_in(target.start(cold=cold), "coordinator").cookies
        self.clerks = [Clerk(patient, target.cookies) for patient in patients]
        self.ledger = Ledger(target.here.folder / "stroma.sqlite3", target.here.url)
        self.waits: list[float] = []

    def run(self, wanted: int) -> dict[str, float]:
        """Return the figures. Raises RuntimeError if the server does not come back by itself."""
        for number in range(wanted):
            self.once(kind_of(number, self.target.database), cold=number % COLD == 0)
            if number % WHOLE == WHOLE - 1 or number == wanted - 1:
                self.verify()
        self.target.close()
        told_by = [clerk.told for clerk in self.clerks]
        return {
            "kills": wanted, **{f"of_{kind}": self.figures[kind] for kind in sorted(self.figures)},
            "acknowledged": sum(len(told.acknowledged) for told in told_by),
            "refused_with_a_sentence": sum(told.refused for told in told_by),
            "seconds_of_the_longest_way_back": round(max(self.waits), 1),
            **{name: self.wrong[name] for name in WRONG},
        }  # fmt: skip

    def once(self, kind: str, *, cold: bool) -> None:
        """Let everybody save, kill at a random moment, and look for what was acknowledged."""
        begun, first = time.monotonic(), threading.Event()
        server = self.target.start(cold=cold)
        for clerk in self.clerks:
            clerk.begin(server.port, first)
        if not first.wait(AGAIN_WITHIN_SECONDS):
            raise RuntimeError("the server did not come back within a minute")
        self.waits.append(time.monotonic() - begun)
        time.sleep(self.rng.random() * LONGEST_WAIT)
        for clerk in self.clerks:
            clerk.leaving.set()
        self.target.kill(kind)
        for clerk in self.clerks:
            clerk.end()
        self.figures[kind] += 1
        self.ledger.read()
        # A fault is seen again after every later kill: the largest number stands.
        self.wrong |= Counter(self.ledger.compared(self.clerks))

    def verify(self) -> None:
        """Check the whole file and the whole trail."""
        self.wrong["not_whole"] += not self.ledger.whole()
        done = self.target.here.run("manage.py", "verify_trail")
        if done.returncode:
            print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
        self.wrong["not_verified"] += done.returncode != 0


def main() -> int:
    """Print the figures; exit 1 if anything was lost. The server comes back without a hand, or this fails."""
    with ExitStack() as stack:
        on_server = "postgresql" in sys.argv[1:]
        database = stack.enter_context(postgresql.database_server()) if on_server else None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        here = Installation(folder, database.url if database else "")
        here.fill()
        figures = Cycles(Target(here, database)).run(CYCLES)
    print(told(figures))
    return int(any(figures[name] for name in WRONG))


if __name__ == "__main__":
    sys.exit(main())
