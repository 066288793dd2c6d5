"""Bounds of each type of value in a protocol file: the last one accepted, and the first one refused (DAT-09)."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from protocol.document import written_values


def read(kind: str, value: object) -> Any:
    return TypeAdapter(getattr(written_values, kind)).validate_python(value)


def refusal(kind: str, value: object) -> str:
    with pytest.raises(ValidationError) as refused:
        read(kind, value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("kind", "longest"),
    [
        ("Name", 48), ("ShortName", 40), ("Code", 48), ("ShortCode", 40), ("GroupCode", 20),
        ("Line", 1000), ("ShortLine", 40), ("Paragraph", 4000), ("Cel", 4000),
    ],
)  # fmt: skip
def test_a_text_has_at_least_one_character_and_no_more_than_its_kind_holds(kind: str, longest: int) -> None:
    assert read(kind, "a") == "a"
    assert read(kind, "a" * longest) == "a" * longest
    assert refusal(kind, "a" * (longest + 1))
    assert refusal(kind, "")


@pytest.mark.parametrize("kind", ["Line", "ShortLine", "Paragraph", "Cel"])
def test_spaces_around_a_text_are_left_out_and_are_no_text(kind: str) -> None:
    assert read(kind, "  two words ") == "two words"
    assert refusal(kind, "   ")


def test_a_paragraph_has_lines_and_a_line_has_none() -> None:
    assert read("Paragraph", "one\n\ttwo") == "one\n\ttwo"
    for kind in ("Line", "ShortLine"):
        assert "has a line break, which nobody sees, after 'one': remove it" in refusal(kind, "one\ntwo")
        assert "has a tab, which nobody sees, after 'one': remove it" in refusal(kind, "one\ttwo")
    for kind in ("Line", "ShortLine", "Paragraph"):
        assert "has the sign U+200B, which nobody sees, after 'a b': remove it" in refusal(kind, "a b\u200bc")


def test_names_have_small_letters_and_codes_any_letter() -> None:
    for name in ("a", "a1", "a_b", "ab_1_c"):
        assert read("Name", name) == read("ShortName", name) == name
    for name in ("A", "1a", "a__b", "_a", "a_", "a-b"):
        assert refusal("Name", name)
        assert refusal("ShortName", name)
    for code in ("A", "1", "a_b.c+d-e"):
        assert read("Code", code) == read("ShortCode", code) == read("GroupCode", code) == code
    for code in (".a", "a b", "é"):
        assert refusal("Code", code)
    assert read("Language", "fr") == "fr"
    for language in ("f", "fra", "FR"):
        assert refusal("Language", language)


def test_a_number_of_days_is_a_whole_number_of_at_most_a_hundred_years() -> None:
    century = 36_525
    for days in (-century, 0, century):
        assert read("Days", days) == days
    for days in (-century - 1, century + 1, "3", 1.0, True):
        assert refusal("Days", days)
    for days in (1, century):
        assert read("DaysFromNow", days) == days
    for days in (0, century + 1):
        assert refusal("DaysFromNow", days)
    assert read("Count", 1) == 1
    assert refusal("Count", 0)


def test_a_day_lies_in_the_years_from_1900_to_2100() -> None:
    for day in (date(1900, 1, 1), date(2021, 2, 15), date(2100, 12, 31)):
        assert read("Day", day) == day
    assert "1899-12-31: the year lies between 1900 and 2100" in refusal("Day", date(1899, 12, 31))
    assert "2101-01-01: the year lies between 1900 and 2100" in refusal("Day", date(2101, 1, 1))
    for other in ("2021-02-15", 20210215, datetime(2021, 2, 15, tzinfo=UTC)):
        assert "should be a date like 2021-02-15" in refusal("Day", other)


BOTH = pytest.mark.parametrize(("kind", "decimals"), [("Number", 9), ("ExactNumber", 20)])


@BOTH
def test_a_number_has_fifteen_digits_before_its_point_and_some_after_it(kind: str, decimals: int) -> None:
    finest = Decimal(1).scaleb(-decimals)
    for number in (Decimal("2.5"), finest, Decimal(10**15 - 1), Decimal(-(10**15) + 1), Decimal("0E+20"), 7):
        assert read(kind, number) == number
    for large in (Decimal(10**15), Decimal("1e400"), Decimal("-1e999999")):
        assert "is too large: at most 15 digits before the point" in refusal(kind, large)
    assert f"has too many decimals: at most {decimals}" in refusal(kind, finest / 10)


@BOTH
def test_what_cannot_be_compared_is_no_number(kind: str, decimals: int) -> None:
    for number in (Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity")):
        assert "is not a number that can be compared" in refusal(kind, number)
    for other in (True, False, 2.5, None, "lots", ""):
        assert "should be a number" in refusal(kind, other)


def test_only_a_dose_or_a_factor_may_stand_in_quotes() -> None:
    assert read("ExactNumber", "1.5e6") == Decimal("1.5e6")
    assert read("ExactNumber", " -0.45359237 ") == Decimal("-0.45359237")
    assert "should be a number without quotes, like 2.5" in refusal("Number", "2.5")
    for text in ("1,5", "1e1000", "0x10", "1_000", "NaN", "1" * 31):
        assert 'should be a number, like "1.5e6"' in refusal("ExactNumber", text)


@pytest.mark.parametrize(
    "device",
    ["con", "PRN", "aux", "nul", *(f"{port}{number}" for port in ("com", "LPT") for number in range(1, 10))],
)
def test_no_subject_has_the_name_that_windows_keeps_for_a_device(device: str) -> None:
    told = refusal("SubjectCode", f"{device}.{{number}}")
    assert f"the first code would be '{device}.1', which Windows keeps for a device" in told


def test_names_that_only_look_like_a_device_are_subject_codes() -> None:
    for pattern in ("com0.{number}", "com10.{number}", "lpt0.{number}", "lpt10.{number}", "co.{number}"):
        assert read("SubjectCode", pattern) == pattern


def test_the_code_of_the_millionth_subject_has_twenty_characters_at_most() -> None:
    for pattern in ("A" * 13 + "{number}", "A" * 11 + "{number:09d}"):
        assert read("SubjectCode", pattern) == pattern
        assert "the code of patient 1000000 would be longer than 20 characters" in refusal(
            "SubjectCode", f"A{pattern}"
        )


def test_the_first_subject_code_shows_what_is_wrong_with_it() -> None:
    for pattern, first in ((".{number}", ".1"), ("_{number}", "_1"), ("-A{number:03d}", "-A001")):
        told = refusal("SubjectCode", pattern)
        assert f"the first code would be {first!r}: begin and end it with a letter or a digit" in told
    for end in ".-_":
        assert f"the first code would be 'A1{end}'" in refusal("SubjectCode", f"A{{number}}{end}")
    assert "every subject would get the same code" in refusal("SubjectCode", "LIE")
    assert "letters, digits, - _ . and the number once" in refusal("SubjectCode", "LIE-{")
