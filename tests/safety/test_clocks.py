"""Reporting clocks: 24 elapsed hours, and 7 and 15 calendar days at the site, over both clock changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.reporting_clocks.clocks import (
    SUSAR_DAYS,
    SUSAR_FATAL_DAYS,
    Span,
    Stage,
    days_deadline,
    hours_deadline,
    read,
    span,
)

BRUSSELS = ZoneInfo("Europe/Brussels")
ZONES = st.sampled_from(
    ["Europe/Brussels", "Europe/Madrid", "America/Havana", "Atlantic/Azores", "Asia/Kolkata"]
)
INSTANTS = st.integers(min_value=1_546_300_800, max_value=1_924_900_000).map(
    lambda second: datetime.fromtimestamp(second, UTC)
)


def brussels(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BRUSSELS, fold=fold)


def local(moment: datetime) -> str:
    return moment.astimezone(BRUSSELS).strftime("%Y-%m-%d %H:%M %Z")


@pytest.mark.parametrize(
    ("aware", "due"),
    [
        (brussels("2026-03-28 14:00"), "2026-03-29 15:00 CEST"),
        (brussels("2026-10-24 14:00"), "2026-10-25 13:00 CET"),
        (brussels("2026-10-25 02:30", fold=0), "2026-10-26 01:30 CET"),
        (brussels("2026-10-25 02:30", fold=1), "2026-10-26 02:30 CET"),
        (brussels("2026-06-10 14:00"), "2026-06-11 14:00 CEST"),
        (brussels("2024-02-28 23:30"), "2024-02-29 23:30 CET"),
        (brussels("2026-12-31 08:15"), "2027-01-01 08:15 CET"),
    ],
)
def test_a_serious_event_is_due_24_elapsed_hours_after_awareness(aware, due):
    """TIM, CTR 41(2): elapsed time across spring, autumn, leap day and year end."""
    assert local(hours_deadline(aware)) == due


@pytest.mark.parametrize(
    ("aware", "days", "due"),
    [
        (brussels("2026-03-27 23:30"), SUSAR_FATAL_DAYS, "2026-04-03 23:59 CEST"),
        (brussels("2026-03-27 23:30"), SUSAR_DAYS, "2026-04-11 23:59 CEST"),
        (brussels("2026-03-27 00:00"), SUSAR_FATAL_DAYS, "2026-04-03 23:59 CEST"),
        (brussels("2026-10-20 12:00"), SUSAR_FATAL_DAYS, "2026-10-27 23:59 CET"),
        (brussels("2024-02-25 12:00"), SUSAR_FATAL_DAYS, "2024-03-03 23:59 CET"),
        (brussels("2026-12-28 12:00"), SUSAR_DAYS, "2027-01-12 23:59 CET"),
    ],
)
def test_a_susar_is_due_at_the_end_of_the_last_calendar_day_of_the_site(aware, days, due):
    """TIM, CTR 42(2): the day of awareness is day 0."""
    assert local(days_deadline(aware, days=days, zone="Europe/Brussels")) == due


def test_the_day_of_awareness_is_the_day_at_the_site_not_in_utc():
    """TIM: 27 March 23:30 UTC is already the 28th in Brussels."""
    aware = datetime(2026, 3, 27, 23, 30, tzinfo=UTC)

    assert local(days_deadline(aware, days=7, zone="Europe/Brussels")) == "2026-04-04 23:59 CEST"


def test_a_deadline_on_a_sunday_stays():
    """CLK-03."""
    due = days_deadline(brussels("2026-03-22 10:00"), days=7, zone="Europe/Brussels")

    assert due.astimezone(BRUSSELS).strftime("%A %d") == "Sunday 29"


@given(aware=INSTANTS, hours=st.integers(min_value=1, max_value=96), zone=ZONES)
def test_elapsed_hours_are_the_same_on_every_wall(aware, hours, zone):
    """TIM: the deadline does not depend on the time zone of the awareness time."""
    due = hours_deadline(aware.astimezone(ZoneInfo(zone)), hours)

    assert due - aware == timedelta(hours=hours)
    assert due.tzinfo is UTC


@given(aware=INSTANTS, days=st.integers(min_value=0, max_value=60), zone=ZONES)
def test_a_calendar_deadline_is_the_last_instant_of_its_day(aware, days, zone):
    """TIM: whatever the length of the days between, even if the clock changes at midnight."""
    site = ZoneInfo(zone)
    due = days_deadline(aware, days=days, zone=zone)
    next_instant = (due + timedelta(microseconds=1)).astimezone(site)

    assert (due.astimezone(site).date() - aware.astimezone(site).date()).days == days
    assert (next_instant.date() - due.astimezone(site).date()).days == 1
    assert due >= aware


@pytest.mark.parametrize(
    ("hours", "stage"),
    [
        (0, "running"),
        (11.99, "running"),
        (12, "half"),
        (19.1, "half"),
        (19.2, "close"),
        (24, "close"),
        (24.001, "overdue"),
        (400, "overdue"),
    ],
)
def test_an_open_clock_escalates_at_50_80_and_100_percent(hours, stage):
    """CLK-01: a report exactly at the deadline is in time. The codes are those of the file of a listing."""
    start = brussels("2026-03-28 14:00")
    now = start.astimezone(UTC) + timedelta(hours=hours)
    reading = read(starts_at=start, due_at=hours_deadline(start), now=now)

    assert reading.stage is Stage(stage)
    assert reading.open
    assert reading.share == pytest.approx(hours / 24)


@pytest.mark.parametrize(("hours", "stage"), [(3, "in_time"), (24, "in_time"), (25.5, "late")])
def test_a_stopped_clock_shows_whether_the_report_was_in_time_for_ever(hours, stage):
    """CLK-05."""
    start = brussels("2026-03-28 14:00").astimezone(UTC)
    reading = read(
        starts_at=start,
        due_at=hours_deadline(start),
        now=start + timedelta(days=900),
        stopped_at=start + timedelta(hours=hours),
    )

    assert reading.stage is Stage(stage)
    assert not reading.open
    assert reading.late == (stage == "late")


@pytest.mark.parametrize(("seconds", "share"), [(0, 1.0), (1, 0.0), (2, 0.0)])
def test_a_clock_without_any_time_is_at_its_end_when_it_starts(seconds, share):
    """CLK-01: a deadline in the instant of awareness is due at once, and a report in that instant in time."""
    start = brussels("2026-03-28 14:00").astimezone(UTC)
    due = start + timedelta(seconds=seconds)

    assert read(starts_at=start, due_at=due, now=start).share == share
    assert read(starts_at=start, due_at=due, now=start, stopped_at=start).stage is Stage.IN_TIME
    assert read(starts_at=start, due_at=due, now=due + timedelta(seconds=1)).late


def test_the_time_left_is_shown_in_hours_and_minutes_and_then_the_time_by_which_it_is_late():
    """CLK-01."""
    start = brussels("2026-03-28 14:00").astimezone(UTC)
    due = hours_deadline(start)

    left = read(starts_at=start, due_at=due, now=start + timedelta(hours=18, minutes=32))
    late = read(starts_at=start, due_at=due, now=due + timedelta(days=1, hours=2, minutes=3, seconds=59))

    assert left.span == Span(days=0, hours=5, minutes=28)
    assert late.span == Span(days=1, hours=2, minutes=3)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400)))
def test_a_span_loses_less_than_a_minute(length):
    result = span(length)
    lost = length - timedelta(days=result.days, hours=result.hours, minutes=result.minutes)

    assert 0 <= result.hours < 24
    assert 0 <= result.minutes < 60
    assert timedelta(0) <= lost < timedelta(minutes=1)


def test_a_time_without_a_zone_is_refused():
    """TIM: the server's time zone must never decide."""
    naive = datetime.fromisoformat("2026-03-28 14:00")
    with pytest.raises(ValueError, match="zone"):
        hours_deadline(naive)
    with pytest.raises(ValueError, match="zone"):
        days_deadline(naive, days=7, zone="Europe/Brussels")
