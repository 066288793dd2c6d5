"""Run an operation in a process of its own, in which from its N-th write on the disk is full.

The parent has loaded everything, so that an attempt costs a fork and `strace`, which answers ENOSPC to each call that
writes, makes room, renames or syncs. On PostgreSQL the server's process of that connection can be the one that finds
no room. The operation says how it ended over a socket: a socket needs no disk.
"""

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CALLS = (
    "pwrite64", "pwritev", "write", "writev", "fallocate", "ftruncate", "mkdir", "rename", "fsync", "fdatasync",
)  # fmt: skip
HERE, SERVER = "here", "server"
# The name of the call, and the file: 'pwrite64(4</data/stroma.sqlite3-wal>, …) = -1 ENOSPC (…) (INJECTED)'.
CALLED = re.compile(r"^(?:\d+ +)?(?P<call>\w+)\((?P<rest>.*)$", re.MULTILINE)
Said = dict[str, Any]


class NotTraced(Exception):
    """`strace` could not attach: the machine lets nobody trace a process, or the process has ended."""


@dataclass
class Attempt:
    """How an operation ended on a disk that was full from one of its calls on.

    calls: in their order, each with the ending of its file's name. hit: how many of them found no room.
    """

    said: Said
    calls: list[str]
    hit: int


def attempt(
    operation: Callable[[], Said], *, with_room: Sequence[str] | None = None, whose: str = HERE
) -> Attempt:
    """Run the operation on a disk that has room for these calls and for no more; None: for all. Raises NotTraced.

    No database connection may be open: the child would inherit it.
    """
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        _run(operation, theirs, whose)
    theirs.close()
    answers = ours.makefile("r")
    ready = json.loads(answers.readline() or "{}")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "calls"
        tracer = _attached(ready.get("trace", [child]), log, with_room)
        ours.sendall(b"go\n")
        said = json.loads(answers.readline() or '{"ended": "the process was killed"}')
        os.waitpid(child, 0)
        tracer.send_signal(signal.SIGINT)
        tracer.communicate()
        found = [(match["call"], match["rest"]) for match in CALLED.finditer(log.read_text(errors="replace"))]
    ours.close()
    hit = sum("(INJECTED)" in rest for _call, rest in found)
    return Attempt(said, [f"{call} {_file(rest)}" for call, rest in found], hit)


def _file(rest: str) -> str:
    named = re.search(r"[/\w.-]+", rest.partition("<")[2] or rest.partition('"')[2])
    return Path(named[0]).suffix or Path(named[0]).name if named else ""


def _run(operation: Callable[[], Said], to_parent: socket.socket, whose: str) -> None:
    """Wait until the parent traces, run the operation, say how it ended, and end without any cleaning."""
    from django.db import connection, connections

    try:
        ready = {}
        if whose == SERVER:
            with connection.cursor() as cursor:
                # The log of the server is written by either of them.
                cursor.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")
                ready = {"trace": [connection.connection.info.backend_pid, *cursor.fetchone()]}
        to_parent.sendall(json.dumps(ready).encode() + b"\n")
        to_parent.recv(3)
        said = operation()
        # Closing copies the log of SQLite into the database: it must not fail otherwise than a save does.
        connections.close_all()
    except BaseException:
        said = {"ended": "traceback", "traceback": traceback.format_exc()[-3000:]}
    to_parent.sendall(json.dumps(said).encode() + b"\n")
    os._exit(0)


def _attached(pids: list[int], log: Path, with_room: Sequence[str] | None) -> "subprocess.Popen[str]":
    """Trace processes. `strace` counts each kind of call for itself."""
    injecting: list[str] = []
    if with_room is not None:
        done = Counter(call.split(" ")[0] for call in with_room)
        for call in CALLS:
            injecting += ["-e", f"inject={call}:error=ENOSPC:when={done[call] + 1}+"]
    tracing = ["-e", f"trace={','.join(CALLS)}", *injecting, "-e", "signal=none"]
    tracer = subprocess.Popen(
        ["strace", "-y", "-s", "0", "-o", str(log), *tracing, *(f"--attach={pid}" for pid in pids)],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert tracer.stderr is not None
    for _pid in pids:
        line = tracer.stderr.readline()
        if "attached" not in line:
            tracer.kill()
            raise NotTraced(line)
    return tracer
