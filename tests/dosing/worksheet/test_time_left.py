"""How long is left to give a kit, in words (CEL-12)."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from dosing.worksheet.time_left import left_words

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (5 * 3600 + 54 * 60 + 33, "5 h 54 min left"),
        (-(5 * 3600 + 54 * 60 + 33), "5 h 54 min past"),
        (3600, "1 h 0 min left"),
        (3599, "59 min left"),
        (59, "0 min left"),
        (0, "0 min past"),
        (-60, "1 min past"),
        (-3600, "1 h 0 min past"),
        (100 * 3600, "100 h 0 min left"),
    ],
)
def test_the_time_is_told_in_whole_hours_and_minutes(seconds, words):
    with translation.override("en"):
        assert left_words(NOW + timedelta(seconds=seconds), NOW) == words
