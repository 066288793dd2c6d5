"""A backup brings everything back, on either engine, and a damaged one is refused (BKP-01, REL-08)."""

import json
import shutil
from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import connection

from audit.models import AccessEvent
from operation.backups import backup_folders
from operation.backups.backup import Backup, make_backup, the_key
from operation.backups.backup_folders import BackupFailed
from operation.backups.database_copies import Copier, PostgresqlCopier, SqliteCopier
from operation.backups.encryption import BackupKey, new_key, read_key
from operation.backups.restoring import Restored, restore
from tests.support.operation import ward
from tests.support.operation.installation import SECRET, Installation, installation
from tests.trust import drill

pytestmark = [pytest.mark.django_db, pytest.mark.long]


@pytest.fixture(scope="module")
def hospital(django_db_setup, django_db_blocker, tmp_path_factory):
    """A training installation with six patients, an attached scan and one backup."""
    with django_db_blocker.unblock(), installation(tmp_path_factory.mktemp("hospital")) as place:
        filled = place.python(ward.FILL)
        assert filled.returncode == 0, filled.stderr
        done = place.manage("backup", "--to", str(place.folder / "backups"))
        assert done.returncode == 0, done.stderr
        assert "1 attached files (1 new)" in done.stdout
        yield place


@pytest.fixture
def key(hospital: Installation) -> BackupKey:
    return read_key(hospital.folder / "backup.key")


@pytest.fixture
def backups(hospital: Installation, tmp_path: Path) -> Path:
    """A copy of the hospital's folder of backups, to be damaged."""
    return Path(shutil.copytree(hospital.folder / "backups", tmp_path / "backups"))


@pytest.fixture
def new_machine(tmp_path: Path):
    """A new machine: the code and an empty database."""
    with installation(tmp_path / "new machine", empty=True) as place:
        yield place


@pytest.fixture
def here(hospital: Installation, settings) -> Copier:
    """Make backups of the hospital in this process."""
    settings.DATA_DIR = hospital.folder
    settings.BACKUP_KEY_FILE = hospital.folder / "backup.key"
    settings.SEAL_FILE = hospital.folder / "seals.log"
    folder = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": hospital.folder / "attachments"},
    }
    settings.STORAGES = {**settings.STORAGES, "attachments": folder}
    return copier_of(hospital)


def copier_of(place: Installation) -> Copier:
    if connection.vendor == "sqlite":
        return SqliteCopier(place.folder / "stroma.sqlite3")
    name = place.database_url.partition("?")[0].rpartition("/")[2]
    return PostgresqlCopier({**connection.settings_dict, "NAME": name})


def restored(place: Installation, backups: Path, key: BackupKey) -> Restored:
    return restore(
        backup=backup_folders.newest(backups),
        key=key,
        copier=copier_of(place),
        storage=FileSystemStorage(location=place.folder / "attachments"),
        seal_file=place.folder / "seals.log",
        tell=lambda _text: None,
    )


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def scan(place: Installation) -> Path:
    """The attached file."""
    return only(place.folder, "attachments/*")


def test_a_backup_is_restored_on_a_new_machine_with_every_row_and_file(hospital, backups, new_machine):
    """BKP-01: database, files, seals and settings; the trail is whole afterwards."""
    new_machine.environment["STROMA_BACKUP_KEY_FILE"] = str(hospital.folder / "backup.key")
    done = new_machine.manage("restore", "--from", str(backups))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 attached files (0 were there)" in done.stdout
    assert "Every table has the rows and the content of the backup" in done.stdout
    verified = new_machine.manage("verify_trail")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert (new_machine.folder / "seals.log").read_text() in (hospital.folder / "seals.log").read_text()
    assert scan(new_machine).read_bytes() == scan(hospital).read_bytes()
    assert "STROMA_ENV=training" in (new_machine.folder / "restored-settings.env").read_text()
    again = new_machine.manage("restore", "--from", str(backups))
    assert again.returncode != 0
    assert "Nothing is overwritten" in again.stderr


def test_an_interrupted_restore_of_files_goes_on_where_it_was(backups, new_machine, hospital, key):
    (new_machine.folder / "attachments").mkdir()
    shutil.copy(scan(hospital), new_machine.folder / "attachments")
    done = restored(new_machine, backups, key)
    assert (done.files, done.files_there, done.problems) == (0, 1, [])


def test_nobody_reads_a_backup_without_the_key(backups, new_machine):
    """P11-12: names and hospital numbers are not readable on the disk of the backups."""
    files = list(backups.rglob("*.age"))
    assert len(files) == 6
    for file in files:
        content = file.read_bytes()
        assert content.startswith(b"age-encryption.org/v1\n")
        for word in (b"Nina Nurse", b"SQLite", b"PGDMP", b"SECRET_KEY"):
            assert word not in content
    with pytest.raises(BackupFailed, match="encrypted with another key"):
        restored(new_machine, backups, new_key())


@pytest.mark.parametrize("part", ["database.age", "manifest.age", "attachments.age"])
def test_a_damaged_backup_is_refused_and_its_part_named(part, backups, new_machine, key):
    path = only(backups, f"2*/{part}")
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(BackupFailed, match=part):
        restored(new_machine, backups, key)


def test_a_backup_that_was_cut_off_leaves_the_database_empty(backups, new_machine, key):
    path = only(backups, "2*/database.age")
    path.write_bytes(path.read_bytes()[:-70000])
    with pytest.raises(BackupFailed, match="does not have the hash of the manifest"):
        restored(new_machine, backups, key)
    copier_of(new_machine).refuse_unless_empty()


def test_a_database_that_does_not_come_back_whole_leaves_nothing_behind(hospital, new_machine):
    """All or nothing: half a database would look like a whole one."""

    def broken():
        with copier_of(hospital).held(hospital.folder) as held:
            for piece in held.content:
                yield piece[: len(piece) // 2]
                raise OSError("the line to the backup broke")

    with pytest.raises(OSError, match="broke"):
        copier_of(new_machine).load(broken())
    copier_of(new_machine).refuse_unless_empty()


def test_an_interrupted_backup_does_not_count_and_its_files_are_used_again(here, backups):
    """A kill in the middle leaves a folder that ends in `.unfinished`; attached files are copied once."""
    done = only(backups, "2*Z")
    done.rename(backups / f"{done.name}.unfinished")
    with pytest.raises(BackupFailed, match="no complete backup"):
        backup_folders.newest(backups)
    made = make_backup(to=backups, copier=here)
    assert (made.files, made.files_new, made.notes) == (1, 0, [])
    assert not list(backups.glob("*.unfinished"))


def test_a_file_that_is_damaged_here_is_named_and_the_rest_is_backed_up(hospital, here, tmp_path):
    """A backup must not hide what it could not take."""
    stored = scan(hospital)
    whole = stored.read_bytes()
    stored.write_bytes(b"scratched")
    try:
        made = make_backup(to=tmp_path, copier=here)
    finally:
        stored.write_bytes(whole)
    assert [note for note in made.notes if stored.name in note and "missing or damaged" in note]
    assert (made.folder / "manifest.age").exists()
    assert not list(tmp_path.glob("files-*/*/*.age"))


def test_old_backups_go_and_the_files_that_only_they_named(here, tmp_path, monkeypatch):
    def of_night(number: int) -> Backup:
        monkeypatch.setattr(backup_folders, "STAMP", f"2026090{number}T020000Z")
        return make_backup(to=tmp_path, keep=2, copier=here)

    of_night(1)
    kept = only(tmp_path, "files-*/*/*.age")
    forgotten = kept.with_name("00" * 16 + ".age")
    forgotten.write_bytes(b"named by no backup")
    of_night(2)
    of_night(3)
    assert [each.name for each in backup_folders.complete(tmp_path)] == [
        "20260902T020000Z",
        "20260903T020000Z",
    ]
    assert kept.exists()
    assert not forgotten.exists()


def test_two_backups_of_one_second_are_both_kept_in_their_order(here, tmp_path, monkeypatch):
    monkeypatch.setattr(backup_folders, "STAMP", "20260901T020000Z")
    first, second = (make_backup(to=tmp_path, copier=here).folder for _each in range(2))
    assert backup_folders.complete(tmp_path) == [first, second]


def test_a_second_backup_into_the_same_folder_waits_for_none(here, tmp_path):
    with backup_folders.alone(tmp_path), pytest.raises(BackupFailed, match="Another backup is being made"):
        make_backup(to=tmp_path, copier=here)


def test_a_backup_stands_in_the_trail(here, tmp_path):
    """AUD-08: that it was begun, and with its folder, size and hash that it was made."""
    made = make_backup(to=tmp_path, copier=here)
    begun, finished = AccessEvent.objects.filter(kind="backup").order_by("pk")
    assert (begun.detail["stage"], finished.detail["stage"]) == ("started", "finished")
    assert (finished.detail["file"], finished.detail["size"]) == (made.folder.name, made.bytes_written)
    assert finished.detail["sha256"] == made.sha256


def test_production_makes_no_backup_without_a_key(tmp_path):
    """P11-12: never unencrypted, and the sentence says how to make a key."""
    production = {"STROMA_ENV": "production", "SECRET_KEY": SECRET, "ALLOWED_HOSTS": "stroma.example"}
    with installation(tmp_path / "place", empty=True, **production) as place:
        done = place.manage("backup", "--to", str(tmp_path / "backups"))
    assert done.returncode != 0
    assert "manage.py backup_key" in done.stderr
    assert not (tmp_path / "backups").exists()


def test_a_key_is_never_overwritten(hospital, key):
    done = hospital.manage("backup_key", str(hospital.folder / "backup.key"))
    assert done.returncode != 0
    assert "never overwritten" in done.stderr
    assert read_key(hospital.folder / "backup.key") == key


def test_the_drill_restores_compares_signs_in_opens_casebooks_and_prints_its_figures(hospital, backups):
    """REL-08: counts, checksums, chain head, five casebooks, a sign-in; RPO and RTO are printed."""
    before = copier_of(hospital).facts()
    # Nothing was collected in the tree of the tests: pages need the finders of that environment.
    done = hospital.manage("restore_drill", "--from", str(backups), STROMA_ENV="test")
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "counts and checksums",
        "signed in",
        "opened 5 of 5 casebooks",
        "agrees with the file of the seals",
    ):
        assert said in done.stdout
    figures = drill.said(done.stdout)
    assert figures.keys() == drill.SAID.keys()
    assert figures["casebooks_opened"] == 5
    assert figures["seconds_until_somebody_works_RTO"] >= figures["seconds_of_the_restore"] > 0
    # The working database gets one row: the event that says what the drill found.
    after = copier_of(hospital).facts()
    events = "audit_accessevent"
    assert after.pop(events).rows == before.pop(events).rows + 1
    assert after == before
    assert not list(hospital.folder.glob("drill-*"))


def test_a_row_that_was_lost_on_the_way_is_found(hospital, backups, new_machine, key):
    """A comparison that cannot fail proves nothing: this manifest counts one patient more than there are."""
    rewrite(backups, key, lambda facts: facts["tables"]["patients_patient"].update(rows=7))
    assert restored(new_machine, backups, key).problems == ["patients_patient has 6 rows instead of 7"]


def test_content_that_was_changed_on_the_way_is_found(hospital, backups, new_machine, key):
    rewrite(backups, key, lambda facts: facts["tables"]["patients_patient"].update(checksum="0"))
    assert restored(new_machine, backups, key).problems == [
        "patients_patient has the same number of rows, but other content"
    ]


def test_somebody_without_the_key_cannot_write_a_manifest(backups, new_machine, key):
    """The public key is enough to encrypt; the keyed hash needs the secret one."""
    path = only(backups, "2*/manifest.age")
    text = b"".join(backup_folders.read(path, key)).split(b"\n")[0]
    backup_folders.write(path, [text, b"\n", b"0" * 64, b"\n"], key)
    with pytest.raises(BackupFailed, match="somebody else wrote its manifest"):
        restored(new_machine, backups, key)


def rewrite(backups: Path, key: BackupKey, change) -> None:
    path = only(backups, "2*/manifest.age")
    facts = json.loads(b"".join(backup_folders.read(path, key)).split(b"\n")[0])
    change(facts)
    text = json.dumps(facts, sort_keys=True).encode()
    backup_folders.write(path, [text, b"\n", key.mac(text).encode(), b"\n"], key)


def test_a_training_installation_makes_its_key_at_the_first_backup(tmp_path, settings):
    settings.BACKUP_KEY_FILE = tmp_path / "own" / "backup.key"
    assert the_key() == the_key()
