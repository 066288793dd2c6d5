"""Migrate a database once and copy it for every process that runs tests.

Migrating takes about ten seconds of CPU, mostly for Django's state of the models at each step; a copy takes a tenth
of a second. The copy holds tables, constraints, triggers and their functions. Django's `migrate` still runs on it: it
finds nothing to do, and the triggers are checked.
"""

import fcntl
import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / ".migrated"
PREFIX = "stroma_migrated_"
# Key of the advisory lock on PostgreSQL: any number that no other program locks on a test server.
LOCK = 7_306_021
# An SQLite database in memory exists only while a connection to it is open.
_kept_open: list[sqlite3.Connection] = []


@cache
def digest() -> str:
    """Return a hash of all code and all pinned packages, on which a migrated database may depend.

    Once per process: collecting the texts for translators writes modules beside the templates for a moment.
    """
    rooms = (
        each for each in ROOT.iterdir() if each.is_dir() and each.name[0] != "." and each.name != "tests"
    )
    code = (path for room in rooms for path in room.rglob("*.py"))
    found = hashlib.sha256()
    for path in (*sorted(code), ROOT / "requirements" / "test.txt"):
        found.update(f"{path.relative_to(ROOT)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()[:16]


def copy_instead_of_migrating() -> None:
    """Make the test database of this process start as a copy of the migrated one."""
    if connection.vendor == "postgresql":
        connection.settings_dict["TEST"]["TEMPLATE"] = template(connection)
        return
    creation: Any = connection.creation
    create: Callable[..., str] = creation._create_test_db

    def create_filled(*arguments: Any, **options: Any) -> str:
        name = create(*arguments, **options)
        fill(name, image())
        return name

    creation._create_test_db = create_filled


def fill(name: str, image: Path) -> None:
    """Copy a migrated SQLite file into an empty database, in memory or in a file."""
    target = sqlite3.connect(name, uri=name.startswith("file:"), check_same_thread=False)
    with closing(sqlite3.connect(image)) as source:
        source.backup(target)
    if "mode=memory" in name:
        _kept_open.append(target)
    else:
        target.close()


def image() -> Path:
    """Return a migrated SQLite file for this code; the first process makes it while the others wait for the lock."""
    FOLDER.mkdir(exist_ok=True)
    image, making = FOLDER / f"{digest()}.sqlite3", FOLDER / "making.sqlite3"
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not image.exists():
            for left in FOLDER.glob("*.sqlite3*"):
                left.unlink()
            _migrate(f"sqlite://{quote(str(making))}")
            with closing(sqlite3.connect(making)) as made:
                # SQLite cannot copy a database with a write-ahead log into memory.
                made.execute("PRAGMA journal_mode=DELETE")
            making.rename(image)
    return image


def template(server: BaseDatabaseWrapper) -> str:
    """Return the name of a migrated PostgreSQL database for this code; the first process makes it."""
    name, making = f"{PREFIX}{digest()}", f"{PREFIX}making"
    with _alone(server) as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{PREFIX}%"])
        present = {found for (found,) in cursor.fetchall()}
        if name not in present:
            for left in present:
                cursor.execute(f'DROP DATABASE "{left}"')
            cursor.execute(f'CREATE DATABASE "{making}"')
            _migrate(address_of(making))
            cursor.execute(f'ALTER DATABASE "{making}" RENAME TO "{name}"')
    return name


def address_of(database: str) -> str:
    """Return the address of another database on the server of the tests."""
    address = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(address._replace(path=f"/{database}"))


@contextmanager
def _alone(server: BaseDatabaseWrapper) -> Iterator[Any]:
    with server._nodb_cursor() as cursor:
        # The first process migrates while the others wait, longer than a page may.
        cursor.execute("SET lock_timeout = 0")
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        yield cursor


def _migrate(address: str) -> None:
    """Migrate a database with `manage.py migrate`, in a separate process."""
    environment = {**os.environ, "STROMA_ENV": "test", "DATABASE_URL": address}
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
