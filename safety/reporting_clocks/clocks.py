"""Reporting clocks: elapsed hours, and calendar days at the site. Arithmetic on instants, no Django.

Hours are counted in UTC, so a night of 23 or 25 hours does not move a deadline of 24 elapsed hours.
Days are counted on the site's calendar: the day of awareness is day 0, and the deadline is the end of
the last day, Sundays included (CLK-03).
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

SAE_HOURS = 24
SUSAR_FATAL_DAYS = 7
SUSAR_DAYS = 15
HALF, CLOSE, DUE = 0.5, 0.8, 1.0


class Stage(StrEnum):
    """Progress of a clock. An open report escalates at 50, 80 and 100 % of its time (CLK-01)."""

    RUNNING = "running"
    HALF = "half"
    CLOSE = "close"
    OVERDUE = "overdue"
    IN_TIME = "in_time"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Span:
    """A duration in whole days, hours and minutes, without a sign."""

    days: int
    hours: int
    minutes: int


@dataclass(frozen=True, slots=True)
class ClockReading:
    """State of a clock at one instant.

    span: time left, or time past the deadline.
    share: fraction of the allowed time that has passed; 1.0 is the deadline.
    """

    stage: Stage
    span: Span
    share: float

    @property
    def open(self) -> bool:
        """Return whether the report is still due."""
        return self.stage not in {Stage.IN_TIME, Stage.LATE}

    @property
    def late(self) -> bool:
        """Return whether the deadline passed before the report was made."""
        return self.stage in {Stage.OVERDUE, Stage.LATE}


def hours_deadline(aware_at: datetime, hours: int = SAE_HOURS) -> datetime:
    """Return the instant `hours` elapsed hours after awareness, in UTC (CTR Art. 41(2)).

    Raises ValueError for a time without a zone.
    """
    return _utc(aware_at) + timedelta(hours=hours)


def days_deadline(aware_at: datetime, *, days: int, zone: str) -> datetime:
    """Return the last microsecond of calendar day `days` at the site, in UTC; the day of awareness is day 0.

    Seven days for a fatal or life-threatening SUSAR, fifteen for another (CTR Art. 42(2)).
    Raises ValueError for a time without a zone.
    """
    return _end_of_day(_day_at_site(aware_at, zone) + timedelta(days=days), zone)


def months_deadline(starts_at: datetime, *, months: int, zone: str) -> datetime:
    """Return the last microsecond of the same day `months` calendar months later at the site, in UTC.

    In a shorter month it is the month's last day. Raises ValueError for a time without a zone.
    """
    day = _day_at_site(starts_at, zone)
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    return _end_of_day(date(year, month + 1, min(day.day, last)), zone)


def _day_at_site(moment: datetime, zone: str) -> date:
    return _utc(moment).astimezone(ZoneInfo(zone)).date()


def _end_of_day(last_day: date, zone: str) -> datetime:
    site = ZoneInfo(zone)
    # Local midnight first, then UTC: the last day may have 23 or 25 hours.
    midnight_after = datetime.combine(last_day + timedelta(days=1), time(), tzinfo=site)
    return midnight_after.astimezone(UTC) - timedelta(microseconds=1)


def read(
    *, starts_at: datetime, due_at: datetime, now: datetime, stopped_at: datetime | None = None
) -> ClockReading:
    """Return the state of a clock at `now`, or at `stopped_at` once the report was made.

    A report made exactly at the deadline is in time.
    """
    moment = _utc(stopped_at or now)
    late = moment > _utc(due_at)
    length = (_utc(due_at) - _utc(starts_at)).total_seconds()
    share = (moment - _utc(starts_at)).total_seconds() / length if length > 0 else DUE
    stage = _running(share, late=late) if stopped_at is None else Stage.LATE if late else Stage.IN_TIME
    return ClockReading(stage, span(abs(_utc(due_at) - moment)), share)


def span(length: timedelta) -> Span:
    """Return a duration in whole days, hours and minutes. Seconds are dropped."""
    minutes = int(length.total_seconds() // 60)
    return Span(days=minutes // 1440, hours=minutes % 1440 // 60, minutes=minutes % 60)


def _running(share: float, *, late: bool) -> Stage:
    if late:
        return Stage.OVERDUE
    if share >= CLOSE:
        return Stage.CLOSE
    return Stage.HALF if share >= HALF else Stage.RUNNING


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("A clock needs a time with its zone")
    return moment.astimezone(UTC)
