"""A stored moment as the columns of a data file: local date and time, instant in UTC, time zone, precision.

Programs that read data files know ISO 8601 and no zone in brackets: R cuts such a text to midnight without a word. So
the local date and time stands alone, the instant beside it, and the name of the zone in a column of its own. No Django.
"""

import datetime as dt
import re
from functools import lru_cache
from typing import NamedTuple, cast

from protocol.values.moments import Moment


class MomentParts(NamedTuple):
    """The cells of one moment, each as text; all blank for a moment that nobody entered.

    local: ISO 8601 prefix without offset (`2021`, `2021-01`, `2021-01-05`, `2021-01-05T14:30`), at the site.
    utc: the instant (`2021-01-05T13:30:00Z`), blank unless the minute is known. zone: its IANA name, blank likewise.
    precision: year, month, day or minute.
    """

    local: str
    utc: str
    zone: str
    precision: str


NOTHING = MomentParts("", "", "", "")
MINUTE = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2})([+-]\d{2}:\d{2})\[([A-Za-z0-9_+/-]+)\]", re.ASCII)


@lru_cache(maxsize=64)
def _offset(text: str) -> dt.timedelta:
    """Return an offset such as `+01:30`. Raises ValueError for one of a day or more."""
    return cast("dt.timedelta", dt.datetime.fromisoformat(f"2000-01-01T00:00{text}").utcoffset())


# The same moments stand in neighbouring rows: the start of a visit, of an infusion.
@lru_cache(maxsize=512)
def moment_parts(stored: str) -> MomentParts:
    """Return the cells of a stored moment (`Moment.iso`). Raises ValueError for another text."""
    if not stored:
        return NOTHING
    if minute := MINUTE.fullmatch(stored):
        # Most moments of a study; without a `Moment` in a quarter of the time.
        local, offset, zone = minute.groups()
        utc = dt.datetime.fromisoformat(local) - _offset(offset)
        return MomentParts(local, f"{utc.isoformat()}Z", zone, "minute")
    moment = Moment.from_iso(stored)
    return MomentParts(moment.iso, "", "", moment.precision)
