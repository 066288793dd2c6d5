"""Tests without a browser begin on a known day, or on the one that `--pretend` names."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.utils.timezone import now

from tests.conftest import instant


def test_every_module_begins_at_the_instant_that_was_chosen(request):
    begun = request.config.getoption("--pretend")
    assert begun <= now() < begun + timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2028-02-29T23:30", datetime(2028, 2, 29, 23, 30, tzinfo=UTC)),
        ("2026-10-25T02:30+02:00", datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_an_instant_is_in_utc_unless_it_says_otherwise(text, read):
    assert instant(text) == read
