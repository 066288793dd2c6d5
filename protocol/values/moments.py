"""Moments of stated precision: a year, a month, a day, or a minute in one time zone.

A `Moment` keeps what was entered and nothing more: `2021-01` has no day and is never read as the first of January
(DAT-05). A minute keeps its UTC offset, so that 02:30 in the night the clocks go back is one of two instants.
Stored as an ISO 8601 prefix, or as RFC 9557 (`2026-03-28T14:00+01:00[Europe/Brussels]`) for a minute.
Comparisons work on intervals and return True, False or None (undecided). No Django.
"""

import datetime as dt
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from protocol.values.months import month_beginnings, plain
from protocol.values.refusals import ValueRefused, gettext_noop
from protocol.values.site_clock import (
    AmbiguousTime,
    minutes_east,
    offset_at,
    offset_minutes,
    offsets_of,
)
from protocol.values.writing import day_text, minute_text, offset_text, partial_date_text

__all__ = [
    "AmbiguousTime",
    "Moment",
    "Precision",
    "after",
    "before",
    "days_between",
    "last_short_year",
    "minutes_between",
    "parse_day",
    "parse_minute",
    "parse_moment",
    "years_between",
]

Precision = Literal["year", "month", "day", "minute"]

FIRST_YEAR, LAST_YEAR = 1900, 2100
# Shown in sentences as the way to type a date; its month reads alike in every language.
EXAMPLE = dt.date(2025, 10, 9)
WHOLE_DAY = gettext_noop("Type the whole date and no time, like %(example)s.")
DAY, MINUTE = dt.timedelta(days=1), dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """A year, month, day or minute. `zone` is an IANA name; `offset` is in minutes east of UTC."""

    year: int
    month: int | None = None
    day: int | None = None
    hour: int | None = None
    minute: int | None = None
    offset: int | None = None
    zone: str | None = None

    @classmethod
    def from_iso(cls, text: str, zone: str | None = None) -> "Moment":
        """Return the moment that `.iso` wrote. A date takes the time zone `zone`. Raises ValueError."""
        return _stored(text, zone)

    @classmethod
    def from_datetime(cls, instant: dt.datetime, zone: str) -> "Moment":
        """Return the minute of an aware datetime in the time zone `zone`; seconds are cut off."""
        wall = instant.astimezone(ZoneInfo(zone))
        return cls(wall.year, wall.month, wall.day, wall.hour, wall.minute, minutes_east(wall), zone)

    @classmethod
    def from_date(cls, day: dt.date, zone: str | None = None) -> "Moment":
        """Return a whole day."""
        return cls(day.year, day.month, day.day, zone=zone)

    @property
    def precision(self) -> Precision:
        """Finest part that is known."""
        if self.month is None:
            return "year"
        if self.day is None:
            return "month"
        return "day" if self.hour is None else "minute"

    @property
    def iso(self) -> str:
        """Stored form: `2021`, `2021-01`, `2021-01-05`, or RFC 9557 with offset and zone."""
        text = "-".join([f"{self.year:04}", *(f"{part:02}" for part in (self.month, self.day) if part)])
        if self.hour is None:
            return text
        return f"{text}T{self.hour:02}:{self.minute:02}{offset_text(self.offset or 0)}[{self.zone}]"

    @property
    def date(self) -> dt.date | None:
        """Local day, or None if it is not known."""
        return None if self.day is None else self.first_day

    @property
    def wall(self) -> dt.datetime:
        """First local clock time that this may be, as a naive datetime."""
        clock = dt.time(self.hour or 0, self.minute or 0)
        return dt.datetime.combine(self.first_day, clock)

    @property
    def first_day(self) -> dt.date:
        """Earliest local day that this may be."""
        return dt.date(
            self.year, 1 if self.month is None else self.month, 1 if self.day is None else self.day
        )

    @property
    def last_day(self) -> dt.date:
        """Latest local day that this may be."""
        if self.day is not None:
            return self.first_day
        month = self.month or 12
        return dt.date(self.year + month // 12, month % 12 + 1, 1) - DAY

    @property
    def earliest(self) -> dt.datetime:
        """Earliest instant that this may be, aware, UTC. A day without a zone is taken in UTC."""
        return self._instant() if self.hour is not None else _midnight(self.first_day, self.zone)

    @property
    def latest(self) -> dt.datetime:
        """Last minute that this may be, aware, UTC; equal to `earliest` for a minute."""
        return (
            self._instant() if self.hour is not None else _midnight(self.last_day + DAY, self.zone) - MINUTE
        )

    def _instant(self) -> dt.datetime:
        return self.wall.replace(tzinfo=dt.UTC) - (self.offset or 0) * MINUTE

    def day_in(self, zone: str) -> dt.date | None:
        """Return the day in the time zone `zone`. A whole day is the same in every zone; a partial date gives None."""
        return self.date if self.hour is None else self._instant().astimezone(ZoneInfo(zone)).date()

    def placed(self, zone: str | None) -> "Moment":
        """Return the same moment; one without a zone takes this zone."""
        return self if self.zone is not None or zone is None else replace(self, zone=zone)

    def display(self, language: str) -> str:
        """Return `09-Oct-2025 14:05`, `09-Oct-2025`, `UNK-JAN-2021`, `UNK-UNK-2021`; offset shown if it decides."""
        if self.month is None or self.day is None:
            return partial_date_text(self.year, self.month, language)
        if self.hour is None:
            return day_text(self.first_day, language)
        repeated = self.zone is not None and len(offsets_of(self.wall, self.zone)) == 2
        return minute_text(self.wall, language, (self.offset or 0) if repeated else None)

    def display_with_offset(self, language: str) -> str:
        """Return `09-Oct-2025 14:05 +02:00`; without a time of day, the same as `display`."""
        return (
            self.display(language)
            if self.hour is None
            else minute_text(self.wall, language, self.offset or 0)
        )

    def __str__(self) -> str:
        return self.iso


# A patient has some hundred dates, and a save compares each of them several times.
@lru_cache(maxsize=8192)
def _stored(text: str, zone: str | None) -> Moment:
    matched = STORED.fullmatch(text)
    if not matched:
        raise ValueError(f"not a stored moment: {text!r}")
    year, month, day, hour, minute, offset, own_zone = matched.groups()
    moment = Moment(
        *(int(year), _number(month), _number(day), _number(hour), _number(minute)),
        offset=None if offset is None else offset_minutes(offset),
        zone=own_zone or zone,
    )
    moment.wall  # noqa: B018  refuses a thirteenth month or a 31 February
    return moment


@lru_cache(maxsize=16384)
def before(a: Moment, b: Moment) -> bool | None:
    """Return True if `a` is before `b`, False if not, None if the known parts do not decide.

    Two moments without a clock time are compared in whole days, so a day is not before itself. A day and a minute
    within it are undecided.
    """
    if a.hour is None and b.hour is None:
        if a.last_day < b.first_day:
            return True
        return False if a.first_day >= b.last_day else None
    a, b = a.placed(b.zone), b.placed(a.zone)
    if a.latest < b.earliest:
        return True
    return False if a.earliest >= b.latest else None


def after(a: Moment, b: Moment) -> bool | None:
    """Return True if `a` is after `b`, False if not, None if undecided."""
    return before(b, a)


def days_between(a: Moment, b: Moment, zone: str | None = None) -> tuple[int, int]:
    """Return the fewest and the most calendar days from `a` to `b`, in the time zone `zone` (or their own)."""
    first_a, last_a = _day_bounds(a, zone)
    first_b, last_b = _day_bounds(b, zone)
    return (first_b - last_a).days, (last_b - first_a).days


def minutes_between(a: Moment, b: Moment) -> tuple[int, int]:
    """Return the fewest and the most elapsed minutes from `a` to `b`, correct across a change of the clocks."""
    a, b = a.placed(b.zone), b.placed(a.zone)
    return (b.earliest - a.latest) // MINUTE, (b.latest - a.earliest) // MINUTE


def years_between(a: Moment, b: Moment, zone: str | None = None) -> tuple[int, int]:
    """Return the fewest and the most completed years from `a` to `b`.

    In a year without 29 February, that birthday falls on 1 March.
    """
    first_a, last_a = _day_bounds(a, zone)
    first_b, last_b = _day_bounds(b, zone)
    return _whole_years(last_a, first_b), _whole_years(first_a, last_b)


def _whole_years(start: dt.date, end: dt.date) -> int:
    return end.year - start.year - ((end.month, end.day) < (start.month, start.day))


def _day_bounds(moment: Moment, zone: str | None) -> tuple[dt.date, dt.date]:
    day = moment.day_in(zone) if zone is not None else moment.date
    return (day, day) if day is not None else (moment.first_day, moment.last_day)


def _number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


@lru_cache(maxsize=4096)
def _midnight(day: dt.date, zone: str | None) -> dt.datetime:
    place = ZoneInfo(zone) if zone else dt.UTC
    return dt.datetime(day.year, day.month, day.day, tzinfo=place).astimezone(dt.UTC)


def parse_moment(
    text: str,
    zone: str,
    reference: dt.date | Moment | None = None,
    *,
    offset: str | None = None,
    now: dt.datetime | None = None,
) -> Moment:
    """Return the moment that a person typed, in the time zone `zone`. Raises ValueRefused with a sentence.

    Accepts `09-Oct-2025`, `9oct25`, `09/10/2025` (day first), ISO, partial dates (`jan 2021`, `UNK-JAN-2021`,
    `2021`), each full date with a time (`14:05`, `14h05`), and the letters `t` today, `y` yesterday, `v` the visit date
    (`reference`), `n` now. `offset` (`+02:00`) chooses between the two instants of a repeated clock time.
    """
    typed = plain(text)
    here = (now or dt.datetime.now(dt.UTC)).astimezone(ZoneInfo(zone))
    if typed == "n":
        return Moment.from_datetime(here, zone)
    for pattern in TYPED:
        if matched := pattern.fullmatch(typed):
            parts = matched.groupdict()
            day = _typed_day(parts, here.date(), reference)
            return _with_time(day, parts, zone, offset)
    sentence = gettext_noop("“%(text)s” is not a date: type it like %(example)s.")
    raise ValueRefused(sentence, text=text.strip(), example=EXAMPLE)


def parse_day(
    text: str, zone: str, reference: dt.date | Moment | None = None, *, now: dt.datetime | None = None
) -> Moment:
    """Read a whole day as a person typed it. Raises ValueRefused, also for a partial date or a time."""
    moment = parse_moment(text, zone, reference, now=now)
    if moment.precision != "day":
        raise ValueRefused(WHOLE_DAY, example=EXAMPLE)
    return moment


def parse_minute(
    text: str, zone: str, reference: dt.date | Moment | None = None, *, now: dt.datetime | None = None
) -> Moment:
    """Read a day with its time as a person typed it. Raises ValueRefused, also for a date without a time."""
    moment = parse_moment(text, zone, reference, now=now)
    if moment.precision != "minute":
        raise ValueRefused(
            gettext_noop("Type the day and the time, like %(example)s 14:05."), example=EXAMPLE
        )
    return moment


def _typed_day(parts: dict[str, str | None], today: dt.date, visit: dt.date | Moment | None) -> Moment:
    if letter := parts.get("letter"):
        return Moment.from_date(_lettered(letter, today, visit))
    year = _year(parts["year"] or "", today)
    month, day = parts.get("month"), parts.get("day")
    moment = Moment(year, _month_of(month) if month else None, int(day) if day else None)
    try:
        moment.wall  # noqa: B018  refuses a 31 February
    except ValueError:
        raise ValueRefused(
            gettext_noop("There is no day %(day)s in that month: its last day is %(last)s."),
            day=day,
            last=replace(moment, day=None).last_day,
        ) from None
    return moment


def _month_of(text: str) -> int:
    if text.isdigit():
        if 1 <= int(text) <= 12:
            return int(text)
        raise ValueRefused(gettext_noop("There is no month %(month)s: type day, month, year."), month=text)
    if text in month_beginnings():
        return month_beginnings()[text]
    sentence = gettext_noop("“%(month)s” is not a month: type the date like %(example)s.")
    raise ValueRefused(sentence, month=text, example=EXAMPLE)


def _lettered(letter: str, today: dt.date, visit: dt.date | Moment | None) -> dt.date:
    if letter == "v":
        day = visit.date if isinstance(visit, Moment) else visit
        if day is None:
            raise ValueRefused(gettext_noop("The date of this visit is not known yet: type the date."))
        return day
    return today if letter == "t" else today - DAY


def last_short_year(today: dt.date) -> int:
    """Return the last two digits that mean 20yy: those of next year. All later ones mean 19yy."""
    return today.year + 1 - 2000


def _year(text: str, today: dt.date) -> int:
    year = int(text)
    if len(text) == 2:
        # Two digits mean this century up to next year, else the last century.
        year += 2000 if year <= last_short_year(today) else 1900
    if not FIRST_YEAR <= year <= LAST_YEAR:
        sentence = gettext_noop("The year %(year)s is outside %(first)s to %(last)s.")
        raise ValueRefused(sentence, year=text, first=FIRST_YEAR, last=LAST_YEAR)
    return year


def _with_time(day: Moment, parts: dict[str, str | None], zone: str, offset: str | None) -> Moment:
    hour, minute, named = parts.get("hour"), parts.get("minute"), parts.get("zone")
    if hour is None or minute is None:
        return replace(day, zone=zone)
    if named and named != zone.casefold():
        raise ValueRefused(
            gettext_noop("Times here are on the clock of %(zone)s: type that time."), zone=zone
        )
    if int(hour) > 23 or int(minute) > 59:
        sentence = gettext_noop("%(hour)s:%(minute)s is not a time: hours run from 00 to 23.")
        raise ValueRefused(sentence, hour=hour, minute=minute)
    timed = replace(day, hour=int(hour), minute=int(minute), zone=zone)
    return replace(timed, offset=offset_at(timed.wall, zone, parts.get("offset") or offset))


_OFFSET = r"z|[+-]\d{2}(?::?\d{2})?"
_TIME = (
    rf"(?:(?:t| ?, ?| )(?P<hour>\d{{1,2}}) ?[:h.]? ?(?P<minute>\d{{2}})(?::00)?"
    rf"(?: ?(?P<offset>{_OFFSET}))?(?:\[(?P<zone>[a-z_/+0-9-]+)\])?)?"
)
_YEAR = r"(?P<year>\d{4}|\d{2})"
_UNKNOWN = r"(?:unk|un|uk|xx|\?\??)"
TYPED = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        r"(?P<letter>[tyv])" + _TIME,
        r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})" + _TIME,
        r"(?P<day>\d{1,2})[-/. ](?P<month>\d{1,2})[-/. ]" + _YEAR + _TIME,
        r"(?P<day>\d{1,2})[-/. ]?(?P<month>[a-z]{3,})\.?[-/. ]?" + _YEAR + _TIME,
        rf"(?:{_UNKNOWN}[-/. ])?(?P<month>(?!unk)[a-z]{{3,}})\.?[-/. ]?(?P<year>\d{{4}})",
        r"(?P<year>\d{4})-(?P<month>\d{1,2})",
        r"(?P<month>\d{1,2})[-/.](?P<year>\d{4})",
        rf"(?:{_UNKNOWN}[-/. ]{_UNKNOWN}[-/. ])?(?P<year>\d{{4}})",
    )
)
STORED = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2})([+-]\d{2}:\d{2})\[([A-Za-z0-9_+/-]+)\])?)?)?", re.ASCII
)
