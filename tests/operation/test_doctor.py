"""`manage.py doctor` says what is wrong and what to do, in words that need no programmer."""

import os
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from audit.context import acting
from audit.sealing import seals
from operation import condition, examination
from operation.models import DueRun

pytestmark = pytest.mark.django_db


def said(capsys, *arguments: str) -> str:
    try:
        call_command("doctor", *arguments)
    except CommandError as wrong:
        return capsys.readouterr().out + str(wrong)
    return capsys.readouterr().out


def part(name: str) -> condition.Condition:
    return next(each for each in examination.examined() if each.name == name)


def test_every_part_is_looked_at_and_what_is_well_is_shown_on_request(capsys, tmp_path, settings):
    settings.BACKUP_KEY_FILE = tmp_path / "backup.key"
    names = {each.name for each in examination.examined()}
    assert {
        "database",
        "migrations",
        "triggers",
        "backup key",
        "clock",
        "seals outside the database",
        "purpose",
    } <= names
    assert "ok     migrations: are all applied" in said(capsys, "--all")
    assert "migrations" not in said(capsys)


def test_it_names_what_is_wrong_and_the_command_that_mends_it(capsys, monkeypatch):
    monkeypatch.setattr(condition, "pending_migrations", lambda: ["patients.0002_more"])
    told = said(capsys)
    assert "WRONG  migrations: 1 are not applied: patients.0002_more" in told
    assert "Run `manage.py migrate`." in told
    assert "parts are wrong" in told


def test_a_production_without_a_key_for_its_backups_is_wrong(settings):
    settings.BACKUP_KEY_FILE = None
    found = part("backup key")
    assert (found.state, "backup_key" in found.do) == (condition.FAILED, True)


def test_a_key_that_others_can_read_is_told(settings, tmp_path):
    settings.BACKUP_KEY_FILE = tmp_path / "backup.key"
    call_command("backup_key", str(settings.BACKUP_KEY_FILE))
    assert part("backup key").state == condition.OK
    os.chmod(settings.BACKUP_KEY_FILE, 0o644)
    assert part("backup key").do == f"Run `chmod 600 {settings.BACKUP_KEY_FILE}`."


def test_a_night_without_a_backup_is_told(settings, tmp_path):
    settings.BACKUP_DIR = tmp_path
    assert part("backup").says == "none was made yet"
    long_ago = timezone.now() - timedelta(days=3)
    DueRun.objects.create(name="backup", started_at=long_ago, ended_at=long_ago, succeeded_at=long_ago)
    assert "the last one is of" in part("backup").says
    DueRun.objects.update(succeeded_at=timezone.now(), started_at=timezone.now())
    assert part("backup").state == condition.OK


def test_a_seal_file_that_is_gone_or_later_than_the_database_is_told(
    trial, settings, django_capture_on_commit_callbacks
):
    with acting(system="test"), django_capture_on_commit_callbacks(execute=True):
        seals.seal(reason="test")
    assert part("seals outside the database").state == condition.OK
    lines = settings.SEAL_FILE.read_text()
    settings.SEAL_FILE.write_text(lines + "99" + lines.splitlines()[-1][1:] + "\n")
    assert "98 seals that the database lacks" in part("seals outside the database").says
    settings.SEAL_FILE.unlink()
    assert "missing or empty" in part("seals outside the database").says


def test_a_disk_that_is_nearly_full_is_told(monkeypatch):
    monkeypatch.setattr(condition.shutil, "disk_usage", lambda _path: Usage())
    found = part("disk space")
    assert (found.state, found.says) == (condition.FAILED, "0.0 of 100.0 GB are free")
    assert "a full disk refuses every save" in found.do


class Usage:
    total, free = 100_000_000_000, 40_000_000


@pytest.mark.skipif(connection.vendor != "postgresql", reason="settings of a server")
def test_a_server_that_acknowledges_before_the_disk_has_it_is_wrong():
    """The server of the tests runs with fsync off, as no hospital's may."""
    assert part("fsync").state == condition.FAILED
    assert part("fsync").do == "Set fsync = on in postgresql.conf."
    assert part("full_page_writes").state == condition.OK
    assert "grant_role" in part("database role").do
