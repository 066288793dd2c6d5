"""Moments of a tablet: what its clock said, corrected by the difference to the server's clock. No Django.

The page holds the server's time when it was made; the difference to the tablet's clock at that instant is the offset.
A tap is recorded at the tablet's time minus the offset, with the offset beside it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# Measuring the offset takes the time of one answer of the server, and the sent moments are whole seconds.
TOLERANCE = timedelta(seconds=90)
SENT_LATER_AFTER = timedelta(seconds=30)
MOST_OFFSET_SECONDS = 10 * 365 * 24 * 3600
MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class Tap:
    """When something was done: `at` is UTC; `offset` is in seconds, tablet less server, None if typed or now."""

    at: datetime
    offset: int | None
    sent_later: bool


def tap_of(tapped_ms: int, offset_ms: int, now: datetime) -> Tap:
    """Return the tap at a tablet's time in milliseconds since 1970. Raises ValueError for impossible numbers.

    offset_ms: tablet's clock less the server's, measured when the page was opened. now: the server's time.
    """
    if abs(offset_ms) > MOST_OFFSET_SECONDS * MILLISECONDS or not 0 < tapped_ms < 10**14:
        raise ValueError("no moment of a tablet")
    at = datetime.fromtimestamp((tapped_ms - offset_ms) // MILLISECONDS, UTC)
    return Tap(at, round(offset_ms / MILLISECONDS), now - at > SENT_LATER_AFTER)


def is_future(at: datetime, now: datetime) -> bool:
    """Return True if a moment has not come yet; a clock may be ahead by what measuring the offset takes."""
    return at - now > TOLERANCE
