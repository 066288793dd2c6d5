"""Restore a backup into an empty database, and compare it with what was backed up (BKP-01)."""

import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import Storage

from operation.backups import backup_folders, table_facts
from operation.backups.backup import listed
from operation.backups.backup_folders import BackupFailed
from operation.backups.database_copies import Copier, CopyFailed
from operation.backups.encryption import BackupKey
from operation.backups.table_facts import TableFacts

Tell = Callable[[str], Any]


@dataclass
class Restored:
    """The result of a restore: its content, its duration, and differences from what was expected."""

    backup: Path
    taken_at: datetime
    tables: int
    rows: int
    files: int
    files_there: int
    seconds: float
    problems: list[str] = field(default_factory=list)


def manifest_of(backup: Path, key: BackupKey) -> dict[str, Any]:
    """Return the manifest of a backup. Raises BackupFailed if nobody with this key wrote it."""
    text, mac, _end = b"".join(backup_folders.read(backup / backup_folders.MANIFEST, key)).split(b"\n")
    if not hmac.compare_digest(key.mac(text), mac.decode()):
        raise BackupFailed(f"{backup} was not made with this key: somebody else wrote its manifest.")
    manifest: dict[str, Any] = json.loads(text)
    if manifest["format"] != 1:
        raise BackupFailed(
            f"{backup} was made by a later version ({manifest['version']}): install that version."
        )
    return manifest


def restore(
    *, backup: Path, key: BackupKey, copier: Copier, storage: Storage, seal_file: Path, tell: Tell
) -> Restored:
    """Restore a backup and compare every table with it.

    Nothing is overwritten: the database must be empty, attached files that are there already are kept (so an
    interrupted restore goes on), and a file of the seals that has later seals stays. Raises BackupFailed.
    """
    begun, manifest = time.monotonic(), manifest_of(backup, key)
    if manifest["engine"] != copier.engine:
        raise BackupFailed(
            f"{backup} is a backup of {manifest['engine']}, and DATABASE_URL names a database of {copier.engine}."
        )
    try:
        copier.refuse_unless_empty()
        tell("Restoring the database …")
        copier.load(_verified(backup / "database.age", manifest["sha256"]["database.age"], key))
        tell("Comparing every table …")
        problems = _compared(manifest, copier)
    except CopyFailed as wrong:
        raise BackupFailed(str(wrong)) from wrong
    tell("Restoring attached files …")
    files, there = _restore_files(backup, key, storage, problems)
    problems += _restore_seals(backup, key, seal_file, manifest)
    return Restored(
        backup=backup,
        taken_at=datetime.fromisoformat(manifest["taken_at"]),
        tables=len(manifest["tables"]),
        rows=sum(each["rows"] for each in manifest["tables"].values()),
        files=files,
        files_there=there,
        seconds=time.monotonic() - begun,
        problems=problems,
    )


def restore_settings(backup: Path, key: BackupKey, to: Path) -> str:
    """Write the settings of the backup into a new file and return a sentence about the secret key."""
    text = b"".join(backup_folders.read(backup / "settings.age", key)).decode()
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    if f"SECRET_KEY={settings.SECRET_KEY}\n" in text or "SECRET_KEY=" not in text:
        return ""
    return f"SECRET_KEY differs from the one of the backup: take the one in {to}, or nobody can use a second factor."


def _verified(path: Path, sha256: str, key: BackupKey) -> Iterator[bytes]:
    """Yield the content of a part. Raises BackupFailed if it is another backup's."""
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise BackupFailed(f"{path} does not have the hash of the manifest: use another backup.")
    yield from backup_folders.read(path, key)


def _compared(manifest: dict[str, Any], copier: Copier) -> list[str]:
    expected = {name: TableFacts(**each) for name, each in manifest["tables"].items()}
    return table_facts.differences(expected, copier.facts())


def _restore_files(backup: Path, key: BackupKey, storage: Storage, problems: list[str]) -> tuple[int, int]:
    """Restore the attached files. Return how many were restored, and how many were there already."""
    files, new, there = backup_folders.files_folder(backup, key), 0, 0
    for line in listed(backup, key):
        name, sha256, size = line.split(" ")
        if storage.exists(name) and storage.size(name) == int(size):
            there += 1
            continue
        try:
            with _Stream(backup_folders.read(backup_folders.file_path(files, name), key)) as content:
                storage.delete(name)
                storage.save(name, content)
            if content.sha256.hexdigest() != sha256:
                problems.append(f"the attached file {name} has other content than its row says")
            new += 1
        except BackupFailed as gone:
            problems.append(f"the attached file {name} was not restored: {gone}")
    return new, there


class _Stream(File):
    """A file that is read once, piece by piece, while its hash is computed."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__(None)
        self.pieces, self.sha256 = pieces, hashlib.sha256()

    def __enter__(self) -> "_Stream":
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        for piece in self.pieces:
            self.sha256.update(piece)
            yield piece


def _restore_seals(backup: Path, key: BackupKey, seal_file: Path, manifest: dict[str, Any]) -> list[str]:
    """Write the file of the seals unless one is there, and compare its end with the database."""
    text = b"".join(backup_folders.read(backup / "seals.age", key)).decode()
    last = manifest["last_seal"]
    if seal_file.exists() and seal_file.read_text(encoding="utf-8").strip():
        return []
    seal_file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(seal_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    lines = {line.split(" ")[0]: line.split(" ")[-1] for line in text.splitlines()}
    if last["number"] and lines.get(str(last["number"]), last["head"]) != last["head"]:
        return [f"seal {last['number']} of the database is not the one in the file of the seals"]
    return []
