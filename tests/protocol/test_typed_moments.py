"""Dates and times as users type them at the sites: read as they were meant, or refused (REQUIREMENTS A.6)."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.values.moments import (
    AmbiguousTime,
    Moment,
    minutes_between,
    parse_day,
    parse_minute,
    parse_moment,
)
from protocol.values.refusals import ValueRefused
from protocol.values.site_clock import offset_minutes

BRUSSELS = "Europe/Brussels"
NOON = dt.datetime(2025, 10, 10, 10, 0, tzinfo=dt.UTC)
VISIT = dt.date(2025, 10, 9)


def read(text: str, offset: str | None = None) -> str:
    return parse_moment(text, BRUSSELS, VISIT, offset=offset, now=NOON).iso


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("09-Oct-2025", "2025-10-09"),
        ("9oct25", "2025-10-09"),
        ("9 octobre 2025", "2025-10-09"),
        ("09/10/2025", "2025-10-09"),
        ("9.10.25", "2025-10-09"),
        ("2025-10-09", "2025-10-09"),
        ("05-sept-47", "1947-09-05"),
        ("15 août 2020", "2020-08-15"),
        ("15 DIC 2020", "2020-12-15"),
        ("29feb24", "2024-02-29"),
        ("t", "2025-10-10"),
        ("Y", "2025-10-09"),
        ("v", "2025-10-09"),
        ("jan 2021", "2021-01"),
        ("UNK-JAN-2021", "2021-01"),
        ("UNK-UNK-2021", "2021"),
        ("01/2021", "2021-01"),
        ("2021-01", "2021-01"),
        ("2021", "2021"),
        ("09-Oct-2025 14:05", "2025-10-09T14:05+02:00[Europe/Brussels]"),
        ("9oct25 1405", "2025-10-09T14:05+02:00[Europe/Brussels]"),
        ("9oct25 9h05", "2025-10-09T09:05+02:00[Europe/Brussels]"),
        ("v 14:05", "2025-10-09T14:05+02:00[Europe/Brussels]"),
        ("2025-10-09T14:05", "2025-10-09T14:05+02:00[Europe/Brussels]"),
        ("2025-10-09T14:05+02:00[Europe/Brussels]", "2025-10-09T14:05+02:00[Europe/Brussels]"),
        ("n", "2025-10-10T12:00+02:00[Europe/Brussels]"),
    ],
)
def test_a_date_is_read_the_way_a_nurse_types_it(typed: str, stored: str) -> None:
    """DAT-05: the stored form keeps the precision that was typed."""
    assert read(typed) == stored


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("yesterday", "“yesterday” is not a date: type it like 09-Oct-2025."),
        ("5 jui 21", "“jui” is not a month: type the date like 09-Oct-2025."),
        ("10/31/2025", "There is no month 31: type day, month, year."),
        ("31-Feb-2021", "There is no day 31 in that month: its last day is 28-Feb-2021."),
        ("00-Feb-2021", "There is no day 00 in that month: its last day is 28-Feb-2021."),
        ("9-Oct-0025", "The year 0025 is outside 1900 to 2100."),
        ("9oct25 25:00", "25:00 is not a time: hours run from 00 to 23."),
        ("9oct25 14:05 +03:00", "The clock of Europe/Brussels did not stand at +03:00 on 09-Oct-2025."),
        (
            "2025-10-09T14:05+02:00[Europe/Madrid]",
            "Times here are on the clock of Europe/Brussels: type that time.",
        ),
        ("9oct25 14:05:30", "“9oct25 14:05:30” is not a date: type it like 09-Oct-2025."),
    ],
)
def test_what_is_not_a_date_is_refused_with_a_sentence(typed: str, sentence: str) -> None:
    with pytest.raises(ValueRefused) as refused:
        read(typed)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("1900", "1900"),
        ("2100", "2100"),
        ("1jan1900", "1900-01-01"),
        ("31dec2100", "2100-12-31"),
        ("9oct26", "2026-10-09"),
        ("9oct27", "1927-10-09"),
        ("9oct00", "2000-10-09"),
        ("1/1/2021", "2021-01-01"),
        ("9/12/2021", "2021-12-09"),
        ("9oct25 00:00", "2025-10-09T00:00+02:00[Europe/Brussels]"),
        ("9oct25 23:59", "2025-10-09T23:59+02:00[Europe/Brussels]"),
    ],
)
def test_a_date_at_the_edge_of_what_is_accepted(typed: str, stored: str) -> None:
    """Two digits mean this century up to next year (2026 here), else the last century."""
    assert read(typed) == stored


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("1899", "The year 1899 is outside 1900 to 2100."),
        ("2101", "The year 2101 is outside 1900 to 2100."),
        ("9/13/2021", "There is no month 13"),
        ("9/0/2021", "There is no month 0"),
        ("9oct25 24:00", "24:00 is not a time"),
        ("9oct25 23:60", "23:60 is not a time"),
    ],
)
def test_a_date_just_beyond_the_edge_is_refused(typed: str, problem: str) -> None:
    with pytest.raises(ValueRefused, match=problem):
        read(typed)


def test_a_day_or_a_minute_is_asked_for_where_one_is_needed() -> None:
    assert parse_day("9oct25", BRUSSELS).iso == "2025-10-09"
    assert parse_minute("9oct25 14:05", BRUSSELS).precision == "minute"
    for typed in ("oct 2025", "2025", "9oct25 14:05"):
        with pytest.raises(ValueRefused, match="Type the whole date and no time"):
            parse_day(typed, BRUSSELS)
    for typed in ("oct 2025", "2025", "9oct25"):
        with pytest.raises(ValueRefused, match="Type the day and the time"):
            parse_minute(typed, BRUSSELS)


@pytest.mark.parametrize(
    ("written", "minutes"),
    [("+02:00", 120), ("+0200", 120), ("+02", 120), ("-03:30", -210), ("+05:45", 345), ("Z", 0), ("z", 0)],
)
def test_an_offset_is_read_in_minutes_east_of_greenwich(written: str, minutes: int) -> None:
    assert offset_minutes(written) == minutes


def test_a_time_typed_with_its_offset_is_that_instant() -> None:
    assert read("25-Oct-2026 02:30 +01:00") == "2026-10-25T02:30+01:00[Europe/Brussels]"
    assert read("25-Oct-2026 02:30", offset="+02:00") == "2026-10-25T02:30+02:00[Europe/Brussels]"
    assert parse_moment("2025-12-09 14:05z", "Europe/London").iso == "2025-12-09T14:05+00:00[Europe/London]"


def test_the_question_about_a_repeated_hour_names_both_clocks() -> None:
    with pytest.raises(AmbiguousTime) as asked:
        read("25-Oct-2026 02:30")
    assert str(asked.value) == (
        "02:30 happened twice on 25-Oct-2026 in Europe/Brussels: choose 02:30 +02:00, before the clocks went "
        "back, or 02:30 +01:00, after."
    )


def test_the_visit_letter_takes_the_day_of_a_visit_known_to_the_minute() -> None:
    visit = Moment.from_iso("2025-10-09T14:05+02:00[Europe/Brussels]")
    assert parse_moment("v", BRUSSELS, visit).iso == "2025-10-09"
    with pytest.raises(ValueRefused, match="not known yet"):
        parse_moment("v", BRUSSELS, Moment.from_iso("2025-10"))


def test_the_visit_letter_without_a_visit_date_asks_for_the_date() -> None:
    with pytest.raises(ValueRefused, match="not known yet"):
        parse_moment("v", BRUSSELS)


def test_the_repeated_hour_asks_which_and_both_instants_can_be_stored() -> None:
    """TIM: awareness at 02:30 on 25-Oct-2026 in Brussels is one of two instants an hour apart."""
    with pytest.raises(AmbiguousTime) as asked:
        read("25-Oct-2026 02:30")
    assert asked.value.offsets == ("+02:00", "+01:00")
    summer, winter = (
        parse_moment("25-Oct-2026 02:30", BRUSSELS, offset=offset) for offset in asked.value.offsets
    )
    assert minutes_between(summer, winter) == (60, 60)
    assert summer.display("en") == "25-Oct-2026 02:30 +02:00"
    assert parse_moment(winter.display("en"), BRUSSELS) == winter


def test_an_hour_that_the_clocks_skipped_is_refused() -> None:
    """TIM: 02:30 on 29-Mar-2026 does not exist in Brussels."""
    with pytest.raises(ValueRefused) as refused:
        read("29-Mar-2026 02:30")
    assert str(refused.value) == (
        "02:30 did not exist on 29-Mar-2026 in Europe/Brussels: the clocks went forward by 60 minutes. "
        "Type the time that the clock showed."
    )


def test_a_clock_that_jumps_by_half_an_hour_is_reported_as_such() -> None:
    """Lord Howe Island moves by 30 minutes."""
    with pytest.raises(ValueRefused, match="forward by 30 minutes"):
        parse_moment("2025-10-05 02:15", "Australia/Lord_Howe")


@given(st.text(max_size=24))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Any input is a moment or a sentence, never a fault."""
    try:
        moment = parse_moment(text, BRUSSELS, VISIT)
    except ValueRefused:
        return
    assert Moment.from_iso(moment.iso, BRUSSELS) == moment
