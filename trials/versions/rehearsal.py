"""Before a protocol file is stored, every page of it is rendered on invented patients in a database of its own.

The rehearsal runs in another process with a SQLite file that is deleted afterwards: nothing of it can reach the
database of the trial, whatever the file makes the pages do.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings

LONGEST_SECONDS = 900


class RehearsalFailed(ValueError):
    """The rehearsal itself ended without a result."""


@dataclass(frozen=True, slots=True)
class RehearsalResult:
    """How many pages were rendered, which failed (a line each), and which steps no patient could take."""

    pages: int
    faults: tuple[str, ...]
    notes: tuple[str, ...]


def rehearse(text: str, *, before: str = "") -> RehearsalResult:
    """Render every page of the protocol `text`, an amendment of `before`, in a scratch database.

    A shipped file takes about half a minute. Raises RehearsalFailed if the process gives no result.
    """
    with TemporaryDirectory(prefix="stroma-rehearsal-") as folder:
        place = Path(folder)
        arguments = [str(_written(place / "protocol.toml", text))]
        if before:
            arguments += ["--before", str(_written(place / "before.toml", before))]
        try:
            done = subprocess.run(  # noqa: S603  our own interpreter, our own command, files that we wrote
                [sys.executable, str(settings.BASE_DIR / "manage.py"), "rehearse_protocol", *arguments],
                env=_environment(place),
                cwd=settings.BASE_DIR,
                capture_output=True,
                text=True,
                timeout=LONGEST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise RehearsalFailed(f"it took longer than {LONGEST_SECONDS} seconds") from error
    if done.returncode != 0:
        raise RehearsalFailed("\n".join((done.stderr or done.stdout).strip().splitlines()[-8:]))
    return _result(done.stdout)


def _written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def _environment(folder: Path) -> dict[str, str]:
    """Return the environment of the other process: no secret, no address of this installation's data."""
    kept = {
        name: os.environ[name] for name in ("PATH", "LANG", "HOME", "TZ", "VIRTUAL_ENV") if name in os.environ
    }
    return {
        **kept,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "STROMA_ENV": "test",
        "STROMA_DATA": str(folder),
        "DATABASE_URL": f"sqlite://{folder}/rehearsal.sqlite3",
    }


def _result(output: str) -> RehearsalResult:
    found = json.loads(output.strip().splitlines()[-1])
    faults = tuple(f"{each['address']} ({each['role']}): {each['error']}" for each in found["faults"])
    return RehearsalResult(found["pages"], faults, tuple(found["notes"]))
