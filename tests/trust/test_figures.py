"""The figures of `make trust` can be wrong: what each must notice is done to it on purpose (REL-01, REL-07).

Of kills, a full disk and tampering: test_kills.py, test_full_disk.py and test_tamper.py; of a power cut:
tests/config/test_power_cut.py; of a restore: tests/operation/test_backup.py.
"""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.config.test_power_cut import AS_INSTALLED, WITHOUT_SYNC
from tests.trust import __main__ as page
from tests.trust import upgrade
from tests.trust.syncs import SYNC, tracer

SAVES = 6
SAVING = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.executescript(sys.argv[2])
for number in range(int(sys.argv[3])):
    connection.execute("INSERT INTO save VALUES (?)", [number])
"""


def syncs(folder: Path, pragmas: str) -> int:
    """Return how often the log was synced by so many saves."""
    folder.mkdir()
    database, log = folder / "saves.sqlite3", folder / "calls"
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS save (number INTEGER);")
        # The log lasts for as long as somebody has the database open: no checkpoint falls between the saves.
        program = [sys.executable, "-c", SAVING, str(database), pragmas, str(SAVES)]
        if subprocess.run([*tracer("-o", str(log)), *program], check=False).returncode:
            pytest.skip("this machine lets nobody trace a process")
    return len([match for match in SYNC.finditer(log.read_text()) if match["file"].endswith("-wal")])


@pytest.mark.one_engine
def test_each_save_syncs_the_log_once_and_one_that_does_not_is_noticed(tmp_path):
    assert syncs(tmp_path / "as installed", AS_INSTALLED) == SAVES
    assert syncs(tmp_path / "otherwise", WITHOUT_SYNC) == 0


@pytest.mark.django_db
def test_a_row_that_was_stored_without_its_history_is_counted():
    with upgrade.installation() as place, closing(place.connect()) as opened:
        lift = (
            [f"DROP TRIGGER {name}" for (name,) in place.query(TRIGGERS)]
            if place.url.startswith("sqlite")
            else ["ALTER TABLE trials_trial DISABLE TRIGGER ALL"]
        )
        for statement in (*lift, INSERT):
            opened.execute(statement)
        assert place.query(upgrade.WITHOUT_HISTORY) == [("forged",)]


TRIGGERS = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'trials_trial'"
INSERT = "INSERT INTO trials_trial (slug, recruiting, time_zone) VALUES ('forged', true, 'Europe/Brussels')"


def test_a_figure_that_is_not_as_it_must_be_is_printed_bold():
    part = page.PARTS[0]
    assert "| lost | 0 |" in page.written({part.name: {"lost": 0, "cuts": 3}})
    wrong = page.written({part.name: {"lost": 2, "cuts": 3}})
    assert "| lost | **2** |" in wrong
    assert "| cuts | 3 |" in wrong
