"""An installation in a folder of its own: its commands run as processes, on the database engine of the test run."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connection

from tests.support.database import migrated

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
SECRET = "k3y-" + "x7Qz" * 15


@dataclass
class Installation:
    """The folder of its data, its environment, and its code."""

    folder: Path
    database_url: str
    environment: dict[str, str] = field(default_factory=dict)
    code: Path = ROOT

    def manage(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command of manage.py."""
        return self.run([sys.executable, "manage.py", *arguments], **more)

    def python(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script after Django was set up."""
        return self.run([sys.executable, "-c", f"import django; django.setup()\n{script}"])

    def run(self, command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command with the environment of the installation."""
        return subprocess.run(
            command,
            cwd=self.code,
            env={**self.variables(), **more},
            capture_output=True,
            text=True,
            check=False,
        )

    def variables(self) -> dict[str, str]:
        """Return the environment: nothing of the test run but the path."""
        return {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "STROMA_ENV": "training",
            "STROMA_DATA": str(self.folder),
            "DATABASE_URL": self.database_url,
            **self.environment,
        }


@contextmanager
def installation(folder: Path, *, empty: bool = False, **environment: str) -> Iterator[Installation]:
    """Yield an installation with a migrated database, or an empty one, which is dropped afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    with database(folder, empty=empty) as url:
        yield Installation(folder, url, environment)


@contextmanager
def database(folder: Path, *, empty: bool = False) -> Iterator[str]:
    """Yield the address of a database of its own."""
    if connection.vendor == "sqlite":
        if not empty:
            migrated.fill(str(folder / "stroma.sqlite3"), migrated.image())
        yield ""
        return
    name = f"stroma_installation_{secrets.token_hex(4)}"
    template = "template0" if empty else migrated.template(connection)
    with connection._nodb_cursor() as server:
        server.execute(f'CREATE DATABASE {name} TEMPLATE "{template}"')
    try:
        yield address_of(name)
    finally:
        with connection._nodb_cursor() as server:
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def address_of(name: str) -> str:
    """Return the address of a database on the server of the test run."""
    head, query = os.environ["DATABASE_URL"].split("?")
    return f"{head.rpartition('/')[0]}/{name}?{query}"


def free_port() -> int:
    """Return a port on which nobody listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def asked(url: str, seconds: float = 30, server: Any = None, **headers: str) -> tuple[int, str]:
    """Return status and text of an answer; waits until somebody listens, unless the server has ended."""
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, headers=headers), timeout=seconds
            ) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > until or (server is not None and server.poll() is not None):
                raise
            time.sleep(0.05)


@contextmanager
def served(place: Installation, command: list[str], **more: str) -> Iterator[Any]:
    """Run a server until the block ends."""
    log = (place.folder / "server.log").open("w")
    process = subprocess.Popen(
        command, cwd=place.code, env={**place.variables(), **more}, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def copy_of_the_code(folder: Path) -> Path:
    """Copy what a clone would hold: files that are collected or compiled stay out of the tree that is tested."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
            shutil.copymode(ROOT / name, target)
    return folder
