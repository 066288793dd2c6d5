"""A commit on SQLite is on the disk when it returns: a power cut right after it loses nothing.

The long form cuts the power after hundreds of saves of a running server: `make trust`.
"""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from config.databases import sqlite
from tests.trust.disk import COMMAND, Disk, replayed

AS_INSTALLED = sqlite("unused")["OPTIONS"]["init_command"]
WITHOUT_SYNC = AS_INSTALLED.replace("synchronous=FULL", "synchronous=NORMAL")
SAVES = 5
# Each commit is acknowledged to somebody at the other end of a socket.
PROGRAM = """
import socket, sqlite3, sys
here, there = socket.socketpair()
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.executescript(sys.argv[2])
for number in range(1, int(sys.argv[3]) + 1):
    connection.execute("INSERT INTO save VALUES (?)", [number])
    here.sendall(b"acknowledged")
"""


def losses(folder: Path, pragmas: str, rng: Random | None = None) -> list[int]:
    """Return for each acknowledged save how many of the saves up to it a power cut right after it loses."""
    if subprocess.run(["strace", "-o", os.devnull, "true"], check=False).returncode:
        pytest.skip("this machine lets nobody trace a process")
    database, log, before = folder / "saves.sqlite3", folder / "calls", folder / "before"
    with sqlite3.connect(database) as connection:
        connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE save (number INTEGER);")
    connection.close()
    before.mkdir()
    (before / database.name).write_bytes(database.read_bytes())
    program = [sys.executable, "-c", PROGRAM, str(database), pragmas, str(SAVES)]
    subprocess.run([*COMMAND, "-o", str(log), *program], check=True, capture_output=True)
    disk, found = Disk(before, database.name), []
    disk.folder = folder
    for number, _sent in enumerate(replayed(log.read_text().splitlines(), disk), start=1):
        cut = folder / f"cut-{number}"
        cut.mkdir()
        with sqlite3.connect(disk.cut(cut, rng)) as left:
            assert left.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            found.append(number - left.execute("SELECT count(*) FROM save").fetchone()[0])
        left.close()
    return found


@pytest.mark.parametrize("rng", [None, Random(3)], ids=["nothing", "half"])
def test_no_acknowledged_save_is_lost_when_the_power_fails(tmp_path, rng):
    """REL-01: whether of the unsynced bytes nothing or half is on the disk."""
    assert losses(tmp_path, AS_INSTALLED, rng) == [0] * SAVES


def test_a_setting_that_acknowledges_before_the_disk_would_be_noticed(tmp_path):
    """Proves that the test above can fail."""
    assert WITHOUT_SYNC != AS_INSTALLED
    assert max(losses(tmp_path, WITHOUT_SYNC)) > 0
