"""One field for a day and one for a moment: what people type is read the same everywhere, in every language."""

import datetime as dt

import pytest
import time_machine
from django import forms
from django.template import Context, Template
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from patients.entry.fields import stored_parts
from protocol.document.items import Item
from protocol.values.moments import Moment
from protocol.values.parsing import Clock, parse
from protocol.values.refusals import ValueRefused
from tests.support.translation.readers import LANGUAGES
from trials.date_fields import DayField, MomentField
from trials.reader import (
    shown_day,
    shown_moment,
    shown_moment_with_offset,
    shown_number,
    shown_sentence,
    shown_short_day,
)

ZONE = "Europe/Brussels"
NOW = dt.datetime(2025, 10, 10, 22, 30, tzinfo=dt.UTC)
VISIT_DAY = Item.model_validate({"name": "day", "type": "date", "label": {"en": "Day"}})
WEIGHT = Item.model_validate({"name": "kg", "type": "decimal", "label": {"en": "Weight"}, "unit": "kg"})


def refusal(field: forms.Field, typed: object) -> str:
    with pytest.raises(forms.ValidationError) as refused:
        field.clean(typed)
    return " ".join(refused.value.messages)


@pytest.fixture
def late_evening():
    """Half past midnight on the eleventh in Brussels, the tenth in UTC."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("9oct25", "2025-10-09"), ("09/10/2025", "2025-10-09"), ("9.10.25", "2025-10-09"),
        ("2025-10-09", "2025-10-09"), ("9 octobre 2025", "2025-10-09"), ("9 de oct 2025", ""),
        ("15 août 2020", "2020-08-15"), ("15 aout 2020", "2020-08-15"), ("05-FÉVR-2024", "2024-02-05"),
        ("3 miércoles 2025", ""), ("3-dic-2024", "2024-12-03"), ("9 juin 25", "2025-06-09"),
        ("9-JUIL-2025", "2025-07-09"), ("9 jui 25", ""), ("05-sept-47", "1947-09-05"),
        ("t", "2025-10-11"), ("y", "2025-10-10"), ("oct 2025", ""), ("9oct25 14:05", ""),
    ],
)  # fmt: skip
def test_a_day_is_read_alike_outside_and_inside_the_forms_of_the_protocol(
    typed: str, day: str, language: str, late_evening: None
) -> None:
    """DAT-05: the same days are taken, the others refused with the same sentence; an empty `day` is a refusal."""
    outside = DayField(zone=ZONE)
    with translation.override(language):
        if day:
            assert outside.clean(typed) == dt.date.fromisoformat(day)
            assert parse(typed, VISIT_DAY, Clock(ZONE)) == day
        else:
            with pytest.raises(ValueRefused) as refused:
                parse(typed, VISIT_DAY, Clock(ZONE))
            assert refusal(outside, typed) == shown_sentence(refused.value)


@given(st.dates(dt.date(2000, 1, 1), dt.date(2100, 12, 31)), st.sampled_from(LANGUAGES))
def test_what_a_page_shows_for_a_day_is_accepted_by_its_field(day: dt.date, language: str) -> None:
    """DAT-10: also by the field of a reader of another language."""
    field = DayField(zone=ZONE)
    with translation.override(language):
        assert field.prepare_value(day) == shown_day(day)
        shown = Template("{% load reader %}{{ on|day }}").render(Context({"on": day}))
        assert field.clean(shown) == day
    for other in LANGUAGES:
        with translation.override(other):
            assert field.clean(shown) == day


@given(st.integers(min_value=15_800_000, max_value=68_800_000), st.sampled_from(LANGUAGES))
def test_what_a_page_shows_for_a_moment_is_accepted_by_its_field(minute: int, language: str) -> None:
    at = dt.datetime.fromtimestamp(minute * 60, dt.UTC)
    moment, field = Moment.from_datetime(at, ZONE), MomentField(zone=ZONE)
    with translation.override(language):
        assert field.prepare_value(moment) == shown_moment(moment)
        page = Template("{% load reader %}{{ at|moment:zone }}").render(Context({"at": at, "zone": ZONE}))
        assert page == shown_moment(moment) == shown_moment(moment.iso)
        assert field.clean(page) == moment
        assert field.clean(shown_moment_with_offset(at, ZONE)) == moment


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("known", ["2025", "2025-07", "2025-06-09"])
def test_an_onset_shows_the_part_that_is_known_and_takes_it_back(known: str, language: str) -> None:
    """DAT-05."""
    field = MomentField(zone=ZONE, partial=True)
    with translation.override(language):
        assert field.clean(field.prepare_value(Moment.from_iso(known))).iso == known


def test_what_was_typed_stays_as_it_was_typed() -> None:
    """DAT-04: a refused page shows it again."""
    assert DayField().prepare_value("31 feb") == "31 feb"
    assert MomentField().prepare_value("soon") == "soon"


def test_a_moment_without_its_time_is_refused_with_what_to_do() -> None:
    assert refusal(MomentField(zone=ZONE), "9oct25") == "Type the day and the time, like 09-Oct-2025 14:05."


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_day_in_a_refusal_is_written_for_its_reader(language: str) -> None:
    with translation.override(language):
        result = refusal(DayField(zone=ZONE), "31-02-2024")
        assert (
            result == f"There is no day 31 in that month: its last day is {shown_day(dt.date(2024, 2, 29))}."
        )


@time_machine.travel(NOW, tick=False)
def test_the_help_shows_the_order_and_the_meaning_of_two_digits() -> None:
    """Day before month; 26 is next year, 27 is a hundred years earlier."""
    field = DayField(zone=ZONE)
    assert str(field.help_text) == (
        "Day, month, year: 09-Oct-2025 or 9/10/25, t for today. Years 00 to 26 are 20yy, others 19yy."
    )
    days = [field.clean(typed) for typed in ("09-Oct-2025", "9/10/25", "t", "1/2/26", "1/2/27")]
    assert [day.isoformat() for day in days] == [
        "2025-10-09", "2025-10-09", "2025-10-11", "2026-02-01", "1927-02-01",
    ]  # fmt: skip


def test_a_short_day_has_its_year_when_it_is_not_this_year() -> None:
    today = dt.date(2025, 10, 9)
    assert shown_short_day(dt.date(2025, 6, 9), today) == "09-Jun"
    assert shown_short_day(dt.date(2026, 1, 9), today) == "09-Jan-2026"
    assert Template("{% load reader %}{{ on|short_day }}").render(Context({"on": today})) == "09-Oct"


@pytest.mark.parametrize(("language", "shown"), [("en", "70.50"), ("fr", "70,50"), ("es", "70,50")])
def test_a_number_in_an_input_is_read_back_identically(language: str, shown: str) -> None:
    """DAT-10: shown with the decimal sign of the reader; both signs are read; what was typed stays."""
    assert stored_parts("70.50", WEIGHT, language)[""] == shown
    assert [parse(typed, WEIGHT) for typed in ("70.50", "70,50")] == ["70.50", "70.50"]
    with translation.override(language):
        assert shown_number("70.50") == shown
        assert Template("{% load reader %}{{ kg|number }}").render(Context({"kg": "70.50"})) == shown
