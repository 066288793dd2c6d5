"""Adverse events on known days, so that a deadline in hours does not cross a clock change by chance."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine

NOW = datetime(2026, 9, 15, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True, scope="module")
def _on_a_known_day() -> Iterator[None]:
    """It is 15 September 2026 whenever the tests run; time goes on."""
    with time_machine.travel(NOW, tick=True):
        yield
