"""A full disk at every write: nothing half stored, nothing typed lost, no page 500, and all goes on with room (REL-02).

The short form; `make trust` does the same to each call that writes (tests/trust/disk_full.py).
"""

import errno
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.urls import reverse

from audit.context import acting
from audit.models import Seal
from audit.sealing import seal_files, seals
from patients.models import Attachment, Record
from tests.support import build
from tests.support.operation import ward
from tests.support.operation.installation import installation
from tests.support.pages import attachments
from tests.support.pages.entry_pages import address, opened

pytestmark = pytest.mark.django_db

READS = {"SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA", "SET"}
MOST_WRITES = 40


class FullAt:
    """The disk is full at the n-th write and after it."""

    def __init__(self, number: int) -> None:
        self.number, self.writes = number, 0

    def __call__(self, execute, sql, params, many, context):
        if sql.lstrip().split(None, 1)[0].upper() not in READS:
            self.writes += 1
            if self.writes >= self.number:
                raise disk_full()
        return execute(sql, params, many, context)


def disk_full() -> Exception:
    error = OperationalError("database or disk is full")
    if connection.vendor == "postgresql":
        error.__cause__ = psycopg.errors.DiskFull("could not extend file: No space left on device")
    else:
        cause = sqlite3.OperationalError("database or disk is full")
        cause.sqlite_errorname = "SQLITE_FULL"
        error.__cause__ = cause
    return error


def test_a_save_that_meets_a_full_disk_at_any_write_stores_nothing_and_keeps_what_was_typed(desk, patient):
    typed = {**opened(desk, patient), "sbp": "131", "_action": "draft"}
    desk.raise_request_exception = False
    refused = 0
    for number in range(1, MOST_WRITES):
        full = FullAt(number)
        before = count()
        with connection.execute_wrapper(full):
            answer = desk.post(address(patient), typed)
        if full.writes < number:
            break
        refused += 1
        assert answer.status_code == 503, number
        page = answer.content.decode()
        assert 'value="131"' in page
        if "Nothing was saved" in page:
            assert count() == before, number
    assert refused >= 1
    assert desk.post(address(patient), typed).status_code == 302
    assert Record.objects.get(form=record_form()).values["sbp"] == "131"


def count() -> tuple[int, int]:
    return Record.objects.count(), Record.history.count()


def record_form() -> str:
    return "vitals"


@pytest.mark.django_db(transaction=True)
def test_signing_in_on_a_full_disk_says_so_at_every_write(client, trial):
    person = build.user("coordinator", trial=trial)
    told = {"login": person.username, "password": build.PASSWORD}
    client.raise_request_exception = False
    refused = 0
    for number in range(1, MOST_WRITES):
        full = FullAt(number)
        with connection.execute_wrapper(full):
            answer = client.post(reverse("account_login"), told)
        # The lock on the count of attempts stays for ten seconds if it cannot be taken away.
        cache.clear()
        if full.writes < number:
            break
        refused += 1
        assert answer.status_code == 503, number
        assert "Too many" not in answer.content.decode()
    assert refused >= 1
    assert answer.status_code == 302


def test_an_upload_to_a_full_disk_is_refused_with_the_name_of_the_file(desk, patient, monkeypatch):
    def full(*_arguments, **_more):
        raise OSError(errno.ENOSPC, "No space left on device")

    desk.raise_request_exception = False
    monkeypatch.setattr("django.core.files.storage.InMemoryStorage._save", full)
    answer = attachments.save(desk, patient, attachments.upload(name="scan of May.pdf"))
    assert answer.status_code == 503
    page = answer.content.decode()
    assert "The disk of the server is full" in page
    assert "scan of May.pdf" in page
    assert not Attachment.objects.exists()
    monkeypatch.undo()
    assert attachments.save(desk, patient, attachments.upload(name="scan of May.pdf")).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_a_seal_whose_line_found_no_room_is_written_into_its_file_later(trial, monkeypatch, settings):
    def full(lines, *_place):
        if lines:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(seal_files, "append_to_file", full)
    with acting(system="test"), pytest.raises(OSError, match="No space"):
        seals.seal(reason="test")
    assert Seal.objects.count() == 1
    monkeypatch.undo()
    with acting(system="test"):
        build.user("coordinator", trial=trial)
        seals.seal(reason="test")
    assert set(seal_files.read_file()) == {1, 2}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("command", "fails"),
    [
        (["seal"], "audit.sealing.seal_files.append_to_file"),
        (["backup", "--to", "backups"], "operation.backups.backup_folders.begun"),
    ],
)
def test_a_command_on_a_full_disk_ends_with_a_sentence(
    trial, command, fails, monkeypatch, settings, tmp_path
):
    def full(*_place):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.chdir(tmp_path)
    settings.BACKUP_KEY_FILE = tmp_path / "key"
    monkeypatch.setattr(fails, full)
    with pytest.raises(CommandError, match=r"[Ff]ree space"):
        call_command(*command)


@pytest.mark.long
def test_a_backup_that_finds_no_room_at_any_size_harms_no_earlier_one(tmp_path):
    """The limit of the size of a file refuses the write as a full disk does."""
    with installation(tmp_path / "hospital") as place:
        assert place.python(ward.FILL).returncode == 0
        backups = tmp_path / "backups"
        assert place.manage("backup", "--to", str(backups)).returncode == 0
        for limit in (100, 40_000, 200_000):
            done = limited(place, limit, "backup", "--to", str(backups))
            assert done.returncode != 0
            assert "Traceback" not in done.stderr, done.stderr
            assert "earlier backups are as they were" in done.stderr
        assert len(list(backups.glob("2*Z"))) == 1
        assert not list(backups.rglob("*.part"))
        assert place.manage("backup", "--to", str(backups)).returncode == 0


def limited(place, limit: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=place.code, env=place.variables(),
        capture_output=True, text=True, check=False, preexec_fn=small,
    )  # fmt: skip


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with installation(tmp_path / "hospital") as place:
        Path(tmp_path / "file").write_text("no folder")
        done = place.manage("backup", "--to", str(tmp_path / "file" / "backups"))
    assert done.returncode != 0
    assert "cannot be written" in done.stderr
