"""The folder of the backups: one folder per backup, and the attached files that all of them share.

    DIR/20261129T020000Z/database.age  seals.age  settings.age  attachments.age  manifest.age  SHA256SUMS
    DIR/files-<fingerprint of the key>/ab/abcdef….age       each attached file once, because it never changes

A folder gets its name when the backup is complete; before, it ends in `.unfinished`.
"""

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from operation.backups.encryption import BackupKey, NotDecrypted, decrypted, encrypted

UNFINISHED = ".unfinished"
STAMP = "%Y%m%dT%H%M%SZ"
SUMS = "SHA256SUMS"
MANIFEST = "manifest.age"


class BackupFailed(Exception):
    """A backup could not be made or read; the message says what happened and what to do."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder for one backup. Raises BackupFailed if another one is being made, or the folder is no place."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / ".lock").open("w")
    except OSError as wrong:
        raise BackupFailed(f"{folder} cannot be written: {wrong.strerror}. Name another folder.") from wrong
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            raise BackupFailed(f"Another backup is being made in {folder}: wait until it ends.") from busy
        yield


def write(path: Path, content: Iterable[bytes], key: BackupKey) -> str:
    """Write an encrypted file under its name when it is whole and on disk. Return the SHA-256 of what was written.

    Raises BackupFailed if the disk is full or fails; the part that was written is removed.
    """
    making, digest = path.with_name(f"{path.name}.part"), hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for piece in encrypted(content, key):
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        making.replace(path)
        sync_folder(path.parent)
    except OSError as wrong:
        making.unlink(missing_ok=True)
        raise BackupFailed(told(wrong, path.parent)) from wrong
    except BaseException:
        making.unlink(missing_ok=True)
        raise
    return digest.hexdigest()


def read(path: Path, key: BackupKey) -> Iterator[bytes]:
    """Yield the content of an encrypted file. Raises BackupFailed if it is gone, damaged or of another key."""
    try:
        with path.open("rb") as file:
            yield from decrypted(file, key)
    except FileNotFoundError as gone:
        raise BackupFailed(f"{path} is gone from the backup: use another backup.") from gone
    except NotDecrypted as wrong:
        raise BackupFailed(f"{path}: {wrong}.") from wrong


def told(wrong: OSError, folder: Path) -> str:
    """Return the meaning of an error of the disk and the next step."""
    if wrong.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f"The disk of {folder} is full: the backup was not completed, earlier backups are as they were. "
            f"Free space (or keep fewer, STROMA_BACKUPS_KEPT) and run it again: it goes on with the files it has."
        )
    return f"{folder} cannot be written: {wrong.strerror}. Earlier backups are as they were."


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def complete(folder: Path) -> list[Path]:
    """Return the complete backups in a folder, oldest first; the folder itself if it is one backup."""
    if (folder / MANIFEST).exists():
        return [folder]
    found = folder.iterdir() if folder.is_dir() else iter(())
    return sorted(each for each in found if (each / MANIFEST).exists() and each.suffix != UNFINISHED)


def newest(folder: Path) -> Path:
    """Return the newest complete backup. Raises BackupFailed if there is none."""
    if not (found := complete(folder)):
        raise BackupFailed(f"{folder} holds no complete backup of Stroma.")
    return found[-1]


def begun(folder: Path, name: str) -> Path:
    """Return the folder of a new backup. What an interrupted backup left is removed, but for its attached files.

    A second backup of the same second gets a name that sorts after the first.
    """
    for left in folder.glob(f"*{UNFINISHED}"):
        shutil.rmtree(left)
    free, number = name, 2
    while (folder / free).exists():
        free, number = f"{name}-{number}", number + 1
    made = folder / f"{free}{UNFINISHED}"
    made.mkdir(mode=0o700)
    return made


def finished(making: Path) -> Path:
    """Give a backup its name: from now on it counts."""
    done = making.with_suffix("")
    making.rename(done)
    sync_folder(done.parent)
    return done


def files_folder(backup: Path, key: BackupKey) -> Path:
    """Return the folder of the attached files of all backups with this key."""
    return backup.parent / f"files-{key.fingerprint}"


def file_path(files: Path, name: str) -> Path:
    """Return the path of one attached file."""
    return files / name[:2] / f"{name}.age"
