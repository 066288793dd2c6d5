"""The condition of an installation, part by part: for `/healthz` and `manage.py doctor`."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.cache import caches
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from audit import triggers
from operation import due
from operation.models import DueRun

OK, WARNING, FAILED = "ok", "warning", "failed"
SCARCE_BYTES = 500_000_000
WORKER_LATE = timedelta(minutes=15)
SEAL_LATE = timedelta(hours=1)
BACKUP_LATE = timedelta(hours=26)


@dataclass(frozen=True)
class Condition:
    """One part of the installation: its state, what is the matter, and what to do."""

    name: str
    state: str
    says: str
    do: str = ""


def parts() -> Iterator[Condition]:
    """Yield every part. Where the database does not answer, the parts that need it are left out."""
    database = database_part()
    yield database
    if database.state != FAILED or "read-only" in database.says:
        for check in (
            migrations_part,
            triggers_part,
            cache_part,
            worker_part,
            seals_part,
            backup_part,
            due_part,
        ):
            yield _checked(check)
    yield static_part()
    yield from disk_parts()


def _checked(check: Callable[[], Condition]) -> Condition:
    name = check.__name__.removesuffix("_part")
    try:
        return check()
    except DatabaseError as wrong:
        return Condition(
            name,
            FAILED,
            str(wrong).strip(),
            "Run `manage.py migrate`.",
        )


def database_part() -> Condition:
    """Return whether the database answers and takes writes. One query."""
    try:
        reason = read_only()
    except DatabaseError as wrong:
        return Condition(
            "database",
            FAILED,
            f"does not answer: {str(wrong).strip()}",
            "Start the database, or correct DATABASE_URL. Nothing that was saved is lost.",
        )
    if reason:
        return Condition(
            "database", FAILED, f"is read-only: {reason}", "Nothing can be saved until it takes writes again."
        )
    return Condition("database", OK, f"answers and takes writes ({connection.vendor})")


def read_only() -> str:
    """Return why the database takes no writes, or "". Raises DatabaseError if it does not answer. One query."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_is_in_recovery(), current_setting('transaction_read_only')")
            standby, only = cursor.fetchone()
            return (
                "it is a standby server"
                if standby
                else ("default_transaction_read_only is on" if only == "on" else "")
            )
        cursor.execute("SELECT 1 FROM sqlite_master LIMIT 1")
        cursor.fetchone()
    path = Path(str(connection.settings_dict["NAME"]))
    if path.exists():
        for each in (path, path.parent):
            if not os.access(each, os.W_OK):
                return f"{each} cannot be written by this user"
    return ""


def pending_migrations() -> list[str]:
    """Return the migrations that are not applied. One query; the files are read once per process."""
    with connection.cursor() as cursor:
        if "django_migrations" not in connection.introspection.table_names(cursor):
            return sorted(_known_migrations())
        cursor.execute("SELECT app, name FROM django_migrations")
        applied = {f"{app}.{name}" for app, name in cursor.fetchall()}
    return sorted(_known_migrations() - applied)


_known: set[str] = set()


def _known_migrations() -> set[str]:
    if not _known:
        loader = MigrationLoader(None, ignore_no_migrations=True)
        _known.update(f"{app}.{name}" for app, name in loader.disk_migrations)
    return _known


def migrations_part() -> Condition:
    """Return whether all migrations are applied."""
    if pending := pending_migrations():
        return Condition(
            "migrations",
            FAILED,
            f"{len(pending)} are not applied: {', '.join(pending[:3])}",
            "Run `manage.py migrate`.",
        )
    return Condition("migrations", OK, "are all applied")


def triggers_part() -> Condition:
    """Return whether every trigger of the trail is in place. Two queries."""
    if not triggers.guarded(connection):
        do = "Run `manage.py migrate`, then `manage.py verify_trail`, and find out who did it."
        return Condition("triggers", FAILED, "are not as installed: nothing can be saved", do)
    if defects := list(triggers.defects()):
        return Condition(
            "triggers",
            FAILED,
            f"{len(defects)} are missing, changed or switched off: {', '.join(defects[:3])}",
            "Stop the servers, run `manage.py migrate` and `manage.py verify_trail`, and find out who did it.",
        )
    return Condition("triggers", OK, "write the trail")


def cache_part() -> Condition:
    """Return whether the table that counts sign-in attempts exists. One query."""
    try:
        caches["default"].get("operation-probe")
    except DatabaseError:
        return Condition(
            "cache table", FAILED, "is missing: nobody can sign in", "Run `manage.py createcachetable`."
        )
    return Condition("cache table", OK, "is there")


def worker_part() -> Condition:
    """Return whether background tasks are taken. One query."""
    oldest = (
        DBTaskResult.objects.filter(status="READY")
        .order_by("enqueued_at")
        .values_list("enqueued_at", flat=True)
        .first()
    )
    if oldest is not None and timezone.now() - oldest > WORKER_LATE:
        return Condition(
            "worker",
            WARNING,
            f"a task has waited since {oldest:%Y-%m-%d %H:%M} UTC",
            "Start the worker: `manage.py db_worker` (systemd: stroma-worker.service).",
        )
    return Condition("worker", OK, "no task waits too long")


def seals_part() -> Condition:
    """Return when the trail was last sealed by time. One query."""
    run = DueRun.objects.filter(pk="seal").first()
    if run is None or run.succeeded_at is None or timezone.now() - run.succeeded_at > SEAL_LATE:
        since = f"since {run.succeeded_at:%Y-%m-%d %H:%M} UTC" if run and run.succeeded_at else "yet"
        why = f" ({run.said})" if run and run.failed else ""
        return Condition(
            "seals",
            WARNING,
            f"the trail was not sealed by time {since}{why}",
            "Call `manage.py due` each minute.",
        )
    return Condition("seals", OK, f"checked at {run.succeeded_at:%H:%M:%S} UTC: {run.said}")


def backup_part() -> Condition:
    """Return when the last backup was made. One query."""
    if settings.BACKUP_DIR is None:
        state = WARNING if settings.PRODUCTION else OK
        return Condition(
            "backup",
            state,
            "no folder for backups is named",
            "Set STROMA_BACKUP_DIR and STROMA_BACKUP_KEY_FILE.",
        )
    run = DueRun.objects.filter(pk="backup").first()
    if run is None or run.succeeded_at is None:
        why = f": {run.said}" if run and run.said else ""
        return Condition("backup", WARNING, f"none was made yet{why}", "Run `manage.py due --now backup`.")
    if run.failed or timezone.now() - run.succeeded_at > BACKUP_LATE:
        return Condition(
            "backup",
            WARNING,
            f"the last one is of {run.succeeded_at:%Y-%m-%d %H:%M} UTC. {run.said}",
            "Run `manage.py due --now backup` and read what it says.",
        )
    return Condition("backup", OK, run.said)


def due_part() -> Condition:
    """Return the work that failed or was not started. One query."""
    late = list(due.overdue(timezone.now()))
    if late:
        names = ", ".join(f"{work.name}{' (failed)' if run and run.failed else ''}" for work, run in late)
        return Condition(
            "due",
            WARNING,
            f"not done in time: {names}",
            "Call `manage.py due` each minute, by cron or a timer.",
        )
    return Condition("due", OK, "everything was started in time")


def static_part() -> Condition:
    """Return whether style sheets and scripts were collected. Reads one name of the manifest."""
    try:
        staticfiles_storage.url("stroma.css")
    except ValueError:
        return Condition(
            "static files",
            FAILED,
            "are not collected: no page can be shown",
            "Run `manage.py collectstatic --noinput`, then restart.",
        )
    return Condition("static files", OK, "are collected")


def disk_parts() -> Iterator[Condition]:
    """Yield the space on the disks of data and backups."""
    places = {"disk space": settings.DATA_DIR, "disk space of backups": settings.BACKUP_DIR}
    for name, place in places.items():
        if place is None:
            continue
        folder = next((each for each in (place, *place.parents) if each.exists()), None)
        if folder is None:
            continue
        usage = shutil.disk_usage(folder)
        state = FAILED if usage.free < SCARCE_BYTES / 10 else WARNING if usage.free < SCARCE_BYTES else OK
        do = "Free space, or enlarge the disk: a full disk refuses every save." if state != OK else ""
        yield Condition(name, state, f"{usage.free / 1e9:.1f} of {usage.total / 1e9:.1f} GB are free", do)
