"""Days, moments and numbers as they are written for a reader: read back to the same value in every language."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.values import writing
from protocol.values.moments import Moment, parse_day, parse_minute, parse_moment
from protocol.values.months import MONTHS, month_beginnings, month_text, plain
from protocol.values.parsing import canonical
from protocol.values.refusals import ValueRefused

LANGUAGES = ("en", "fr", "es", "fr-be", "de")
ZONE = "Europe/Brussels"
EPOCH, MINUTE = dt.datetime(1970, 1, 1, tzinfo=dt.UTC), dt.timedelta(minutes=1)
FIRST, LAST = dt.date(2000, 1, 1), dt.date(2100, 12, 31)
EVERY_DAY = [FIRST + dt.timedelta(days=number) for number in range((LAST - FIRST).days + 1)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_twelve_months_differ_and_each_is_read_back(language: str) -> None:
    """DAT-05: no abbreviation means two months, as "jui" does in French."""
    words = [month_text(month, language) for month in range(1, 13)]
    assert len(set(words)) == 12
    for month, word in enumerate(words, start=1):
        for typed in (word, word.upper(), plain(word), f"{word}."):
            assert parse_moment(f"5{typed}2021", ZONE) == Moment(2021, month, 5, zone=ZONE)


def test_two_letters_are_no_month() -> None:
    """DAT-05: "ma" may be March or May."""
    assert min(len(beginning) for beginning in month_beginnings()) == 3
    assert {beginning: month_beginnings().get(beginning) for beginning in ("jan", "jui", "juin", "mai")} == {
        "jan": 1, "jui": None, "juin": 6, "mai": 5,
    }  # fmt: skip


def test_no_written_month_is_another_month_in_another_language() -> None:
    """A page printed in one language is typed into a page of another."""
    for words in MONTHS.values():
        assert [month_beginnings()[plain(word)] for word in words] == list(range(1, 13))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_day_of_a_century_is_read_back_as_it_was_written(language: str) -> None:
    """DAT-10: for every day of 2000 to 2100."""
    now = dt.datetime(2025, 10, 10, tzinfo=dt.UTC)
    wrong = [
        day for day in EVERY_DAY if parse_day(writing.day_text(day, language), ZONE, now=now).first_day != day
    ]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_partial_date_of_a_century_is_read_back(language: str) -> None:
    """DAT-05: a month or a year stays what it was, never its first day."""
    for year in range(2000, 2101):
        for month in (None, *range(1, 13)):
            written = writing.partial_date_text(year, month, language)
            assert parse_moment(written, ZONE) == Moment(year, month, zone=ZONE)


@given(
    st.integers(min_value=15_780_000, max_value=68_890_000).map(lambda minute: EPOCH + minute * MINUTE),
    st.sampled_from(["Europe/Brussels", "Europe/Madrid", "America/Sao_Paulo", "Australia/Lord_Howe"]),
    st.sampled_from(LANGUAGES),
)
def test_every_minute_is_read_back_to_the_same_instant(at: dt.datetime, zone: str, language: str) -> None:
    """TIM: with its offset always; without it, it is written when the hour was repeated."""
    moment = Moment.from_datetime(at, zone)
    assert parse_minute(moment.display_with_offset(language), zone) == moment
    assert parse_minute(moment.display(language), zone) == moment


@pytest.mark.parametrize(
    ("language", "day", "short", "long", "partial", "minute", "second"),
    [
        (
            "en", "09-Oct-2025", "09-Oct", "Thursday 09-Oct-2025", "UNK-OCT-2025",
            "09-Oct-2025 14:05 +02:00", "09-Oct-2025 14:05:30",
        ),
        (
            "fr", "09-oct-2025", "09-oct", "jeudi 09-oct-2025", "UNK-OCT-2025",
            "09-oct-2025 14:05 +02:00", "09-oct-2025 14:05:30",
        ),
        (
            "es", "09-oct-2025", "09-oct", "jueves 09-oct-2025", "UNK-OCT-2025",
            "09-oct-2025 14:05 +02:00", "09-oct-2025 14:05:30",
        ),
    ],
)  # fmt: skip
def test_how_a_date_is_written(
    language: str, day: str, short: str, long: str, partial: str, minute: str, second: str
) -> None:
    wall = dt.datetime(2025, 10, 9, 14, 5, 30, tzinfo=dt.UTC)
    assert writing.day_text(wall, language) == day
    assert writing.short_day_text(wall, language) == short
    assert writing.long_day_text(wall, language) == long
    assert writing.partial_date_text(2025, 10, language) == partial
    assert writing.minute_text(wall, language, 120) == minute
    assert writing.second_text(wall, language) == second


WEEK = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "fr-be": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
    "de": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
}
YEAR = {
    "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "fr": "janv févr mars avr mai juin juil août sept oct nov déc",
    "fr-be": "janv févr mars avr mai juin juil août sept oct nov déc",
    "es": "ene feb mar abr may jun jul ago sep oct nov dic",
    "de": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_days_of_a_week_and_the_months_of_a_year_in_each_language(language: str) -> None:
    """A language without names is written in English; that of a country like its own."""
    monday = dt.date(2025, 10, 6)
    week = [writing.long_day_text(monday + dt.timedelta(days=after), language) for after in range(7)]
    assert [text.split()[0] for text in week] == WEEK[language].split()
    assert [month_text(month, language) for month in range(1, 13)] == YEAR[language].split()
    assert writing.month_year_text(monday, language) == f"{YEAR[language].split()[9]} 25"


def test_june_and_july_are_distinguished_in_french() -> None:
    days = (dt.date(2025, 6, 9), dt.date(2025, 7, 9))
    assert [writing.day_text(day, "fr") for day in days] == ["09-juin-2025", "09-juil-2025"]


def test_a_short_day_is_no_date() -> None:
    """Without its year a day is not guessed."""
    with pytest.raises(ValueRefused, match="is not a date"):
        parse_moment(writing.short_day_text(dt.date(2025, 10, 9), "en"), ZONE)


@given(
    st.decimals(min_value=-(10**9), max_value=10**9, allow_nan=False, allow_infinity=False, places=4),
    st.sampled_from(LANGUAGES),
)
def test_every_number_is_read_back_as_it_was_written(number: Decimal, language: str) -> None:
    """DAT-10: with the decimal sign of each language."""
    stored = canonical(f"{number:f}")
    assert stored is not None
    assert canonical(writing.number_text(stored, language)) == stored


def test_a_refusal_shows_days_and_numbers_as_the_reader_writes_them() -> None:
    refused = ValueRefused("after %(day)s, at most %(most)s", day=dt.date(2025, 7, 9), most=Decimal("1.50"))
    assert refused.sentence() == "after 09-Jul-2025, at most 1.50"
    assert refused.sentence(str, "fr") == "after 09-juil-2025, at most 1,50"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("typed", ["soon", "5 jui 21", "2021"])
def test_the_example_in_a_refusal_is_itself_accepted(typed: str, language: str) -> None:
    """Errors tell the person what to do next."""
    with pytest.raises(ValueRefused) as refused:
        parse_day(typed, ZONE)
    example = refused.value.sentence(str, language).removesuffix(".").rpartition(" ")[2]
    assert parse_day(example, ZONE).iso == "2025-10-09"
