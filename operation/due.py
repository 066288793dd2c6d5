"""`manage.py due` starts the work that is due; called each minute by cron or a timer, on any number of machines.

Each piece of work is a line of the setting DUE: a name, a period, an offset, and a function. It is due when a period
has begun since it was last started; a period that was missed, because the machines were off, is caught up once. A lock
of the database (SQLite: of a file) keeps a second machine from starting the same work, and ends with its process.
"""

import fcntl
import traceback
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.utils import timezone
from django.utils.module_loading import import_string

from operation.models import DueRun

# Work that failed is tried again after this time, or at its next period if that is earlier.
RETRY = timedelta(minutes=10)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
LONGEST_TEXT = 2000


@dataclass(frozen=True)
class Work:
    """A piece of work: started once in each period, which begins at the offset of the day (UTC)."""

    name: str
    every: timedelta
    offset: timedelta
    function: str

    def period(self, at: datetime) -> int:
        """Return the number of the period in which a moment lies."""
        return (at - EPOCH - self.offset) // self.every

    def is_due(self, run: DueRun | None, now: datetime) -> bool:
        """Return True if the work has to be started now."""
        if run is None or run.started_at is None or run.started_at > now:
            return True
        if self.period(now) > self.period(run.started_at):
            return True
        # A run without an end was killed: its lock is free, or nobody would ask here.
        return (run.failed or run.ended_at is None) and now - run.started_at >= RETRY


@dataclass(frozen=True)
class DueOutcome:
    """The outcome of one piece of work: `said` is what it reports, or why it failed."""

    name: str
    said: str
    failed: bool = False


def registered() -> list[Work]:
    """Return the registered work, in the order of the setting."""
    return [Work(*line) for line in settings.DUE]


def run_due(*, now: datetime | None = None, only: str = "") -> list[DueOutcome]:
    """Start what is due, one after the other, and return what became of it.

    A failure of one does not keep the others from running. Work that another process is doing is left to it.
    """
    outcomes = []
    for work in registered():
        if only and work.name != only:
            continue
        if not only and not work.is_due(_run_of(work), now or timezone.now()):
            continue
        with _alone(work.name) as mine:
            # Read again under the lock: another machine may have done the work meanwhile.
            if mine and (only or work.is_due(_run_of(work), now or timezone.now())):
                outcomes.append(_run(work, now or timezone.now()))
    return outcomes


def overdue(now: datetime) -> Iterator[tuple[Work, DueRun | None]]:
    """Yield the work that failed last, or that was not started for two periods (at least five minutes). One query."""
    runs = {run.name: run for run in DueRun.objects.all()}
    for work in registered():
        run = runs.get(work.name)
        late = max(2 * work.every, timedelta(minutes=5))
        if run is None or run.started_at is None or run.failed or now - run.started_at > late:
            yield work, run


def _run_of(work: Work) -> DueRun | None:
    return DueRun.objects.filter(pk=work.name).first()


def _run(work: Work, now: datetime) -> DueOutcome:
    DueRun.objects.update_or_create(pk=work.name, defaults={"started_at": now, "ended_at": None})
    try:
        said, failed = import_string(work.function)() or "", False
    except Exception as wrong:
        said, failed = f"{type(wrong).__name__}: {wrong}", True
        traceback.print_exc()
        _reconnect()
    ended = timezone.now()
    succeeded = {} if failed else {"succeeded_at": ended}
    DueRun.objects.filter(pk=work.name).update(
        ended_at=ended, said=said[:LONGEST_TEXT], failed=failed, **succeeded
    )
    return DueOutcome(work.name, said, failed)


def _reconnect() -> None:
    """Forget a connection that broke, so that the next work begins with a new one."""
    try:
        usable = connection.is_usable()
    except DatabaseError:
        usable = False
    if not usable:
        connection.close()


@contextmanager
def _alone(name: str) -> Iterator[bool]:
    """Yield True if this process alone may do the work until the block ends or the process dies."""
    if connection.vendor == "postgresql":
        with _server_lock(name) as mine:
            yield mine
        return
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.DATA_DIR / f"due-{name.replace(' ', '-')}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextmanager
def _server_lock(name: str) -> Iterator[bool]:
    # A connection of its own: the work may close the other one, and the lock with it.
    own = connections.create_connection("default")
    key = zlib.crc32(f"stroma due {name}".encode())
    try:
        with own.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
            yield bool(cursor.fetchone()[0])
    finally:
        own.close()
