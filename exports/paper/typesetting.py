"""Make a PDF: stream the data to a file, set it in a separate process, return the hash of the data."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from django.conf import settings

from audit.stored_text import system_text
from exports.paper.groups import Divide, Progress, divided, set_in_groups

ROOT = Path(__file__).resolve().parents[2]
LONGEST_SECONDS = 900
# About 900 pages, which take minutes.
MOST_BYTES = 4_000_000
# Setting takes up to 2 MB of memory per page. A document of about 100 pages is set as one; a larger one in groups of
# about 60, which take as much processor time as groups of 100 and two thirds of the memory.
WHOLE_BYTES = 500_000
PART_BYTES = 300_000


class NotPrinted(Exception):
    """The document could not be made. Its argument is a stored text that tells the user why and what to do."""


@dataclass(frozen=True)
class Making:
    """When and by whom a document is made, as shown in it."""

    at: datetime
    at_words: str
    by: str


def typeset(
    *,
    template: str,
    head: Mapping[str, Any],
    parts: Iterable[Any],
    making: Making,
    out: Path,
    most_bytes: int | None = None,
    divide: Divide | None = None,
    progress: Progress = lambda share: None,
) -> str:
    """Write a PDF and return the SHA-256 of its data, which is printed on every page.

    `head` describes the document; `parts` are its patients or forms, read one by one, so only one is in memory.
    divide: divides a large part; the template can set some of the parts, or pieces of one, as a document of their own,
    so that a large one is set group by group and joined. progress: called with the share of the setting that is done,
    from 0 to 1, after each group; what it raises ends the setting. Raises NotPrinted if there is too much data, or if
    setting fails.
    """
    _need_compositor()
    with TemporaryDirectory() as folder:
        data = Path(folder) / "data.json"
        with data.open("wb") as file:
            sha256 = _stream(file, head, parts, most_bytes)
        made = _made(making, sha256)
        if divide and data.stat().st_size > WHOLE_BYTES:
            groups = divided(data, PART_BYTES, divide)
            set_in_groups(partial(_set, template), groups, made, out, progress)
        else:
            _set(template, data, made, out)
    return sha256


def typeset_placed(
    *, template: str, head: Mapping[str, Any], parts: Iterable[Any], making: Making, version: str
) -> tuple[bytes, list[tuple[int, int]]]:
    """Return a PDF and the pages (from 1) of the places that its template marks: (mark, page). See `typeset`.

    version: of the program, as the document states it.
    """
    _need_compositor()
    with TemporaryDirectory() as folder:
        data, out = Path(folder) / "data.json", Path(folder) / "document.pdf"
        with data.open("wb") as file:
            sha256 = _stream(file, {**head, "placed": True}, parts, None)
        places = json.loads(_set(template, data, {**_made(making, sha256), "version": version}, out))
        return out.read_bytes(), [(mark, page) for mark, page in places]


def _need_compositor() -> None:
    if find_spec("typst") is None:
        raise NotPrinted(system_text("document.no_typesetting"))


def _stream(file: BinaryIO, head: Mapping[str, Any], parts: Iterable[Any], most: int | None) -> str:
    """Write the data as JSON piece by piece and return its SHA-256."""
    digest, size = hashlib.sha256(), 0

    def write(text: str) -> None:
        nonlocal size
        # A lone surrogate has no UTF-8 form; it must not make the document fail.
        piece = text.encode("utf-8", "replace")
        digest.update(piece)
        size += file.write(piece)
        if most is not None and size > most:
            raise NotPrinted(system_text("document.too_large"))

    write(json.dumps(head, ensure_ascii=False, default=str)[:-1] + ', "parts": [')
    for number, part in enumerate(parts):
        write((",\n" if number else "\n") + json.dumps(part, ensure_ascii=False, default=str))
    write("]}")
    return digest.hexdigest()


def _made(making: Making, sha256: str) -> dict[str, Any]:
    return {
        "at": making.at_words,
        "by": making.by,
        "sha256": sha256,
        "version": settings.VERSION,
        "timestamp": int(making.at.timestamp()),
    }


def _set(template: str, data: Path, made: dict[str, Any], out: Path | None) -> str:
    """Set the data as PDF, and return what the compositor printed: pages or places, else nothing."""
    made_file = data.with_name("made.json")
    made_file.write_text(json.dumps(made, ensure_ascii=False), "utf-8")
    command = [sys.executable, "-m", "exports.paper.compositor", template, str(data), str(made_file)]
    try:
        done = subprocess.run(  # noqa: S603 (our own module; names of files that we chose)
            [*command, *([str(out)] if out else [])],
            cwd=ROOT,
            check=True,
            capture_output=True,
            timeout=LONGEST_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise NotPrinted(system_text("document.too_slow")) from None
    except subprocess.CalledProcessError as error:
        # A partial file must not be taken for a document.
        if out:
            out.unlink(missing_ok=True)
        last = error.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise NotPrinted(
            system_text("document.not_set", message=last[0][:300] if last else str(error.returncode))
        ) from None
    return done.stdout.decode()
