"""The restore drill: restore a backup into a scratch database and use it as people would (REL-08, BKP-01)."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.utils import timezone

from config.databases import from_url
from operation.backups.backup_folders import BackupFailed
from operation.backups.database_copies import Copier, CopyFailed, PostgresqlCopier, SqliteCopier
from operation.backups.encryption import BackupKey
from operation.backups.restoring import Restored, Tell, restore

CASEBOOKS = 5


@dataclass
class Drill:
    """Result of a drill. `loss`: work done since the backup; `seconds`: until a person sees a casebook."""

    restored: Restored
    loss: timedelta
    seconds: float
    using_seconds: float
    said: list[str]
    problems: list[str]


def run_drill(*, backup: Path, key: BackupKey, scratch: str, failed_at: datetime, tell: Tell) -> Drill:
    """Restore a backup into a scratch database, compare it, sign in and open five casebooks there.

    scratch: address of an empty database to use, or "" to make one and drop it afterwards. The working database is not
    touched. Raises BackupFailed if the backup cannot be restored at all.
    """
    begun = time.monotonic()
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=settings.DATA_DIR, prefix="drill-") as own,
        _target(Path(own), scratch) as target,
    ):
        folder, (copier, address) = Path(own), target
        (folder / "attachments").mkdir(mode=0o700)
        restored = restore(
            backup=backup,
            key=key,
            copier=copier,
            storage=FileSystemStorage(location=folder / "attachments"),
            seal_file=folder / "seals.log",
            tell=tell,
        )
        tell("Signing in and opening casebooks …")
        begun_using = time.monotonic()
        used = _used(folder, address)
        ended = time.monotonic()
    return Drill(
        restored=restored,
        loss=failed_at - restored.taken_at,
        seconds=ended - begun,
        using_seconds=ended - begun_using,
        said=used["said"],
        problems=[*restored.problems, *used["problems"]],
    )


@contextmanager
def _target(folder: Path, scratch: str) -> Iterator[tuple[Copier, str]]:
    """Yield the copier and the address of the scratch database."""
    if connection.vendor == "sqlite":
        path = folder / "scratch.sqlite3"
        yield SqliteCopier(path), f"sqlite://{quote(str(path))}"
        return
    if scratch:
        yield PostgresqlCopier(from_url(scratch, folder)), scratch
        return
    server = PostgresqlCopier(connection.settings_dict)
    name = f"stroma_drill_{timezone.now():%Y%m%d%H%M%S}_{secrets.token_hex(3)}"
    try:
        made = server.make(name)
    except CopyFailed as wrong:
        raise BackupFailed(str(wrong)) from wrong
    try:
        yield made, made.url
    finally:
        server.drop(name)


def _used(folder: Path, address: str) -> dict[str, Any]:
    """Use the restored database in a process whose settings name it. Return what it says and found wrong."""
    environment = {
        **os.environ,
        "DATABASE_URL": address,
        "STROMA_DATA": str(folder),
        "ATTACHMENTS_DIR": str(folder / "attachments"),
        "DOCUMENTS_DIR": str(folder / "documents"),
        "SEAL_FILE": str(folder / "seals.log"),
    }
    command = [
        sys.executable,
        str(settings.BASE_DIR / "manage.py"),
        "use_restored",
        "--casebooks",
        str(CASEBOOKS),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  our own words
    if done.returncode != 0:
        return {"said": [], "problems": [f"the restored system failed: {done.stderr.strip()[-600:]}"]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
