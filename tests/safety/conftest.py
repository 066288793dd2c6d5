"""Adverse events happen on known days: a deadline counted in hours must not cross a change of the clocks by chance."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine

NOW = datetime(2026, 9, 15, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True, scope="module")
def _on_a_known_day() -> Iterator[None]:
    """It is the fifteenth of September 2026, whenever the tests run; the clock goes on."""
    with time_machine.travel(NOW, tick=True):
        yield
