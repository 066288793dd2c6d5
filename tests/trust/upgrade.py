"""Saves while an upgrade runs: `python -m tests.trust.upgrade` prints the figures, on the engine of DATABASE_URL.

Several processes save one audited row after another while `manage.py migrate` of the next version changes their table.
Every acknowledged save must be there with its history, and the trail must be whole.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from tests.support.database import migrated
from tests.trust.saving import told

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60
LOST = ("lost", "without_history", "not_verified")
WITHOUT_HISTORY = """
SELECT slug FROM trials_trial t WHERE NOT EXISTS (SELECT 1 FROM trials_historicaltrial h WHERE h.id = t.id)"""


@dataclass
class Saves:
    """What the writers were told: slugs that were acknowledged, refusals by their sentence, the longest times."""

    done: list[str] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    longest_wait: float = 0
    longest_refusal: float = 0

    def read(self, lines: list[str]) -> None:
        """Add what one writer printed."""
        refused_since = None
        for attempt in (json.loads(line) for line in lines if '"slug"' in line):
            self.longest_wait = max(self.longest_wait, attempt["took"])
            if attempt["ended"] != "done":
                self.refused[attempt["ended"]] = self.refused.get(attempt["ended"], 0) + 1
                refused_since = refused_since or attempt["began"]
                continue
            self.done.append(attempt["slug"])
            if refused_since:
                until = attempt["began"] + attempt["took"]
                self.longest_refusal = max(self.longest_refusal, until - refused_since)
            refused_since = None


class Installation:
    """A migrated database of its own, on which programs run as separate processes."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.mark, self.stop = folder / "in the middle", folder / "stop"

    @property
    def environment(self) -> dict[str, str]:
        """Environment of every process."""
        own = {"DATABASE_URL": self.url, "STROMA_DATA": str(self.folder), "STROMA_ENV": "test"}
        return {
            **os.environ,
            **own,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "TRUST_MARK": str(self.mark),
        }

    def run(self, *command: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run `manage.py` with the arguments and return how it ended."""
        return subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env={**self.environment, **more},
            capture_output=True, text=True, timeout=PATIENCE_SECONDS * 4,
        )  # fmt: skip

    def python(self, code: str) -> str:
        """Run Python with Django set up and return what it printed. Raises CalledProcessError."""
        done = subprocess.run(
            [sys.executable, "-c", f"import django; django.setup()\n{code}"],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS,
        )  # fmt: skip
        return done.stdout.strip()

    def upgrade(self, *, seconds: float) -> "subprocess.Popen[str]":
        """Start to migrate to the next version, which waits in the middle, and return when it has got there."""
        self.mark.unlink(missing_ok=True)
        more = {"DJANGO_SETTINGS_MODULE": "tests.trust.settings", "TRUST_SECONDS": str(seconds)}
        process = subprocess.Popen(
            [sys.executable, "manage.py", "migrate"], cwd=ROOT, env={**self.environment, **more},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        wait_for(lambda: self.mark.exists() or process.poll() is not None)
        assert self.mark.exists(), process.communicate()[0]
        return process

    @contextmanager
    def writers(self, count: int) -> Iterator[list[Path]]:
        """Let processes save from the start to the end of the block; yield the files with what they were told."""
        told = [self.folder / f"writer {number}" for number in range(count)]
        processes = []
        for number, path in enumerate(told):
            command = [sys.executable, "-m", "tests.trust.writer", f"w{number}", str(self.stop)]
            with path.open("w") as output:
                processes.append(subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=output))
        try:
            wait_for(lambda: all(path.read_text().count("\n") > 3 for path in told))
            yield told
        finally:
            self.stop.touch()
            for process in processes:
                process.wait(PATIENCE_SECONDS)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query, read past the application."""
        with closing(self.connect()) as connection:
            return [tuple(row) for row in connection.execute(sql).fetchall()]

    def connect(self) -> Any:
        """Open a connection as another program does."""
        if self.url.startswith("sqlite"):
            return sqlite3.connect(self.folder / "stroma.sqlite3", timeout=20, isolation_level=None)
        import psycopg

        return psycopg.connect(self.url, autocommit=True)


@contextmanager
def installation() -> Iterator[Installation]:
    """Yield a migrated database on the engine of the tests, and remove it afterwards."""
    from django.db import connection

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if connection.vendor == "sqlite":
            file = folder / "stroma.sqlite3"
            migrated.fill(str(file), migrated.image())
            with closing(sqlite3.connect(file)) as made:
                made.execute("PRAGMA journal_mode=WAL")
            yield Installation(f"sqlite://{quote(str(file))}", folder)
            return
        database = f"stroma_upgrade_{uuid4().hex[:12]}"
        template = migrated.template(connection)
        with connection._nodb_cursor() as server:
            server.execute(f'CREATE DATABASE {database} TEMPLATE "{template}"')
            try:
                yield Installation(migrated.address_of(database), folder)
            finally:
                server.execute(f"DROP DATABASE {database} WITH (FORCE)")


def wait_for(condition: Any) -> None:
    """Wait until the condition holds. Raises TimeoutError."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def kill(process: "subprocess.Popen[str]") -> None:
    """End a process as a power cut does."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def save_during_an_upgrade(place: Installation, *, writers: int, seconds: float, after: float) -> Saves:
    """Run an upgrade of at least so many seconds while writers save before, during and after it."""
    place.python(
        "from audit.context import acting; from trials.models import Trial\n"
        "with acting(system='test'): Trial.objects.create(slug='before')"
    )
    with place.writers(writers) as told:
        upgrade = place.upgrade(seconds=seconds)
        output = upgrade.communicate()[0]
        assert upgrade.returncode == 0, output
        time.sleep(after)
    saves = Saves()
    for path in told:
        saves.read(path.read_text().splitlines())
    return saves


def main() -> int:
    """Print the figures of one upgrade of six seconds under load, on the engine of DATABASE_URL; exit 1 on a loss."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("STROMA_ENV", "test")
    django.setup()
    with installation() as place:
        saves = save_during_an_upgrade(place, writers=4, seconds=6, after=6)
        kept = {slug for (slug,) in place.query("SELECT slug FROM trials_trial")}
        figures = {
            "acknowledged": len(saves.done),
            "lost": len(set(saves.done) - kept),
            "without_history": len(place.query(WITHOUT_HISTORY)),
            "not_verified": int(place.run("verify_trail").returncode != 0),
            "refused_with_a_sentence": sum(saves.refused.values()),
            "seconds_of_the_longest_refusal": round(saves.longest_refusal, 1),
            "seconds_of_the_longest_wait": round(saves.longest_wait, 1),
            "fewer_than_500_saves": int(len(saves.done) < 500),
            "refused_over_10_seconds": int(saves.longest_refusal > 10),
        }
    print(told(figures))
    return int(any(figures[name] for name in (*LOST, "fewer_than_500_saves", "refused_over_10_seconds")))


if __name__ == "__main__":
    sys.exit(main())
