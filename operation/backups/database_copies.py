"""Copies of the database at one instant, streamed, and their return into an empty database: SQLite and PostgreSQL.

A copy blocks nobody. With it come the facts of every table (rows, and a checksum over their content), read in the same
snapshot, so that a restored database can be compared row for row.
"""

import os
import sqlite3
import subprocess
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import psycopg
from psycopg import conninfo

from audit.integrity.guard import KEY_TABLE
from operation.backups import table_facts
from operation.backups.table_facts import TableFacts

PIECE_BYTES = 1 << 20
ATTACHMENTS = (
    "SELECT key, sha256, size FROM patients_attachment"
    " UNION ALL SELECT key, sha256, size FROM dosing_lotcertificate ORDER BY key"
)


class CopyFailed(Exception):
    """The database could not be copied or restored; the message says why and what to do."""


@dataclass
class HeldCopy:
    """The database at one instant, while its snapshot is open."""

    facts: dict[str, TableFacts]
    content: Iterator[bytes]
    attachments: list[tuple[str, str, int]]
    last_seal: tuple[int, str] | None


class Copier(Protocol):
    """Copies and restores the databases of one engine."""

    engine: str

    def held(self, folder: Path) -> Any:
        """Open a snapshot (context manager of HeldCopy); `folder` is for a temporary file."""

    def refuse_unless_empty(self) -> None:
        """Raise CopyFailed unless the database is empty or does not exist yet."""

    def load(self, content: Iterable[bytes]) -> None:
        """Fill the empty database. Raises CopyFailed, and leaves nothing half restored."""

    def facts(self) -> dict[str, TableFacts]:
        """Return the facts of every table now."""


def copier_of(settings: dict[str, Any]) -> Copier:
    """Return the copier for one entry of Django's DATABASES."""
    if "sqlite" in settings["ENGINE"]:
        return SqliteCopier(Path(settings["NAME"]))
    return PostgresqlCopier(settings)


class SqliteCopier:
    """The embedded database: one file, copied by SQLite's backup interface."""

    engine = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def held(self, folder: Path) -> Iterator[HeldCopy]:
        """Open a snapshot. The temporary copy lies beside the database: as protected as the database itself."""
        if not self.path.exists():
            raise CopyFailed(f"There is no database at {self.path}: check STROMA_DATA and DATABASE_URL.")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix="backup-") as own:
            path = Path(own) / "copy.sqlite3"
            path.touch(mode=0o600)
            # All pages in one step: in WAL mode it is a snapshot, and writers go on.
            try:
                with closing(_opened(self.path)) as source, closing(sqlite3.connect(path)) as copy:
                    source.backup(copy)
                    copy.execute("PRAGMA journal_mode=DELETE")
                with closing(_opened(path)) as copy:
                    held = HeldCopy(
                        facts=table_facts.of_sqlite(copy),
                        content=_compressed(path),
                        attachments=copy.execute(ATTACHMENTS).fetchall(),
                        last_seal=copy.execute(table_facts.LAST_SEAL).fetchone(),
                    )
            except sqlite3.Error as wrong:
                raise CopyFailed(
                    f"The database could not be copied into {own}: {wrong}. It needs as much free space there as "
                    f"{self.path} has; earlier backups are as they were."
                ) from wrong
            yield held

    def refuse_unless_empty(self) -> None:
        """Raise CopyFailed if the file has a table."""
        if not self.path.exists():
            return
        with closing(_opened(self.path)) as database:
            tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables:
            raise CopyFailed(
                f"{self.path} holds a database. Nothing is overwritten: move it aside (with its -wal and -shm files) "
                f"or name another file in DATABASE_URL, then restore again."
            )

    def load(self, content: Iterable[bytes]) -> None:
        """Write a file beside the database and give it its name when it is whole."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        making = self.path.with_name(f"{self.path.name}.restoring")
        unpacking = zlib.decompressobj()
        with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for piece in content:
                file.write(unpacking.decompress(piece))
            file.write(unpacking.flush())
            file.flush()
            os.fsync(file.fileno())
        with closing(_opened(making)) as database:
            if (found := database.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
                raise CopyFailed(f"The restored database is damaged: {found}")
        for left in ("-wal", "-shm"):
            self.path.with_name(self.path.name + left).unlink(missing_ok=True)
        making.replace(self.path)

    def facts(self) -> dict[str, TableFacts]:
        """Return the facts of every table now."""
        with closing(_opened(self.path)) as database:
            return table_facts.of_sqlite(database)


class PostgresqlCopier:
    """A PostgreSQL database, copied by `pg_dump` and restored by `pg_restore`."""

    engine = "postgresql"

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        named = {
            "dbname": settings["NAME"],
            "user": settings["USER"],
            "host": settings["HOST"],
            "port": settings["PORT"],
        }
        options = {
            name: value for name, value in settings.get("OPTIONS", {}).items() if isinstance(value, str)
        }
        self.address = conninfo.make_conninfo(
            **{name: value for name, value in named.items() if value} | options
        )
        self.password = settings["PASSWORD"]

    @contextmanager
    def held(self, folder: Path) -> Iterator[HeldCopy]:
        """Open a snapshot and share it with `pg_dump`."""
        try:
            with self._connected() as database, database.transaction():
                database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                (snapshot,) = one(database.execute("SELECT pg_export_snapshot()"))
                yield HeldCopy(
                    facts=table_facts.of_postgresql(database),
                    content=self._dumped(snapshot),
                    attachments=database.execute(ATTACHMENTS).fetchall(),
                    last_seal=database.execute(table_facts.LAST_SEAL).fetchone(),
                )
        except psycopg.Error as wrong:
            raise CopyFailed(
                f"The database broke off while it was copied: {str(wrong).strip()}. Earlier backups are as they were: "
                f"run it again when the database answers."
            ) from wrong

    def refuse_unless_empty(self) -> None:
        """Raise CopyFailed if the database has a table, or if there is none."""
        with self._connected() as database:
            tables = database.execute("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()")
            if one(tables)[0]:
                name = database.info.dbname
                raise CopyFailed(
                    f"The database {name} holds tables. Nothing is overwritten: make an empty one "
                    f"(createdb {name}_restored), name it in DATABASE_URL, then restore again."
                )

    def load(self, content: Iterable[bytes]) -> None:
        """Restore in one transaction: all or nothing. Rights are granted anew by `manage.py grant_role`."""
        command = [
            "pg_restore", "--dbname", self.address, "--no-owner", "--no-privileges",
            "--single-transaction", "--exit-on-error",
        ]  # fmt: skip
        with (
            tempfile.TemporaryFile() as complaints,
            self._running(command, complaints, stdin=subprocess.PIPE) as run,
        ):
            assert run.stdin is not None  # noqa: S101  it was asked for above
            try:
                # pg_restore may end early; its exit code and message are read below.
                with suppress(BrokenPipeError):
                    for piece in content:
                        run.stdin.write(piece)
                    run.stdin.close()
            except BaseException:
                run.kill()
                raise
            self._finished(run, complaints, "pg_restore")

    def facts(self) -> dict[str, TableFacts]:
        """Return the facts of every table now."""
        with self._connected() as database:
            return table_facts.of_postgresql(database)

    def make(self, name: str) -> "PostgresqlCopier":
        """Create an empty database on the same server and return its copier. Raises CopyFailed without the right to."""
        with self._connected(autocommit=True) as database:
            try:
                database.execute(
                    psycopg.sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(
                        psycopg.sql.Identifier(name)
                    )
                )
            except psycopg.errors.InsufficientPrivilege as refused:
                raise CopyFailed(
                    "The database role may not create the scratch database of the drill. Run `ALTER ROLE … CREATEDB` "
                    "as superuser, or make an empty database and name it with --scratch postgresql://…"
                ) from refused
        return PostgresqlCopier({**self.settings, "NAME": name})

    @property
    def url(self) -> str:
        """The address of the database as DATABASE_URL has it, with the password."""
        parts = conninfo.conninfo_to_dict(self.address)
        host, name, user = (str(parts.pop(each, "")) for each in ("host", "dbname", "user"))
        port = f":{parts.pop('port')}" if "port" in parts else ""
        login = f"{quote(user, safe='')}:{quote(self.password, safe='')}@" if user or self.password else ""
        query = {"host": host, **{each: str(value) for each, value in parts.items()}}
        return f"postgresql://{login}{port}/{quote(name, safe='')}?{urlencode(query)}"

    def drop(self, name: str) -> None:
        """Drop a database that `make` created."""
        with self._connected(autocommit=True) as database:
            database.execute(
                psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name))
            )

    def _connected(self, *, autocommit: bool = False) -> Any:
        try:
            return psycopg.connect(self.address, password=self.password or None, autocommit=autocommit)
        except psycopg.OperationalError as wrong:
            raise CopyFailed(f"The database does not answer: {str(wrong).strip()}") from wrong

    def _dumped(self, snapshot: str) -> Iterator[bytes]:
        command = [
            "pg_dump",
            "--dbname",
            self.address,
            "--format=custom",
            "--compress=1",
            f"--snapshot={snapshot}",
            # Derived from SECRET_KEY, readable by the owner only; `migrate` makes it again after a restore.
            f"--exclude-table={KEY_TABLE}",
        ]
        with (
            tempfile.TemporaryFile() as complaints,
            self._running(command, complaints, stdout=subprocess.PIPE) as run,
        ):
            assert run.stdout is not None  # noqa: S101  it was asked for above
            try:
                while piece := run.stdout.read(PIECE_BYTES):
                    yield piece
            except BaseException:
                run.kill()
                raise
            self._finished(run, complaints, "pg_dump")

    def _running(self, command: list[str], complaints: Any, **pipes: Any) -> subprocess.Popen[bytes]:
        # In the environment: the arguments of a process are visible to every user of the machine.
        environment = {**os.environ, **({"PGPASSWORD": self.password} if self.password else {})}
        try:
            return subprocess.Popen(command, env=environment, stderr=complaints, **pipes)  # noqa: S603  our own words
        except FileNotFoundError as missing:
            raise CopyFailed(
                f"{command[0]} is not installed on this machine: install the client programs of PostgreSQL "
                f"(Debian: apt install postgresql-client)."
            ) from missing

    def _finished(self, run: subprocess.Popen[bytes], complaints: Any, program: str) -> None:
        if run.wait() == 0:
            return
        complaints.seek(0)
        said = complaints.read(2000).decode(errors="replace").strip()
        if "server version mismatch" in said:
            said += " – install the client programs of the server's version (Debian: postgresql-client-<version>)."
        raise CopyFailed(f"{program} failed: {said}")


def one(cursor: Any) -> tuple[Any, ...]:
    """Return the only row of a query."""
    row = cursor.fetchone()
    if row is None:
        raise CopyFailed("The database gave no answer to a query that always has one.")
    return row


def _opened(path: Path) -> sqlite3.Connection:
    """Open a file that exists; the backup interface needs no function of ours."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=60)


def _compressed(path: Path) -> Iterator[bytes]:
    packing = zlib.compressobj(1)
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield packing.compress(piece)
    yield packing.flush()
