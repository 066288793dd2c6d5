"""Expressions over dates and times: calendar days at the site, elapsed hours, and what a partial date decides."""

import datetime as dt
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from protocol.expressions.compiled import NUMBER, Undetermined
from tests.support.protocols.evaluating import answer, needs


def test_days_are_calendar_days_on_the_clock_of_the_site() -> None:
    """23:30 in Brussels is the same day there, although the next day has begun further east."""
    late = "2021-01-10T23:30+01:00[Europe/Brussels]"
    assert answer("days(ct_on, started_at)", NUMBER, ct_on="2021-01-01", started_at=late) == 9
    assert answer("days(started_at, ct_on)", NUMBER, ct_on="2021-01-01", started_at=late) == -9


def test_hours_are_elapsed_hours_across_a_change_of_the_clocks() -> None:
    """The night of 28 March 2021 has 23 hours in Brussels."""
    before = "2021-03-27T20:00+01:00[Europe/Brussels]"
    after = "2021-03-28T20:00+02:00[Europe/Brussels]"
    assert answer("hours(started_at, ended_at)", NUMBER, started_at=before, ended_at=after) == 23
    assert needs("hours(started_at, ended_at) > 1.0", started_at="2021-03-27", ended_at=after) == [
        "started_at"
    ]


def test_a_year_of_birth_decides_an_age_that_every_birthday_would_give() -> None:
    """DAT-05: nothing is imputed; 1960 makes somebody 60 or 61 in June 2021."""
    born = {"born": "1960", "subject__inclusion_on": "2021-06-15"}
    age = "years(born, subject.inclusion_on)"
    assert answer(f"{age} >= 18.0 && {age} <= 70.0", **born) is True
    assert answer(f"{age} < 60.0", **born) is False
    assert needs(f"{age} >= 61.0", **born) == ["born"]
    assert needs(f"{age} == 60.0", **born) == ["born"]
    assert answer(f"{age} == 40.0", **born) is False
    assert isinstance(answer(age, NUMBER, **born), Undetermined)


def test_days_to_a_partial_date_are_undetermined() -> None:
    assert needs(
        "days(ct_on, subject.inclusion_on) > 10.0", ct_on="2021-01", subject__inclusion_on="2021-03-01"
    )


def test_a_date_without_time_is_undecided_within_its_day() -> None:
    at = "2021-01-05T10:00+01:00[Europe/Brussels]"
    assert isinstance(answer("before(started_at, ct_on)", started_at=at, ct_on="2021-01-05"), Undetermined)
    assert answer("on_or_before(started_at, ct_on)", started_at=at, ct_on="2021-01-05") is True
    assert answer("before(started_at, ct_on)", started_at=at, ct_on="2021-01-06") is True
    assert answer("before(ct_on, ct_on)", ct_on="2021-01-05") is False


def test_two_moments_known_by_their_day_alone_are_undecided() -> None:
    day = {"started_at": "2021-01-05", "ended_at": "2021-01-05"}
    assert isinstance(answer("before(started_at, ended_at)", **day), Undetermined)
    assert answer("on_or_before(started_at, ended_at)", **day) is True


def test_dates_of_the_database_are_understood() -> None:
    consent = dt.datetime(2021, 1, 4, 23, 30, tzinfo=dt.UTC)
    known = {"subject__consent_at": consent, "subject__inclusion_on": dt.date(2021, 1, 5)}
    assert answer("days(subject.consent_at, subject.inclusion_on)", NUMBER, **known) == 0


def test_a_written_date_can_be_compared_with() -> None:
    assert answer("before(ct_on, '2021-02-01')", ct_on="2021-01") is True
    assert answer("on_or_before('2020', ct_on)", ct_on="2021-01") is True


@st.composite
def partial_days(draw: Any) -> tuple[str, dt.date]:
    """Return a partial date and one of the days it may stand for."""
    day = draw(st.dates(dt.date(2019, 11, 1), dt.date(2022, 2, 28)))
    return day.isoformat()[: draw(st.sampled_from([4, 7, 10]))], day


@given(partial_days(), partial_days())
def test_what_partial_dates_decide_holds_for_every_day_they_may_be(
    first: tuple[str, dt.date], second: tuple[str, dt.date]
) -> None:
    for source in ("before(ct_on, born)", "on_or_before(ct_on, born)", "years(ct_on, born) >= 1.0"):
        vague = answer(source, ct_on=first[0], born=second[0])
        exact = answer(source, ct_on=first[1].isoformat(), born=second[1].isoformat())
        assert isinstance(exact, bool)
        assert isinstance(vague, Undetermined) or vague is exact


def test_two_moments_known_to_the_minute_are_ordered_to_the_minute() -> None:
    one, other = "2021-01-05T10:00+01:00[Europe/Brussels]", "2021-01-05T10:01+01:00[Europe/Brussels]"
    order = {"before": [True, False, False], "on_or_before": [True, True, False]}
    for function, expected in order.items():
        found = [
            answer(f"{function}(started_at, ended_at)", started_at=first, ended_at=second)
            for first, second in ((one, other), (one, one), (other, one))
        ]
        assert found == expected, function


def test_a_day_is_on_or_before_itself_and_a_month_as_far_as_it_decides() -> None:
    def found(first: str, second: str) -> Any:
        return answer("on_or_before(ct_on, born)", ct_on=first, born=second)

    assert [found("2021-01-31", day) for day in ("2021-01-30", "2021-01-31", "2021-02-01")] == [
        False,
        True,
        True,
    ]
    assert found("2021-01", "2021-01-31") is True
    assert isinstance(found("2021-01", "2021-01-30"), Undetermined)
    assert isinstance(found("2021-01", "2021-01-01"), Undetermined)
    assert found("2021-02", "2021-01-31") is False


def test_completed_years_are_a_number_where_the_dates_decide_them() -> None:
    known = {"born": "1960-06-15", "subject__inclusion_on": "2021-06-15"}
    assert answer("years(born, subject.inclusion_on) + 1.0", NUMBER, **known) == 62


def test_two_ages_are_compared_by_what_both_of_them_may_be() -> None:
    """DAT-05: 1960 and 1961 may be the same age on one day; 1960 and 1990 are not."""
    ages = "years(born, subject.inclusion_on) {} years(ct_on, subject.inclusion_on)"

    def found(sign: str, born: str, ct_on: str) -> Any:
        return answer(ages.format(sign), born=born, ct_on=ct_on, subject__inclusion_on="2021-06-15")

    assert [found(sign, "1960", "1990") for sign in ("==", "!=", ">", "<")] == [False, True, True, False]
    assert [found(sign, "1990", "1960") for sign in ("==", "!=", ">", "<")] == [False, True, False, True]
    assert all(isinstance(found(sign, "1960", "1961"), Undetermined) for sign in ("==", "!=", ">"))
    assert found(">=", "1960", "1961") is True
    assert isinstance(found("==", "1960", "1960"), Undetermined)
    assert found("==", "1960-06-15", "1961-06-14") is False
    assert [found(sign, "1960-06-15", "1960-06-14") for sign in ("==", "!=", ">=")] == [True, False, True]
    assert answer(
        "61.0 == years(born, subject.inclusion_on)", born="1960-06-15", subject__inclusion_on="2021-06-15"
    )


def test_an_age_is_undetermined_while_either_date_is_blank() -> None:
    source = "years(born, subject.inclusion_on) >= 18.0"
    assert needs(source, subject__inclusion_on="2021-06-15") == ["born"]
    assert needs(source, born="1960") == ["subject.inclusion_on"]
    assert needs(
        "years(born, subject.inclusion_on) >= rr", born="1960", subject__inclusion_on="2021-06-15"
    ) == ["born", "rr"]


def test_a_limit_before_an_age_is_decided_like_one_after_it() -> None:
    born = {"born": "1960", "subject__inclusion_on": "2021-06-15"}
    assert answer("60.0 <= years(born, subject.inclusion_on)", **born) is True
    assert answer("40.0 == years(born, subject.inclusion_on)", **born) is False
