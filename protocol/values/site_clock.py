"""Local time at a site: which clock times exist, and at which offsets from UTC (REQUIREMENTS A.6)."""

import datetime as dt
from zoneinfo import ZoneInfo

from protocol.values.refusals import ValueRefused, gettext_noop
from protocol.values.writing import offset_text


class AmbiguousTime(ValueRefused):
    """A clock time that occurred twice; `offsets` holds both UTC offsets, the earlier instant first."""

    def __init__(self, wall: dt.datetime, zone: str, offsets: tuple[str, str]) -> None:
        self.offsets = offsets
        super().__init__(
            gettext_noop(
                "%(time)s happened twice on %(day)s in %(zone)s: choose %(time)s %(first)s, before the "
                "clocks went back, or %(time)s %(second)s, after."
            ),
            time=f"{wall:%H:%M}",
            day=wall.date(),
            zone=zone,
            first=offsets[0],
            second=offsets[1],
        )


def offset_at(wall: dt.datetime, zone: str, chosen: str | None = None) -> int:
    """Return the minutes east of UTC at the local time `wall`; `chosen` (`+02:00`) decides a repeated time.

    Raises AmbiguousTime for a repeated time without a choice, ValueRefused for a time that was skipped.
    """
    offsets = offsets_of(wall, zone)
    if not offsets:
        raise _skipped(wall, zone)
    if chosen is None and len(offsets) == 2:
        raise AmbiguousTime(wall, zone, (offset_text(offsets[0]), offset_text(offsets[1])))
    if chosen is not None and offset_minutes(chosen) not in offsets:
        raise ValueRefused(
            gettext_noop("The clock of %(zone)s did not stand at %(offset)s on %(day)s."),
            zone=zone,
            offset=chosen,
            day=wall.date(),
        )
    return offsets[0] if chosen is None else offset_minutes(chosen)


def offsets_of(wall: dt.datetime, zone: str) -> tuple[int, ...]:
    """Return the offsets at which a local time exists: none in a spring gap, two in the repeated autumn hour."""
    found: list[int] = []
    for fold in (0, 1):
        aware = wall.replace(tzinfo=ZoneInfo(zone), fold=fold)
        # A local time that was skipped comes back from UTC as another one.
        real = aware.astimezone(dt.UTC).astimezone(aware.tzinfo).replace(tzinfo=None) == wall
        if real and minutes_east(aware) not in found:
            found.append(minutes_east(aware))
    return tuple(found)


def _skipped(wall: dt.datetime, zone: str) -> ValueRefused:
    early = wall.replace(tzinfo=ZoneInfo(zone), fold=0)
    late = early.replace(fold=1)
    return ValueRefused(
        gettext_noop(
            "%(time)s did not exist on %(day)s in %(zone)s: the clocks went forward by %(minutes)s minutes. "
            "Type the time that the clock showed."
        ),
        time=f"{wall:%H:%M}",
        day=wall.date(),
        zone=zone,
        minutes=abs(minutes_east(late) - minutes_east(early)),
    )


def minutes_east(aware: dt.datetime) -> int:
    """Return the UTC offset of an aware datetime in whole minutes."""
    return (aware.utcoffset() or dt.timedelta()) // dt.timedelta(minutes=1)


def offset_minutes(offset: str) -> int:
    """Return `+02:00`, `+02`, `+0200` or `Z` in minutes east of UTC."""
    # “Z” has no digits: zero hours, zero minutes.
    digits = offset[1:].replace(":", "").ljust(4, "0")
    return (int(digits[:2]) * 60 + int(digits[2:])) * (-1 if offset[0] == "-" else 1)
