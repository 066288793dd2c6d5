"""Make a backup: database, attached files, file of the seals and settings, encrypted and hashed."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from audit import events
from audit.context import acting
from audit.sealing import seals
from audit.sealing.seal_files import SealBroken
from operation.backups import backup_folders
from operation.backups.backup_folders import BackupFailed
from operation.backups.database_copies import Copier, CopyFailed, HeldCopy, copier_of
from operation.backups.encryption import BackupKey, NotDecrypted, new_key, read_key, write_key
from patients.models.attachments import attachment_storage

PIECE_BYTES = 1 << 20


@dataclass
class Backup:
    """A finished backup: where it is, and what it holds."""

    folder: Path
    taken_at: datetime
    tables: int
    rows: int
    files: int
    files_new: int
    bytes_written: int
    sha256: str
    notes: list[str] = field(default_factory=list)


def the_key() -> BackupKey:
    """Return the key of STROMA_BACKUP_KEY_FILE; a training installation makes its own at the first use.

    Raises BackupFailed if production has none, or if the file cannot be read.
    """
    path = settings.BACKUP_KEY_FILE
    if path is None:
        raise BackupFailed(
            "STROMA_BACKUP_KEY_FILE names no key, and a backup is never written without encryption. Make a key with "
            "`manage.py backup_key /etc/stroma/backup.key`, keep a copy away from this machine, and set the variable."
        )
    try:
        if not settings.PRODUCTION and not path.exists():
            write_key(path, new_key())
        return read_key(path)
    except OSError as wrong:
        raise BackupFailed(f"The key file {path} cannot be read: {wrong.strerror}.") from wrong
    except NotDecrypted as wrong:
        raise BackupFailed(f"{wrong}.") from wrong


def make_backup(*, to: Path, keep: int = 0, copier: Copier | None = None) -> Backup:
    """Make a backup in a new folder below `to` and return it; keep the newest `keep` backups (0: all).

    copier: of the database to copy, by default the one of DATABASE_URL.
    Nobody waits for it: the database is copied from a snapshot. Raises BackupFailed; earlier backups stay as they were.
    """
    key = the_key()
    with backup_folders.alone(to):
        notes = _sealed(to)
        try:
            making = backup_folders.begun(to, f"{timezone.now():{backup_folders.STAMP}}")
            made = _made(making, key, notes, copier or copier_of(connection.settings_dict))
        except CopyFailed as wrong:
            raise BackupFailed(str(wrong)) from wrong
        except OSError as wrong:
            raise BackupFailed(backup_folders.told(wrong, to)) from wrong
        if keep:
            _forget(to, key, keep)
        made.notes += _recorded(made)
    return made


def _recorded(made: Backup) -> list[str]:
    """Record that the backup was made: its folder, size, and the hash of its list of hashes.

    Only this records a backup; nobody does by hand. Return a note if the database takes no writes.
    """
    told = {
        "stage": "finished", "file": made.folder.name, "size": made.bytes_written, "sha256": made.sha256,
        "rows": made.rows, "tables": made.tables, "files": made.files, "as of": made.taken_at.isoformat(),
    }  # fmt: skip
    try:
        with acting(system="backup"):
            events.record(kind=events.AccessKind.BACKUP, detail=told)
    except DatabaseError as wrong:
        return [f"That the backup was made could not be recorded: {str(wrong).strip()}"]
    return []


def _made(making: Path, key: BackupKey, notes: list[str], copier: Copier) -> Backup:
    # Before the snapshot: a seal made in between is then in the database only, and the next seal adds its line.
    seal_lines = _seal_file()
    with copier.held(settings.DATA_DIR) as held:
        taken_at = timezone.now()
        sums = {"database.age": backup_folders.write(making / "database.age", held.content, key)}
        attachments = held.attachments
        body = _facts(held, copier.engine, taken_at)
    files = backup_folders.files_folder(making, key)
    new = _copy_files(attachments, files, key, notes)
    sums["attachments.age"] = backup_folders.write(making / "attachments.age", _lines(attachments), key)
    sums["seals.age"] = backup_folders.write(making / "seals.age", [seal_lines], key)
    sums["settings.age"] = backup_folders.write(making / "settings.age", [settings_text().encode()], key)
    manifest = json.dumps({**body, "sha256": sums, "notes": notes}, sort_keys=True).encode()
    signed = [manifest, b"\n", key.mac(manifest).encode(), b"\n"]
    sums["manifest.age"] = backup_folders.write(making / backup_folders.MANIFEST, signed, key)
    listed = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    (making / backup_folders.SUMS).write_text(listed)
    done = backup_folders.finished(making)
    return Backup(
        folder=done,
        taken_at=taken_at,
        tables=len(held.facts),
        rows=sum(each.rows for each in held.facts.values()),
        files=len(attachments),
        files_new=new,
        bytes_written=sum(each.stat().st_size for each in done.iterdir()),
        sha256=hashlib.sha256(listed.encode()).hexdigest(),
        notes=notes,
    )


def _sealed(to: Path) -> list[str]:
    """Seal the trail and record the backup as an event. Return a note if the database takes no writes."""
    try:
        with acting(system="backup"):
            events.record_configuration()
            events.record(kind=events.AccessKind.BACKUP, detail={"stage": "started", "file": str(to)})
            seals.seal(reason="backup")
    except (DatabaseError, SealBroken, OSError) as wrong:
        return [f"The trail could not be sealed first: {str(wrong).strip()}"]
    return []


def _seal_file() -> bytes:
    path = Path(settings.SEAL_FILE)
    return path.read_bytes() if path.exists() else b""


def _facts(held: HeldCopy, engine: str, taken_at: datetime) -> dict[str, Any]:
    number, head = held.last_seal or (0, "")
    return {
        "format": 1,
        "version": settings.VERSION,
        "engine": engine,
        "taken_at": taken_at.astimezone(UTC).isoformat(),
        "tables": {name: asdict(each) for name, each in held.facts.items()},
        "last_seal": {"number": number, "head": head},
        "attachments": len(held.attachments),
    }


def _copy_files(rows: list[tuple[str, str, int]], files: Path, key: BackupKey, notes: list[str]) -> int:
    """Copy the attached files that no earlier backup copied. Return their number; damaged ones are noted."""
    new = 0
    for name, sha256, size in rows:
        path = backup_folders.file_path(files, name)
        if path.exists():
            continue
        try:
            backup_folders.write(path, _checked(name, sha256), key)
        except (FileNotFoundError, _Damaged):
            notes.append(f"The attached file {name} ({size} bytes) is missing or damaged on this machine")
            continue
        new += 1
    return new


class _Damaged(Exception):
    pass


def _checked(name: str, sha256: str) -> Iterator[bytes]:
    """Yield the bytes of an attached file. Raises _Damaged at the end if they do not have its hash."""
    digest = hashlib.sha256()
    storage = attachment_storage()
    if not storage.exists(name):
        raise _Damaged(name)
    with storage.open(name) as file:
        for piece in file.chunks(PIECE_BYTES):
            digest.update(piece)
            yield piece
    if digest.hexdigest() != sha256:
        raise _Damaged(name)


def _lines(rows: list[tuple[str, str, int]]) -> Iterator[bytes]:
    for name, sha256, size in rows:
        yield f"{name} {sha256} {size}\n".encode()


def settings_text() -> str:
    """Return the environment variables in effect, as a file for `systemd` or a shell.

    The secret key is among them: without it the second factors of a restored database cannot be read. The address of
    the database and the folders are not: a restored installation has its own.
    """
    left_out = {"DATABASE_URL", "STROMA_DATA", "STROMA_BACKUP_KEY_FILE", "STROMA_BACKUP_DIR"}
    lines = (
        f"{name}={_quoted(value)}"
        for name, value in sorted(settings.VARIABLES_READ.items())
        if name not in left_out
    )
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if set(value) & set(" \t\"'$`\\#;") else value


def _forget(folder: Path, key: BackupKey, keep: int) -> None:
    """Delete all but the newest backups, and the attached files that none of them names."""
    kept = backup_folders.complete(folder)[-keep:]
    for old in backup_folders.complete(folder)[:-keep]:
        shutil.rmtree(old)
    names: set[str] = set()
    try:
        for each in kept:
            names.update(line.split(" ")[0] for line in listed(each, key))
    except BackupFailed:
        # One of them has another key or is damaged: nobody knows which files it needs.
        return
    for path in backup_folders.files_folder(kept[-1], key).glob("*/*.age"):
        if path.stem not in names:
            path.unlink()


def listed(backup: Path, key: BackupKey) -> Iterator[str]:
    """Yield the lines of the list of attached files: name, SHA-256, bytes."""
    left = b""
    for piece in backup_folders.read(backup / "attachments.age", key):
        *lines, left = (left + piece).split(b"\n")
        yield from (line.decode() for line in lines)
