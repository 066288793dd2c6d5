"""The text over which hashes are computed: the same on every machine and database (docs/audit.md)."""

import hashlib
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest

from audit.canonical import canonical, sha256
from audit.sealing import merkle
from audit.stored_text import system_text

BRUSSELS = timezone(timedelta(hours=2))
CONTENT = {
    "words": "é",
    "at": datetime(2026, 6, 10, 14, 5, 0, 7, tzinfo=BRUSSELS),
    "on": date(2026, 6, 10),
    "clock": time(14, 5),
    "large": Decimal("1E+2"),
    "small": Decimal("1.50"),
    "raw": [b"\x01\xff", memoryview(b"\x02")],
    "none": None,
}
TEXT = (
    '{"at":"2026-06-10T12:05:00.000007Z","clock":"14:05:00","large":"100","none":null,"on":"2026-06-10",'
    '"raw":["01ff","02"],"small":"1.50","words":"é"}'
)


def test_a_content_has_one_text_with_sorted_keys_and_times_in_utc():
    assert canonical(CONTENT) == TEXT
    assert canonical(dict(reversed(CONTENT.items()))) == TEXT
    assert canonical({"at": CONTENT["at"].astimezone(UTC)}) == '{"at":"2026-06-10T12:05:00.000007Z"}'


def test_the_hash_is_that_of_the_text():
    assert sha256(CONTENT) == hashlib.sha256(TEXT.encode()).hexdigest()


def test_a_text_of_the_system_is_hashed_as_it_is_stored():
    """Not in the words of whoever asks."""
    stored = system_text("dosing.not_planned", version="1.1")
    assert canonical([stored]) == canonical([stored.stored])
    assert "dosing.not_planned" in canonical(stored)


@pytest.mark.parametrize("value", [{1, 2}, object(), 1j])
def test_what_has_no_one_text_is_refused(value):
    with pytest.raises(TypeError, match="has no canonical form"):
        canonical({"value": value})


def test_no_row_at_all_has_the_root_of_the_empty_text():
    assert merkle.Tree().root() == hashlib.sha256(b"").digest()
