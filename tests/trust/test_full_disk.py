"""A disk that is full from the n-th write on, and the proof that the figures of `make trust` can be wrong (REL-02).

What a save, a sign-in, an upload, a seal and a backup do on it: tests/operation/test_disk_full.py.
"""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.pages.entry_pages import address
from tests.trust.full_disk import NotTraced, attempt
from tests.trust.operations import BackUp, Save, SealTheTrail, SignIn, Upload

WRITES = 3


def write(folder: Path) -> dict[str, int]:
    """Write three files as well as it goes; return how many are whole."""
    whole = 0
    for number in range(WRITES):
        file = os.open(folder / str(number), os.O_WRONLY | os.O_CREAT)
        with suppress(OSError):
            os.write(file, b"1")
            os.fsync(file)
            whole += 1
        os.close(file)
    return {"whole": whole}


@pytest.mark.django_db
@pytest.mark.one_engine
def test_a_process_finds_no_room_from_the_write_on_at_which_the_disk_is_full(tmp_path):
    if subprocess.run(["strace", "-o", "/dev/null", "true"], check=False).returncode:
        pytest.skip("this machine lets nobody trace a process")
    found = []
    calls = attempt(lambda: write(tmp_path)).calls
    for number in range(len(calls) + 1):
        ended = attempt(lambda: write(tmp_path), with_room=calls[:number])
        found.append((ended.said["whole"], ended.hit))
    # Each file is written, then synced: a value counts as stored only when both were done.
    assert found == [(0, 3), (0, 3), (1, 2), (1, 2), (2, 1), (2, 1), (3, 0)]


def test_an_operation_that_ends_with_an_error_is_told_as_one(tmp_path):
    def fails() -> dict[str, str]:
        raise ZeroDivisionError

    try:
        ended = attempt(fails, with_room=[])
    except NotTraced:
        pytest.skip("this machine lets nobody trace a process")
    assert ended.said["ended"] == "traceback"
    assert "ZeroDivisionError" in ended.said["traceback"]


@pytest.mark.django_db
def test_what_is_acknowledged_and_not_there_is_counted_as_lost(trial, nurse, patient, tmp_path):
    """A server that swallowed the error would say 302."""
    save, upload, sign_in, seal = Save(nurse, patient), Upload(nurse, patient), SignIn(nurse), SealTheTrail()
    for operation in (save, upload, sign_in, seal):
        operation.prepare()
        operation.compare({"status": 302, "ended": "acknowledged"})
        assert operation.faults["lost"] == 1, operation.name
    backup = BackUp(tmp_path)
    backup.before = {}
    backup.compare({"ended": "acknowledged"})
    assert backup.faults["lost"] == 1


@pytest.mark.django_db
def test_an_error_page_a_lost_text_and_a_false_denial_are_counted(trial, nurse, patient):
    save = Save(nurse, patient)
    save.prepare()
    save.compare({"status": 500})
    assert save.faults["pages_500"] == 1
    save.compare({"status": 503, "nothing": True, "kept": False})
    assert save.faults["typed_lost"] == 1
    assert save.desk.post(address(patient), save.typed).status_code == 302
    save.compare({"status": 503, "nothing": True, "kept": True})
    assert save.faults["stored_and_denied"] == 1


@pytest.mark.django_db
def test_a_command_that_ends_without_a_sentence_is_counted():
    seal = SealTheTrail()
    seal.ended({"ended": "traceback", "traceback": "OSError"})
    assert seal.faults["without_a_sentence"] == 1
