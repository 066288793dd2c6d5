"""Run a function in a fork of this process, with a limit of time and memory, and return what it answered."""

import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

MEMORY_BYTES = 3 * 1024**3


class OutOfTime(Exception):
    """The fork did not answer in time and was ended."""


class Broken(Exception):
    """The fork ended without an answer."""


def in_fork(answer: Callable[[], Any], *, seconds: float) -> Any:
    """Return what the function returns, as JSON keeps it. Raises OutOfTime, and Broken if the fork died."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(answer, writing)
    os.close(writing)
    try:
        text = _read(reading, seconds)
    except OutOfTime:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        os.close(reading)
        os.waitpid(child, 0)
    if not text:
        raise Broken
    return json.loads(text)


def print_to(log: Path) -> None:
    """Write what this process prints to a file from now on: a fault makes the tests print a lot."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(file, stream)


def _answer(answer: Callable[[], Any], writing: int) -> NoReturn:
    try:
        # A fault may fill the memory before its time is over.
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        text = json.dumps(answer())
        os.write(writing, text.encode())
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _read(reading: int, seconds: float) -> bytes:
    until, parts = time.monotonic() + seconds, []
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise OutOfTime
        part = os.read(reading, 65536)
        if not part:
            return b"".join(parts)
        parts.append(part)
