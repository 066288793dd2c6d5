"""Read a protocol file from disk unchanged, byte for byte: its SHA-256 is part of the trail."""

from pathlib import Path

from django.core.management.base import CommandError

CONFIRM = (
    "A doubt is a rule that comes to nothing. Mend it, or, if it is meant, let a person confirm it in the file: "
    '[[confirmed]] with key = "…", reason = "…", by = "name", on = 2026-01-31.'
)
"""What to do about the doubts of a file."""


def text_of_file(file: Path) -> str:
    """Return the text of `file`. Raises CommandError if it is missing or not UTF-8."""
    try:
        return file.read_bytes().decode("utf-8")
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not UTF-8 text (byte {error.start})") from error
