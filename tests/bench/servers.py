"""Run gunicorn with two workers and read their CPU seconds and peak memory."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A start imports everything: seconds on a quiet machine, a minute on one that is busy with other work.
START_WITHIN_SECONDS = 300


def free_port() -> int:
    """Return a free TCP port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A running gunicorn process and its workers."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process, self.port = process, port

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children]

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that all threads of the workers have used, from the kernel's scheduler statistics."""
        total = 0
        for pid in self.workers():
            for task in Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def forget_peaks(self) -> None:
        """Reset the peak memory of the workers, because a sign-in uses 64 MB by design (Argon2)."""
        for pid in self.workers():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peak_megabytes(self) -> float:
        """Return the largest peak of resident memory of one worker since `forget_peaks`, in MB."""
        peaks = []
        for pid in self.workers():
            status = Path(f"/proc/{pid}/status").read_text()
            peaks.append(int(status.split("VmHWM:")[1].split()[0]) / 1024)
        return max(peaks)


@contextmanager
def serving(
    application: str,
    environment: dict[str, str],
    *,
    root: Path = ROOT,
    python: str = sys.executable,
    under: Sequence[str] = (),
    log: Path | None = None,
) -> Iterator[Server]:
    """Serve a WSGI application of a checkout with two workers until the block ends.

    `under` is a command that starts the server as its child, such as a tracer; `log` a file for what it says.
    """
    port = free_port()
    command = [
        *under,
        python,
        "-m",
        "gunicorn",
        application,
        "--bind",
        f"127.0.0.1:{port}",
        "--workers",
        "2",
        "--threads",
        "2",
        "--timeout",
        "300",
        "--keep-alive",
        "600",
        "--log-level",
        "warning",
        "--preload",
    ]
    said = log.open("a") if log else None
    process = subprocess.Popen(command, cwd=root, env={**os.environ, **environment}, stderr=said)
    if said:
        said.close()
    try:
        _wait(process, port)
        yield Server(process, port)
    finally:
        server = Server(process, port)
        os.kill(server.workers()[0] if under else process.pid, signal.SIGTERM)
        process.wait(timeout=60)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError("the server ended before it answered")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the server did not answer within {START_WITHIN_SECONDS} s")
