"""Times as E2B(R3) writes them: `CCYYMMDDhhmmss+ZZzz`, cut off where nothing finer is known."""

import re
from datetime import datetime, timedelta
from datetime import timezone as fixed

from protocol.values.moments import Moment

PATTERN = re.compile(
    r"(?P<year>\d{4})((?P<month>\d\d)((?P<day>\d\d)((?P<hour>\d\d)(?P<minute>\d\d)?(?P<second>\d\d)?)?)?)?"
    r"(?P<zone>[+-]\d{4})?"
)


def of_instant(instant: datetime) -> str:
    """Return an aware time to the second with its offset, for instance `20261025014000+0200`."""
    return instant.strftime("%Y%m%d%H%M%S%z")[:19]


def of_moment(moment: Moment) -> str:
    """Return a moment as precisely as it is known; a minute keeps its offset from UTC."""
    known = [f"{moment.year:04}", *(f"{part:02}" for part in (moment.month, moment.day) if part)]
    if moment.hour is None:
        return "".join(known)
    minutes = abs(moment.offset or 0)
    sign = "-" if (moment.offset or 0) < 0 else "+"
    return f"{''.join(known)}{moment.hour:02}{moment.minute or 0:02}{sign}{minutes // 60:02}{minutes % 60:02}"


def precision(text: str) -> int:
    """Return the number of digits that are known: 4 year, 6 month, 8 day, 14 second; 0 for a text that is no time."""
    parts = _parts(text)
    return 0 if parts is None else len(re.split("[+-]", text)[0])


def has_zone(text: str) -> bool:
    """Return whether the text ends in an offset from UTC."""
    return bool(re.search(r"[+-]\d{4}$", text))


def earliest(text: str) -> datetime | None:
    """Return the first instant that the text may mean, or None for a text that is no time.

    A text without an offset may be as early as it is anywhere: 14 hours before UTC.
    """
    parts = _parts(text)
    if parts is None:
        return None
    numbers = [int(parts[name] or least) for name, least in _LEAST]
    offset = parts["zone"] or "+1400"
    minutes = int(offset[1:3]) * 60 + int(offset[3:])
    zone = fixed(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
    return datetime(*numbers, tzinfo=zone)  # type: ignore[misc, arg-type]


_LEAST = (("year", "1"), ("month", "1"), ("day", "1"), ("hour", "0"), ("minute", "0"), ("second", "0"))


def _parts(text: str) -> dict[str, str | None] | None:
    match = PATTERN.fullmatch(text)
    if match is None:
        return None
    try:
        datetime(*(int(match[name] or least) for name, least in _LEAST))  # type: ignore[arg-type] # noqa: DTZ001
    except ValueError:
        return None
    return match.groupdict()
