"""Moments in the time zones of the sites: stored, shown, and compared as far as they are known (REQUIREMENTS A.6)."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.values.moments import (
    Moment,
    after,
    before,
    days_between,
    minutes_between,
    parse_moment,
    years_between,
)

BRUSSELS = "Europe/Brussels"
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def test_a_moment_knows_how_precise_it_is() -> None:
    known = ("2025", "2025-10", "2025-10-09", "2025-10-09T14:05+02:00[Europe/Brussels]")
    assert [Moment.from_iso(text).precision for text in known] == ["year", "month", "day", "minute"]
    assert [Moment.from_iso(text).date for text in known[:2]] == [None, None]
    assert [str(Moment.from_iso(text)) for text in known] == list(known)


def test_a_time_is_shown_with_its_offset_where_it_is_asked_for() -> None:
    minute = Moment.from_iso("2025-10-09T14:05+02:00[Europe/Brussels]")
    assert minute.display("en") == "09-Oct-2025 14:05"
    assert minute.display_with_offset("en") == "09-Oct-2025 14:05 +02:00"
    london = Moment.from_iso("2025-12-09T14:05+00:00[Europe/London]")
    assert london.display_with_offset("en") == "09-Dec-2025 14:05 +00:00"
    assert Moment.from_iso("2025-10").display_with_offset("en") == "UNK-OCT-2025"


def test_a_moment_keeps_its_zone_and_a_date_takes_that_of_the_site() -> None:
    minute, day = Moment.from_iso("2025-10-09T14:05+02:00[Europe/Brussels]"), Moment.from_iso("2025-10-09")
    assert minute.placed("Asia/Tokyo") == minute
    assert day.placed("Asia/Tokyo") == Moment.from_iso("2025-10-09", "Asia/Tokyo")
    assert (day.zone, day.placed("Asia/Tokyo").zone, day.placed(None).zone) == (None, "Asia/Tokyo", None)
    assert Moment.from_iso(minute.iso, "Asia/Tokyo").zone == BRUSSELS


def test_days_are_counted_on_the_clock_of_the_zone_that_is_asked_for() -> None:
    """TIM: 27 March 23:30 in Brussels is the 28th in Tokyo."""
    late, day = parse_moment("27-Mar-2026 23:30", BRUSSELS), Moment.from_iso("2026-03-28")
    assert days_between(late, day, BRUSSELS) == days_between(late, day) == (1, 1)
    assert days_between(late, day, "Asia/Tokyo") == (0, 0)
    assert days_between(Moment.from_iso("2026-03"), day, "Asia/Tokyo") == (-3, 27)


def test_a_time_at_greenwich_is_that_instant_and_its_repeated_hour_is_told() -> None:
    winter = Moment.from_iso("2026-10-25T01:30+00:00[Europe/London]")
    assert winter.earliest == dt.datetime(2026, 10, 25, 1, 30, tzinfo=dt.UTC)
    assert winter.display("en") == "25-Oct-2026 01:30 +00:00"


def test_minutes_between_a_minute_and_a_day_are_the_fewest_and_the_most() -> None:
    """A day without a zone is that of the other moment's site."""
    minute, day = Moment.from_iso("2025-10-09T14:05+02:00[Europe/Brussels]"), Moment.from_iso("2025-10-10")
    assert minutes_between(minute, day) == (595, 595 + 24 * 60 - 1)
    assert minutes_between(day, minute) == (-595 - 24 * 60 + 1, -595)
    assert Moment.from_iso("2025-10-10").earliest == dt.datetime(2025, 10, 10, tzinfo=dt.UTC)


def test_twenty_four_hours_across_the_spring_change_are_elapsed_hours() -> None:
    """TIM: awareness 28-Mar-2026 14:00 CET, 24 h later it is 15:00 CEST."""
    awareness = Moment.from_iso("2026-03-28T14:00+01:00[Europe/Brussels]")
    deadline = Moment.from_datetime(awareness.earliest + dt.timedelta(hours=24), BRUSSELS)
    assert deadline.iso == "2026-03-29T15:00+02:00[Europe/Brussels]"


def test_a_stored_minute_shows_the_same_on_a_server_in_another_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """TIM: displayed local times do not depend on the host's zone."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    moment = Moment.from_iso("2026-03-28T14:00+01:00[Europe/Brussels]")
    assert moment.display("en") == "28-Mar-2026 14:00"
    assert moment.earliest == dt.datetime(2026, 3, 28, 13, 0, tzinfo=dt.UTC)


def test_the_day_of_a_late_evening_depends_on_the_site() -> None:
    moment = parse_moment("27-Mar-2026 23:30", BRUSSELS)
    assert moment.day_in(BRUSSELS) == dt.date(2026, 3, 27)
    assert moment.day_in("Asia/Tokyo") == dt.date(2026, 3, 28)


@pytest.mark.parametrize(
    ("a", "b", "days"),
    [
        ("2024-02-28", "2024-03-01", (2, 2)),
        ("2025-02-28", "2025-03-01", (1, 1)),
        ("2025-12-31", "2026-01-01", (1, 1)),
        ("2026-03", "2026-03-10", (-21, 9)),
        ("2025", "2026", (1, 729)),
    ],
)
def test_days_are_counted_through_leap_days_and_year_ends(a: str, b: str, days: tuple[int, int]) -> None:
    """TIM: leap day, month end and year end; a partial date gives the fewest and the most."""
    assert days_between(Moment.from_iso(a), Moment.from_iso(b)) == days


@pytest.mark.parametrize(
    ("a", "b", "answer"),
    [
        ("2026-03", "2026-03-10", None),
        ("2026-02", "2026-03-10", True),
        ("2026-04", "2026-03-10", False),
        ("2026-03", "2026-03-01", False),
        ("2026-03-10", "2026-03-10", False),
        ("2026-03-10", "2026-03-10T00:00+01:00[Europe/Brussels]", False),
        ("2026-03-10", "2026-03-10T10:31+01:00[Europe/Brussels]", None),
        ("2026-03-10T10:31+01:00[Europe/Brussels]", "2026-03-10", None),
        ("2026-03-10T10:31+01:00[Europe/Brussels]", "2026-03-10T10:31+01:00[Europe/Brussels]", False),
        ("2026-03-10T10:31+01:00[Europe/Brussels]", "2026-03-10T10:32+01:00[Europe/Brussels]", True),
        ("2026-03-09", "2026-03-10T00:00+01:00[Europe/Brussels]", True),
        ("2026", "2026", None),
    ],
)
def test_order_is_decided_only_by_what_is_known(a: str, b: str, answer: bool | None) -> None:
    """TIM: an onset of 2026-03 is never compared as 2026-03-01."""
    assert before(Moment.from_iso(a), Moment.from_iso(b)) is answer
    assert after(Moment.from_iso(b), Moment.from_iso(a)) is answer


@pytest.mark.parametrize(
    ("stored", "first", "last"),
    [
        ("2025-11", "2025-11-01", "2025-11-30"),
        ("2025-12", "2025-12-01", "2025-12-31"),
        ("2025-02", "2025-02-01", "2025-02-28"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2025", "2025-01-01", "2025-12-31"),
        ("2025-11-30", "2025-11-30", "2025-11-30"),
    ],
)
def test_a_partial_date_ends_with_its_month_or_year(stored: str, first: str, last: str) -> None:
    """TIM, DAT-05: the interval is known to the day, and to the minute in the zone of the site."""
    moment = Moment.from_iso(stored, BRUSSELS)
    assert (moment.first_day.isoformat(), moment.last_day.isoformat()) == (first, last)
    site = dt.timezone(dt.timedelta(hours=1))
    assert moment.earliest.astimezone(site).isoformat() == f"{first}T00:00:00+01:00"
    assert moment.latest.astimezone(site).isoformat() == f"{last}T23:59:00+01:00"


def test_a_month_is_before_the_first_day_of_the_next() -> None:
    november = Moment.from_iso("2025-11")
    assert before(november, Moment.from_iso("2025-12-01")) is True
    assert before(november, Moment.from_iso("2025-11-30")) is None
    assert after(november, Moment.from_iso("2025-10-31")) is True


def test_an_age_from_a_year_of_birth_is_one_of_two() -> None:
    assert years_between(Moment.from_iso("1950"), Moment.from_iso("2020-06-15")) == (69, 70)
    assert years_between(Moment.from_iso("2004-02-29"), Moment.from_iso("2022-02-28")) == (17, 17)
    assert years_between(Moment.from_iso("2004-02-29"), Moment.from_iso("2022-03-01")) == (18, 18)
    born = Moment.from_iso("2000-06-15")
    assert years_between(born, Moment.from_iso("2020-06-15")) == (20, 20)
    assert years_between(born, Moment.from_iso("2020-06-14")) == (19, 19)


@pytest.mark.parametrize("text", ["", "2021-13", "2021-02-30", "2021-01-05T14:05", "2021-1-5", "21", "٢٠٢١"])
def test_a_stored_text_that_is_no_moment_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"day is out of range|month must be|not a stored moment"):
        Moment.from_iso(text)


DAYS = st.dates(dt.date(1900, 1, 1), dt.date(2099, 12, 31))
ZONES = st.sampled_from(
    [BRUSSELS, "Europe/Madrid", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe"]
)
PARTIAL = st.one_of(
    DAYS.map(lambda day: Moment(day.year)),
    DAYS.map(lambda day: Moment(day.year, day.month)),
    DAYS.map(Moment.from_date),
)
MINUTES = st.builds(
    lambda minutes, zone: Moment.from_datetime(EPOCH + dt.timedelta(minutes=minutes), zone),
    st.integers(min_value=525_600, max_value=67_000_000),
    ZONES,
)


@given(st.one_of(PARTIAL, MINUTES), st.sampled_from(["en", "fr", "es", "de"]))
def test_what_is_shown_can_be_typed_back(moment: Moment, language: str) -> None:
    """DAT-10: nothing is lost between screen and store."""
    zone = moment.zone or BRUSSELS
    assert parse_moment(moment.display(language), zone) == moment.placed(zone)
    assert Moment.from_iso(moment.iso, moment.zone) == moment


@given(MINUTES)
def test_a_minute_is_one_instant_inside_its_own_day(moment: Moment) -> None:
    whole_day = Moment.from_date(moment.first_day, moment.zone)
    assert whole_day.earliest <= moment.earliest == moment.latest <= whole_day.latest


@given(PARTIAL, PARTIAL)
def test_before_and_after_never_both_hold(a: Moment, b: Moment) -> None:
    assert not (before(a, b) and before(b, a))


@given(PARTIAL, PARTIAL)
def test_days_between_bounds_agree_with_the_order(a: Moment, b: Moment) -> None:
    fewest, most = days_between(a, b)
    assert fewest <= most
    assert before(a, b) is (True if fewest > 0 else False if most <= 0 else None)
