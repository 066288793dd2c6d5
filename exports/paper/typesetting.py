"""Make a PDF: stream the data to a file, set it in a separate process, return the hash of the data."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from django.conf import settings

from audit.stored_text import system_text

ROOT = Path(__file__).resolve().parents[2]
LONGEST_SECONDS = 900
# About 900 pages: setting takes about one megabyte of memory per page.
MOST_BYTES = 4_000_000


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
) -> str:
    """Write a PDF and return the SHA-256 of its data, which is printed on every page.

    `head` describes the document; `parts` are its patients or forms, read one by one, so only one is in memory.
    Raises NotPrinted if there is too much data, or if setting fails.
    """
    if find_spec("typst") is None:
        raise NotPrinted(system_text("document.no_typesetting"))
    with TemporaryDirectory() as folder:
        data = Path(folder) / "data.json"
        with data.open("wb") as file:
            sha256 = _stream(file, head, parts, most_bytes)
        _set(template, data, _made(making, sha256), out)
    return sha256


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


def _set(template: str, data: Path, made: dict[str, Any], out: Path) -> None:
    made_file = data.with_name("made.json")
    made_file.write_text(json.dumps(made, ensure_ascii=False), "utf-8")
    command = [
        sys.executable,
        "-m",
        "exports.paper.compositor",
        template,
        str(data),
        str(made_file),
        str(out),
    ]
    try:
        subprocess.run(  # noqa: S603 (our own module; names of files that we chose)
            command, cwd=ROOT, check=True, capture_output=True, timeout=LONGEST_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise NotPrinted(system_text("document.too_slow")) from None
    except subprocess.CalledProcessError as error:
        # A partial file must not be taken for a document.
        with suppress(FileNotFoundError):
            out.unlink()
        last = error.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise NotPrinted(
            system_text("document.not_set", message=last[0][:300] if last else str(error.returncode))
        ) from None
