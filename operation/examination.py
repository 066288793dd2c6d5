"""Parts that `manage.py doctor` examines besides the health check: settings, key, folders, server, clock."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.files.storage import storages
from django.db import DatabaseError, connection
from django.utils import timezone

from audit.models import Seal
from audit.sealing import seal_files
from operation import condition
from operation.backups.encryption import NotDecrypted, read_key
from operation.condition import FAILED, OK, WARNING, Condition

# What PostgreSQL must not be allowed to do: acknowledge a save before the disk has it.
SERVER_SETTINGS = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
VERSION_AND_ROLE = (
    "SELECT current_setting('server_version_num')::int / 10000, rolsuper "
    "FROM pg_roles WHERE rolname = current_user"
)
OWNS_THE_TRAIL = (
    "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner "
    "WHERE c.relname = 'audit_seal' AND r.rolname = current_user"
)
ALSO_SAFE = {"synchronous_commit": {"on", "remote_apply", "remote_write", "local"}}


def examined() -> Iterator[Condition]:
    """Yield every part that was looked at."""
    yield from condition.parts()
    yield purpose()
    yield key()
    yield from folders()
    try:
        yield from database_settings()
        yield clock()
        yield seal_file()
    except DatabaseError:
        # The first part has said that the database does not answer.
        return


def purpose() -> Condition:
    """Return the purpose of this installation."""
    if settings.PRODUCTION:
        return Condition("purpose", OK, "production")
    return Condition(
        "purpose",
        WARNING,
        f"{settings.ENVIRONMENT}: not for patients",
        "Set STROMA_ENV=production before the first patient.",
    )


def key() -> Condition:
    """Return whether the key of the backups can be read, and by whom."""
    path = settings.BACKUP_KEY_FILE
    if path is None:
        return Condition(
            "backup key",
            FAILED,
            "STROMA_BACKUP_KEY_FILE names no key: no backup can be made",
            "Run `manage.py backup_key FILE`.",
        )
    if not path.exists() and not settings.PRODUCTION:
        return Condition("backup key", OK, "is made with the first backup")
    try:
        found = read_key(path)
    except (OSError, NotDecrypted) as wrong:
        return Condition("backup key", FAILED, str(wrong), "Put the copy of the key back, or name its file.")
    if path.stat().st_mode & 0o077:
        return Condition(
            "backup key", WARNING, f"{path} can be read by other users", f"Run `chmod 600 {path}`."
        )
    return Condition("backup key", OK, f"{path}, fingerprint {found.fingerprint}")


def folders() -> Iterator[Condition]:
    """Yield whether the folders of files can be written, and whether they lie outside the code."""
    places = {
        "data folder": settings.DATA_DIR,
        "attached files": Path(str(storages["attachments"].location)) if _on_disk() else None,  # type: ignore[attr-defined]
        "documents": settings.DOCUMENTS_DIR,
        "seal file": Path(settings.SEAL_FILE).parent,
        "backups": settings.BACKUP_DIR,
    }
    for name, place in places.items():
        if place is None:
            continue
        existing = next(each for each in (place, *place.absolute().parents) if each.exists())
        if not os.access(existing, os.W_OK):
            yield Condition(
                name,
                FAILED,
                f"{place} cannot be written by this user",
                f"Run `chown` or `mkdir` for {place}.",
            )
        elif settings.PRODUCTION and settings.BASE_DIR in (place.absolute(), *place.absolute().parents):
            yield Condition(
                name,
                WARNING,
                f"{place} lies inside the code: an upgrade may remove it",
                "Set STROMA_DATA=/var/lib/stroma.",
            )
        else:
            yield Condition(name, OK, str(place))


def _on_disk() -> bool:
    return hasattr(storages["attachments"], "location")


def database_settings() -> Iterator[Condition]:
    """Yield whether the database keeps what it acknowledged, and whether it can be copied."""
    if connection.vendor == "sqlite":
        yield _sqlite_settings()
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(SERVER_SETTINGS)])
        found = dict(cursor.fetchall())
        cursor.execute(VERSION_AND_ROLE)
        version, superuser = cursor.fetchone()
        cursor.execute(OWNS_THE_TRAIL)
        owns = bool(cursor.fetchone()[0])
    for name, value in SERVER_SETTINGS.items():
        if found.get(name) not in ALSO_SAFE.get(name, {value}):
            yield Condition(
                name,
                FAILED,
                f"is {found.get(name)}: a power cut loses what was saved",
                f"Set {name} = {value} in postgresql.conf.",
            )
        else:
            yield Condition(name, OK, str(found.get(name)))
    yield _role(superuser, owns)
    yield _programs(version)


def _sqlite_settings() -> Condition:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous")
        level = cursor.fetchone()[0]
    if level < 2:
        return Condition(
            "synchronous",
            WARNING,
            f"is {level}: a power cut may lose the last saves",
            "It is set by Stroma; is DATABASE_URL changed?",
        )
    return Condition("synchronous", OK, f"every save waits for the disk (SQLite {sqlite3.sqlite_version})")


def _role(superuser: bool, owns: bool) -> Condition:
    if superuser or owns:
        who = "a superuser" if superuser else "the owner of the tables"
        return Condition(
            "database role",
            WARNING,
            f"pages are served as {who}, who could switch the trail off",
            "Serve as another role: `manage.py grant_role stroma_app` (docs/deploy.md).",
        )
    return Condition("database role", OK, "cannot change the trail")


def _programs(server: int) -> Condition:
    program = shutil.which("pg_dump")
    if program is None:
        return Condition(
            "pg_dump", FAILED, "is not installed: no backup can be made", "Install postgresql-client."
        )
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603  our own words
    number = next((word for word in said.split() if word[0].isdigit()), "0")
    if int(number.split(".")[0]) < server:
        return Condition(
            "pg_dump",
            FAILED,
            f"is {number}, the server {server}: it refuses to copy a later server",
            f"Install postgresql-client-{server}.",
        )
    return Condition("pg_dump", OK, number)


def clock() -> Condition:
    """Return whether the clock is later than the last seal, and agrees with the database's."""
    last = Seal.objects.order_by("-number").values_list("sealed_at", flat=True).first()
    now = timezone.now()
    if last is not None and last > now:
        return Condition(
            "clock",
            FAILED,
            f"it is earlier than the last seal ({last:%Y-%m-%d %H:%M:%S} UTC)",
            "Set the clock (timedatectl, NTP).",
        )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            apart = abs((cursor.fetchone()[0] - timezone.now()).total_seconds())
        if apart > 2:
            return Condition(
                "clock",
                WARNING,
                f"it differs from the database's by {apart:.0f} s",
                "Let both machines follow the same NTP server.",
            )
    return Condition("clock", OK, f"{now:%Y-%m-%d %H:%M:%S} UTC")


def seal_file() -> Condition:
    """Return whether the file of the seals agrees with the database."""
    name, check = "seals outside the database", "Run `manage.py verify_trail`."
    try:
        lines = seal_files.read_file()
    except seal_files.SealBroken as broken:
        return Condition(name, FAILED, str(broken), check)
    last = Seal.objects.order_by("-number").first()
    newest = last.number if last else 0
    if last is not None and not lines:
        return Condition(
            name, FAILED, f"{settings.SEAL_FILE} is missing or empty", f"Put its copy back. {check}"
        )
    if last is not None and lines.get(newest, seal_files.file_line(last)) != seal_files.file_line(last):
        return Condition(name, FAILED, f"seal {newest} is another than in {settings.SEAL_FILE}", check)
    if lines and max(lines) > newest:
        later = (
            f"the file has {max(lines) - newest} seals that the database lacks: it was restored, or cut off"
        )
        return Condition(name, FAILED, later, "See “After a restore” in docs/deploy.md.")
    return Condition(name, OK, f"{settings.SEAL_FILE}, {len(lines)} seals")
