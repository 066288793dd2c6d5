"""Recovery of PostgreSQL to one second before a bad statement, with the lines of docs/deploy.md (REL-08)."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from django.db import connection

from operation.backups.database_copies import PostgresqlCopier
from tests.support.database import migrated
from tests.support.operation import ward
from tests.support.operation.installation import ROOT, Installation

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.long,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="a server with archived WAL"),
]

BIN = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), Path("/usr/bin"))
AS_SERVER = (
    ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"] if os.getuid() == 0 else []
)


def run(*command: object) -> str:
    done = subprocess.run(
        [*AS_SERVER, *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Server:
    """A PostgreSQL server of its own, with the settings that the documentation gives."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data, self.wal = folder, folder / "data", folder / "wal"

    def make(self) -> None:
        run(
            BIN / "initdb",
            "-D",
            self.data,
            "-U",
            "stroma",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-N",
        )
        run("mkdir", self.wal)
        page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
        lines = page.partition("wal_level")[1:]
        settings = "".join(lines).partition("```")[0].replace("/var/backups/wal", str(self.wal))
        assert "archive_command" in settings
        own = f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'\nfsync = off\n"
        self.append("postgresql.conf", settings + own)

    def append(self, name: str, text: str) -> None:
        with (self.data / name).open("a") as file:
            file.write(text)

    def start(self) -> None:
        run(BIN / "pg_ctl", "-D", self.data, "-w", "-l", self.folder / "log", "start")

    def stop(self, mode: str = "fast") -> None:
        run(BIN / "pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def say(self, sql: str, database: str = "stroma") -> str:
        return run(BIN / "psql", "-h", self.folder, "-U", "stroma", "-d", database, "-Atc", sql).strip()


@pytest.fixture
def server(tmp_path_factory):
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    if AS_SERVER:
        shutil.chown(folder, "postgres")
    made = Server(folder)
    made.make()
    made.start()
    try:
        yield made
    finally:
        made.stop("immediate")
        shutil.rmtree(folder)


def fill_with_schema(server: Server) -> None:
    """Copy the migrated database of the tests, which is quicker than migrating."""
    here = connection.settings_dict
    own = {**here, "NAME": "stroma", "HOST": str(server.folder), "OPTIONS": {}}
    with PostgresqlCopier({**here, "NAME": migrated.template(connection)}).held(server.folder) as held:
        PostgresqlCopier(own).load(held.content)


def test_the_trial_is_brought_to_the_second_before_a_table_was_emptied(server, tmp_path):
    server.say("CREATE DATABASE stroma", "postgres")
    place = Installation(tmp_path, f"postgresql://stroma@/stroma?host={server.folder}")
    fill_with_schema(server)
    migrated_again = place.manage("migrate", "--verbosity=0")
    assert migrated_again.returncode == 0, migrated_again.stderr
    base = server.folder / "base"
    run(
        BIN / "pg_basebackup",
        "-h",
        server.folder,
        "-U",
        "stroma",
        "-D",
        base,
        "--checkpoint",
        "fast",
        "--wal-method",
        "none",
    )
    filled = place.python(ward.FILL)
    assert filled.returncode == 0, filled.stderr
    patients = server.say("SELECT count(*) FROM patients_patient")
    before = server.say("SELECT clock_timestamp()")
    time.sleep(1.2)
    server.say(
        "SET session_replication_role = replica; DELETE FROM patients_record; DELETE FROM patients_consent"
    )
    assert server.say("SELECT count(*) FROM patients_record") == "0"
    server.say("SELECT pg_switch_wal()")
    server.stop()

    server.data = base
    server.append(
        "postgresql.auto.conf",
        f"restore_command = 'cp {server.wal}/%f %p'\nrecovery_target_time = '{before}'\n"
        "recovery_target_action = 'promote'\n",
    )
    run("touch", base / "recovery.signal")
    server.start()
    until = time.monotonic() + 60
    while server.say("SELECT pg_is_in_recovery()") == "t" and time.monotonic() < until:
        time.sleep(0.2)
    assert server.say("SELECT count(*) FROM patients_patient") == patients == "6"
    assert server.say("SELECT count(*) FROM patients_record") == "6"
    verified = place.manage("verify_trail")
    assert verified.returncode == 0, verified.stdout + verified.stderr
