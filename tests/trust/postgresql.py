"""A PostgreSQL server of its own, as it is installed: it syncs each commit. It can be killed and comes back."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from pwd import getpwnam

PROGRAMS = Path("/usr/lib/postgresql")
AGAIN_WITHIN_SECONDS = 60


class DatabaseServer:
    """A running server whose data lie in a folder; `url` is the address of its empty database `stroma`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.bin = max(PROGRAMS.glob("*/bin"), key=lambda path: int(path.parent.name))
        self.url = f"postgresql://stroma@/stroma?host={folder}"

    def run(self, program: str, *arguments: str, under: Sequence[str] = ()) -> None:
        """Run a program of the server as its owner, `under` a tracer. Raises RuntimeError with what it said."""
        command: Sequence[str] = [str(self.bin / program), *arguments]
        if os.getuid() == 0:
            command = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", *command]
        # A file: the server would hold a pipe open for as long as it runs.
        with (self.folder / "said").open("w+") as said:
            done = subprocess.run([*under, *command], cwd=self.folder, stdout=said, stderr=said, check=False)
            said.seek(0)
            if done.returncode:
                log = self.folder / "log"
                raise RuntimeError(
                    f"{program}: {said.read()}{log.read_text()[-2000:] if log.exists() else ''}"
                )

    def make(self) -> None:
        """Make the server and its database, and start it."""
        if os.getuid() == 0:
            owner = getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self.run(
            "initdb", "-D", str(self.data), "-U", "stroma", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"
        )
        self.start()
        self.run("createdb", "-h", str(self.folder), "-U", "stroma", "stroma")

    def start(self, *, under: Sequence[str] = ()) -> None:
        """Start it and wait until it has recovered. Raises RuntimeError after a minute.

        `under`: a tracer that stays when the command has ended (`strace -D`).
        """
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c max_connections=60"
        waiting = ["-w", "-t", str(AGAIN_WITHIN_SECONDS), "-l", str(self.folder / "log")]
        self.run("pg_ctl", "-D", str(self.data), *waiting, "-o", options, "start", under=under)

    def processes(self) -> list[int]:
        """Return the ids of its first process and of all that this one started."""
        first = int((self.data / "postmaster.pid").read_text().split()[0])
        return [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]

    def kill(self) -> None:
        """Kill every process with SIGKILL, and wait until none is left: the server starts only then."""
        # It would start others while the rest is killed.
        os.kill(self.processes()[0], signal.SIGSTOP)
        pids = self.processes()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # Also one that has ended but of which nobody has taken note: a new server takes it for a running one.
        deadline = time.monotonic() + AGAIN_WITHIN_SECONDS
        while any(Path(f"/proc/{pid}").exists() for pid in pids):
            if time.monotonic() > deadline:
                raise RuntimeError("the killed processes of the database server do not go away")
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop it."""
        self.run("pg_ctl", "-D", str(self.data), "-m", "fast", "stop")


@contextmanager
def database_server() -> Iterator[DatabaseServer]:
    """Yield a server and remove it afterwards."""
    with tempfile.TemporaryDirectory() as name:
        server = DatabaseServer(Path(name))
        server.make()
        try:
            yield server
        finally:
            # Without a shutdown of its own: the folder is removed anyway.
            with suppress(RuntimeError):
                server.run("pg_ctl", "-D", str(server.data), "-m", "immediate", "stop")
