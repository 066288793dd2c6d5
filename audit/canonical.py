"""Canonical JSON text, the same on every machine and database; hashes are computed over it."""

import hashlib
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any


def canonical(content: Any) -> str:
    """Return JSON with sorted keys and without spaces.

    Times are in UTC to the microsecond, decimals are digits without an exponent. Raises TypeError for a value that has
    no canonical form.
    """
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_plain)


def sha256(content: Any) -> str:
    """Return the SHA-256 of the canonical text, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def _plain(value: Any) -> str:
    match value:
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case date() | time():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case bytes() | memoryview():
            return bytes(value).hex()
    if isinstance(stored := getattr(value, "stored", None), str):
        return stored  # audit.stored_text: hashes are of the column, not of its words in some language
    raise TypeError(f"{type(value).__name__} has no canonical form")
