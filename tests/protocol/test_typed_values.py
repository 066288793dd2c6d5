"""Typed values at their edges: how long, how many digits, how much is known (DAT-02, DAT-05, DAT-10)."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest

from protocol.document.items import Item, Text
from protocol.values.moments import Moment
from protocol.values.parsing import (
    CheckFinding,
    Clock,
    NotOffered,
    ValueRefused,
    decimal,
    flag,
    is_answered,
    limit_findings,
    moment,
    parse,
    zone_of,
)

BRUSSELS = Clock("Europe/Brussels", dt.date(2025, 10, 9), dt.datetime(2025, 10, 10, 10, 0, tzinfo=dt.UTC))


def item(type: str, **keys: Any) -> Item:
    return Item.model_validate({"name": "it", "type": type, "label": {"en": "It"}, **keys})


DECIMAL, INTEGER, TEXT, TIME = item("decimal"), item("integer"), item("text"), item("time")
DATE, PARTIAL, DATETIME, FILE = item("date"), item("partial_date"), item("datetime"), item("file")
CHOICES = [{"code": code, "label": {"en": code}} for code in ("A", "B")]
ONE, SEVERAL = item("choice", choices=CHOICES), item("choices", choices=CHOICES)


@pytest.mark.parametrize("digits", ["1" * 18, "1234567890123456.78", f"000{'1' * 18}", "0.12345678901234567"])
def test_eighteen_digits_are_kept(digits: str) -> None:
    """Zeros in front are no digits; one zero before the point is."""
    assert parse(digits, DECIMAL) == (digits.lstrip("0") if digits[1] == "0" else digits)


@pytest.mark.parametrize("digits", ["1" * 19, "1234567890123456.789", "0.123456789012345678"])
def test_the_digits_before_and_after_the_point_are_counted_together(digits: str) -> None:
    with pytest.raises(ValueRefused, match="more than 18 digits"):
        parse(digits, DECIMAL)


def test_a_text_without_a_limit_of_its_own_keeps_ten_thousand_characters() -> None:
    assert parse("x" * 10_000, TEXT) == "x" * 10_000
    with pytest.raises(ValueRefused, match="10001 characters: at most 10000"):
        parse("x" * 10_001, TEXT)
    assert parse("abcd", item("text", max_length=4)) == "abcd"


def test_a_text_of_blanks_is_no_answer_and_half_a_character_no_text() -> None:
    assert parse(" \r\n ", TEXT) is None
    assert parse("a\rb\tc", TEXT) == "a\nb\tc"
    for text in ("\udc80", "a\ud83d", "\x7f"):
        with pytest.raises(ValueRefused, match="cannot be stored"):
            parse(text, TEXT)
    with pytest.raises(ValueRefused, match="cannot be stored"):
        parse({"missing": "ND", "reason": "a\x00b"}, DECIMAL)


def test_an_item_of_two_decimals_takes_two_and_one_without_a_limit_takes_all() -> None:
    assert parse("1.25", item("decimal", decimals=2)) == "1.25"
    assert parse("1.2500", DECIMAL) == "1.2500"
    with pytest.raises(ValueRefused, match="Type a whole number: nothing is rounded"):
        parse("1.0", item("decimal", decimals=0))


@pytest.mark.parametrize("asked", [INTEGER, DECIMAL, DATE, PARTIAL, DATETIME, TIME])
def test_where_no_word_is_expected_a_missing_code_can_be_typed(asked: Item) -> None:
    """DAT-02."""
    assert parse(" nd ", asked, BRUSSELS) == {"missing": "ND"}
    assert parse({"": "nd", "reason": "no sample"}, asked, BRUSSELS) == {
        "missing": "ND",
        "reason": "no sample",
    }


def test_where_words_or_codes_are_expected_a_question_mark_makes_it_a_missing_code() -> None:
    """DAT-02: a choice may itself have the code NA."""
    assert parse("?ND", TEXT) == {"missing": "ND"}
    assert parse(["?UNK"], SEVERAL) == {"missing": "UNK"}
    for text in ("ND", "?nd", "?", "ND?", "xND", "?ASKU"):
        assert parse(text, TEXT) == text
    with pytest.raises(NotOffered, match="“ND” cannot be chosen here"):
        parse("ND", ONE)


def test_a_missing_code_among_the_codes_that_were_chosen_is_refused() -> None:
    with pytest.raises(NotOffered, match=r"“\?UNK” cannot be chosen here"):
        parse(["A", "?UNK"], SEVERAL)
    assert parse({"": ["", ""], "missing": "UNK"}, SEVERAL) == {"missing": "UNK"}


@pytest.mark.parametrize("part", ["day", "month", "year"])
def test_any_part_of_a_date_beside_a_missing_code_is_one_answer_too_many(part: str) -> None:
    with pytest.raises(ValueRefused, match="either the value or why it is missing"):
        parse({part: "12", "missing": "UNK"}, PARTIAL, BRUSSELS)
    assert parse({part: " ", "missing": "UNK"}, PARTIAL, BRUSSELS) == {"missing": "UNK"}


def test_a_unit_beside_a_missing_code_is_no_value() -> None:
    """The page always sends the unit that is chosen."""
    asked = item("decimal", unit="g/L", units=[{"unit": "g/dL", "factor": "10"}])
    assert parse({"": "", "unit": "g/dL", "missing": "ND"}, asked) == {"missing": "ND"}
    assert parse({"": "", "unit": "g/dL"}, asked) is None


@pytest.mark.parametrize("name", ["", "missing", "reason", "unit"])
def test_two_answers_where_one_is_asked_were_not_made_from_the_page(name: str) -> None:
    with pytest.raises(NotOffered, match="One answer was expected here, several came"):
        parse({"": ["1"], name: ["1", "2"]}, DECIMAL)


@pytest.mark.parametrize("unknown", ["UNK", "un", "Uk", "?", "??", "xx", "XX"])
def test_what_is_not_known_of_a_date_is_written_in_many_ways(unknown: str) -> None:
    """DAT-05."""
    assert parse({"day": unknown, "month": "3", "year": "2021"}, PARTIAL) == "2021-03"
    assert parse({"day": unknown, "month": unknown, "year": "2021"}, PARTIAL) == "2021"
    assert parse(f"9oct25 {unknown}", DATETIME, BRUSSELS) == "2025-10-09"


@pytest.mark.parametrize(
    ("parts", "stored"),
    [
        ({"day": "9oct25"}, "2025-10-09"),
        ({"day": "09/10/2025", "month": "", "year": ""}, "2025-10-09"),
        ({"day": "oct 2025"}, "2025-10"),
        ({"": "oct 2025"}, "2025-10"),
        ({"day": "9", "month": "10", "year": "2025"}, "2025-10-09"),
        ({"day": "31", "month": "12", "year": " 2024 "}, "2024-12-31"),
        ({"day": " ", "month": "", "year": ""}, None),
    ],
)
def test_a_whole_date_may_be_pasted_into_the_input_of_the_day(
    parts: dict[str, str], stored: str | None
) -> None:
    assert parse(parts, PARTIAL, BRUSSELS) == stored


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"day": "9"}, "year in four digits"),
        ({"day": "UNK"}, "year in four digits"),
        ({"month": "10"}, "year in four digits"),
        ({"day": "9", "month": "10", "year": "25"}, "year in four digits"),
        ({"year": "2025"}, "Type each part"),
        ({"day": "UNK", "year": "2025"}, "Type each part"),
        ({"day": "", "month": "UNK", "year": "2025"}, "Type each part"),
        ({"day": "9", "year": "2025"}, "type the month"),
        ({"day": "9oct", "month": "10", "year": "2025"}, "“9oct” is not a day"),
        ({"day": "009", "month": "10", "year": "2025"}, "“009” is not a day"),
        ({"day": "9oct25 14:05"}, "without a time"),
        ({"day": "9oct25", "month": "10"}, "year in four digits"),
        ({"day": "9oct25", "year": "2025"}, "type the month"),
    ],
)
def test_a_date_in_parts_is_refused_by_the_part_that_is_wrong(parts: dict[str, str], sentence: str) -> None:
    """DAT-05: the server sees it too when the form is bypassed."""
    with pytest.raises(ValueRefused, match=sentence):
        parse(parts, PARTIAL, BRUSSELS)


def test_a_date_of_the_day_has_no_time_and_a_moment_is_not_half_unknown() -> None:
    with pytest.raises(ValueRefused, match="whole date"):
        parse("9oct25 14:05", DATE, BRUSSELS)
    with pytest.raises(ValueRefused, match="Type the time or UNK, not both"):
        parse("9oct25 14:05 UNK", DATETIME, BRUSSELS)
    for text in ("9oct25 soon", "?", "xx"):
        with pytest.raises(ValueRefused, match="is not a date"):
            parse(text, DATETIME, BRUSSELS)
    assert parse("oct 2025", DATETIME, BRUSSELS) == "2025-10"
    assert parse("oct 2025 UNK", DATETIME, BRUSSELS) == "2025-10"


def test_a_moment_typed_without_a_site_is_in_utc() -> None:
    assert parse("9oct25 14:05", DATETIME) == "2025-10-09T14:05+00:00[UTC]"


def test_the_choice_beside_the_repeated_hour_decides_and_is_asked_for() -> None:
    """TIM."""
    with pytest.raises(ValueRefused, match="happened twice"):
        parse("25oct26 02:30", DATETIME, BRUSSELS)
    stored = parse({"": "25oct26 02:30", "offset": "+02:00"}, DATETIME, BRUSSELS)
    assert stored == "2026-10-25T02:30+02:00[Europe/Brussels]"
    with pytest.raises(NotOffered, match="“02:00” cannot be chosen here"):
        parse({"": "25oct26 02:30", "offset": "02:00"}, DATETIME, BRUSSELS)
    with pytest.raises(ValueRefused, match="is not a date"):
        parse({"": "soon", "offset": "+02:00"}, DATETIME, BRUSSELS)


@pytest.mark.parametrize(
    ("typed", "stored"), [("23:59", "23:59"), ("0:00", "00:00"), ("9.05", "09:05"), (" ", None)]
)
def test_the_clock_runs_from_midnight_to_the_last_minute(typed: str, stored: str | None) -> None:
    assert parse(typed, TIME) == stored


FACTS = {"file": "f1", "name": "ct.pdf", "kind": "pdf", "size": 1200, "sha256": "ab" * 32}


def test_a_file_is_what_the_server_knows_about_it() -> None:
    """SEC-13: all of it, and nothing more."""
    assert parse(json.dumps(FACTS), FILE) == FACTS
    assert parse("", FILE) is None
    forged: list[Any] = [{**FACTS, "url": "x"}, {}, [], "x"]
    forged += [{key: value for key, value in FACTS.items() if key != name} for name in FACTS]
    for each in forged:
        with pytest.raises(NotOffered, match="cannot be chosen here"):
            parse(json.dumps(each), FILE)
    with pytest.raises(NotOffered, match=r"“\{” cannot be chosen here"):
        parse("{", FILE)


def test_a_file_that_was_refused_is_refused_in_the_same_words() -> None:
    text = json.dumps({"refused": "At most %(most)s MB.", "parameters": {"most": 10}})
    with pytest.raises(ValueRefused, match=r"^At most 10 MB\.$"):
        parse(text, FILE)


def test_a_whole_number_stays_whole_in_another_unit() -> None:
    pulse = item("integer", unit="/min", units=[{"unit": "/h", "factor": "0.5"}])
    assert parse({"": "8", "unit": "/h"}, pulse) == {"value": "4", "entered": "8", "unit": "/h"}
    with pytest.raises(ValueRefused, match="not a whole number of /min"):
        parse({"": "7", "unit": "/h"}, pulse)
    halves = item("decimal", unit="/min", units=[{"unit": "/h", "factor": "0.5"}])
    assert parse({"": "7", "unit": "/h"}, halves) == {"value": "3.5", "entered": "7", "unit": "/h"}


LIMITED = {"unit": "kg", "hard": [20, 300], "soft": [35, 180]}


def test_the_finding_of_a_limit_names_the_item_the_limit_and_the_unit() -> None:
    """DAT-03."""
    weight = item("decimal", **LIMITED)
    (impossible,), (unusual,) = limit_findings("19.9", weight), limit_findings("34.9", weight, "rows-r1-it")
    assert (impossible.item, impossible.check) == ("it", "hard_limit")
    assert impossible.sentence() == "Must be between 20 and 300 kg."
    assert (unusual.item, unusual.check) == ("rows-r1-it", "soft_limit")
    assert unusual.sentence() == "Unusual: expected between 35 and 180 kg. Check the value."
    assert limit_findings({"missing": "ND"}, weight) == limit_findings("1", DECIMAL) == ()
    assert limit_findings("180", weight) == ()


@pytest.mark.parametrize(
    ("value", "expected", "without_soft"),
    [
        ("34.9", "low", ""),
        ("35", "", ""),
        ("180", "", ""),
        ("180.1", "high", ""),
        ("19", "low", "low"),
        ("301", "high", "high"),
    ],
)
def test_a_value_is_low_or_high_outside_what_is_usual(value: str, expected: str, without_soft: str) -> None:
    """Where nothing is unusual, outside what is possible."""
    assert flag(value, item("decimal", **LIMITED)) == expected
    assert flag(value, item("decimal", unit="kg", hard=LIMITED["hard"])) == without_soft
    assert flag(value, DECIMAL) == ""


def test_a_finding_is_read_in_the_language_of_the_reader() -> None:
    both = Text({"en": "Check: 100 %", "fr": "Vérifiez : 100 %"})
    of_the_protocol = CheckFinding("it", "B1", "soft", both)
    assert (of_the_protocol.sentence(), of_the_protocol.sentence(language="fr")) == tuple(both.root.values())
    ours = CheckFinding("it", "waits", "hard", "Needs %(needs)s.", {"needs": both})
    french = {"Needs %(needs)s.": "Il manque %(needs)s."}.__getitem__
    assert ours.sentence() == "Needs Check: 100 %."
    assert ours.sentence(french, "fr") == "Il manque Vérifiez : 100 %."
    assert CheckFinding("it", "needed", "hard", "100 % is needed").sentence() == "100 % is needed"


def test_numbers_and_moments_are_read_from_what_is_stored() -> None:
    assert decimal({"value": "12.50", "entered": "1.25", "unit": "g/dL"}) == Decimal("12.50")
    assert [decimal(each) for each in (None, "", "1,5", "01", ["1"], {"missing": "ND"})] == [None] * 6
    assert moment("2025-10-09", "Europe/Madrid") == Moment.from_iso("2025-10-09", "Europe/Madrid")
    assert [moment(each) for each in (None, "", {"missing": "ND"}, ["2025"])] == [None] * 4


@pytest.mark.parametrize(
    ("value", "answered"),
    [
        (None, False),
        ("", False),
        ([], False),
        ("0", True),
        ("_", True),
        (["A"], True),
        ({"missing": "ND"}, True),
        ({"value": "1", "entered": "1", "unit": "g"}, True),
    ],
)
def test_a_missing_code_answers_the_question_and_a_blank_does_not(value: Any, answered: bool) -> None:
    """DAT-02."""
    assert is_answered(value) is answered


def test_the_zone_of_a_stored_moment_is_that_of_its_site() -> None:
    assert zone_of("2025-10-09T14:05+02:00[Europe/Brussels]") == "Europe/Brussels"
    for other in ("2025-10-09", "", None, {"missing": "ND"}, ["[x]", "["], "2025-10-09T14:05+00:00["):
        assert zone_of(other) == "UTC"
