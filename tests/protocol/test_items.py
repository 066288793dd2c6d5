"""What each item type accepts, stores and shows (DAT-02, DAT-05, DAT-10)."""

import datetime as dt
import inspect
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.document.items import Item
from protocol.values import labels, parsing
from protocol.values.parsing import (
    Clock,
    NotOffered,
    ValueRefused,
    decimal,
    display,
    flag,
    limit_findings,
    parse,
    typed,
)

BRUSSELS = Clock("Europe/Brussels", dt.date(2025, 10, 9), dt.datetime(2025, 10, 10, 10, 0, tzinfo=dt.UTC))


def item(type: str, **keys: Any) -> Item:
    """Return an item; limits are given as texts and written as numbers, as in a protocol file."""
    for name in ("hard", "soft", "typical"):
        if name in keys:
            keys[name] = [Decimal(limit) for limit in keys[name]]
    return Item.model_validate({"name": "it", "type": type, "label": {"en": "It", "fr": "Il"}, **keys})


WEIGHT = item("decimal", unit="kg", hard=["25", "350"], soft=["40", "200"], decimals=2)
HAEMOGLOBIN = item(
    "decimal",
    unit="g/L",
    units=[{"unit": "g/dL", "factor": "10"}, {"unit": "mmol/L", "factor": "16.114"}],
)
TEMPERATURE = item("decimal", unit="°C", units=[{"unit": "°F", "factor": "0.55556", "offset": "-17.7778"}])
COUNT = item("integer", hard=["0", "100"])
SEX = item(
    "choice", choices=[{"code": "F", "label": {"en": "Female"}}, {"code": "M", "label": {"en": "Male"}}]
)
SIGNS = item(
    "choices",
    choices=[{"code": code, "label": {"en": code.lower()}} for code in ("FEVER", "COUGH", "DYSPNOEA")],
)
YES_NO = item("yes_no", missing=["UNK"])
TEXT = item("text")
DATE, PARTIAL, DATETIME, TIME = (item(type) for type in ("date", "partial_date", "datetime", "time"))


@pytest.mark.parametrize(
    ("answer", "stored"),
    [
        ("36,50", "36.50"),
        ("36.50", "36.50"),
        (" 0036.5 ", "36.5"),
        (".5", "0.5"),
        ("-0.0", "0.0"),
        ("−3,1", "-3.1"),
        ("+4", "4"),
        ("137,0", "137.0"),
    ],
)
def test_a_decimal_takes_comma_and_point_and_keeps_its_zeros(answer: str, stored: str) -> None:
    """DAT-10; a comma never multiplies a value by ten."""
    assert parse(answer, item("decimal")) == stored


@pytest.mark.parametrize(
    "answer", ["1.234,5", "1,234.5", "1 234", "1e3", "12.5.1", "5.", "٣", "abc", "-", ".", "0x10"]
)
def test_what_is_not_one_number_is_refused(answer: str) -> None:
    with pytest.raises(ValueRefused, match=r"is not a number: type it like 1234\.5"):
        parse(answer, WEIGHT)


def test_more_decimals_than_the_item_keeps_are_refused_rather_than_rounded() -> None:
    """DAT-10: never silently round."""
    with pytest.raises(ValueRefused, match="at most 2 decimals: nothing is rounded"):
        parse("68.405", WEIGHT)


def test_an_integer_refuses_decimals_even_zero_ones() -> None:
    with pytest.raises(ValueRefused, match="whole number"):
        parse("5.0", COUNT)
    assert parse("005", COUNT) == "5"


def test_nineteen_digits_are_a_slip_of_the_hand() -> None:
    with pytest.raises(ValueRefused, match="more than 18 digits"):
        parse("1" * 19, COUNT)


def test_another_unit_is_converted_exactly_and_the_original_kept() -> None:
    stored = parse({"": "12,5", "unit": "g/dL"}, HAEMOGLOBIN)
    assert stored == {"value": "125.0", "entered": "12.5", "unit": "g/dL"}
    assert decimal(stored) == Decimal("125.0")
    assert display(stored, HAEMOGLOBIN) == "12.5 g/dL (125 g/L)"
    assert display(stored, HAEMOGLOBIN, "fr") == "12,5 g/dL (125 g/L)"
    assert parse({"": "7.755", "unit": "mmol/L"}, HAEMOGLOBIN)["value"] == "124.964070"
    assert parse({"": "98.6", "unit": "°F"}, TEMPERATURE)["value"] == "37.000416"


@pytest.mark.parametrize(
    ("number", "entered", "decimals", "shown"),
    [
        ("81.7372784", "180.2", 2, "81.74"),
        ("81.7372784", "180.2", None, "81.74"),
        ("7.06146", "19.78", 2, "7.06"),
        ("17.000", "1.700", 2, "17.00"),
        ("1228", "1228", 1, "1228"),
        ("2.26796", "5", None, "2.27"),
        ("124.964070", "7.755", None, "125.0"),
        ("0.00042", "0.42", 2, "0.00042"),
        ("0.0004217", "0.4217", 2, "0.0004217"),
        ("0.00042179", "0.4", 2, "0.000422"),
        ("0.000", "0.0", 2, "0.00"),
        ("-2.6666", "27.2", 1, "-2.7"),
        ("123456789012345678.25", "1", 1, "123456789012345678.3"),
    ],
)
def test_a_conversion_is_read_with_the_decimals_of_its_item(number, entered, decimals, shown) -> None:
    """What is stored stays exact; a small number keeps three digits instead of becoming none."""
    item = Item(name="x", type="decimal", label={"en": "X"}, unit="kg", decimals=decimals)
    assert labels.shown_number(number, entered, item) == shown


@pytest.mark.parametrize("unit", ["score", "count", "ratio", "pH"])
def test_no_unit_follows_the_number_of_a_score(unit: str) -> None:
    item = Item(name="x", type="decimal", label={"en": "X"}, unit=unit)
    assert display("7.41", item) == "7.41"
    assert labels.headed("X", unit) == "X"


def test_the_items_own_unit_stores_the_plain_number() -> None:
    assert parse({"": "125", "unit": "g/L"}, HAEMOGLOBIN) == "125"


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        ({"": "12", "unit": "stone"}, HAEMOGLOBIN),
        ({"": "X"}, SEX),
        ({"": ["FEVER", "SCURVY"]}, SIGNS),
        ({"": ["F", "M"]}, SEX),
        ({"": "1"}, YES_NO),
        ({"missing": "ND"}, YES_NO),
        ({"missing": "LOST"}, WEIGHT),
        ({"": "9oct25 14:05", "offset": "later"}, DATETIME),
    ],
)
def test_a_code_or_unit_that_no_page_offers_is_distinguished(answer: dict[str, Any], asked: Item) -> None:
    with pytest.raises(NotOffered):
        parse(answer, asked)


def test_blank_is_no_value_and_never_a_no() -> None:
    """DAT-02."""
    for asked in (WEIGHT, COUNT, SEX, YES_NO, TEXT, DATE, PARTIAL, DATETIME, TIME, SIGNS):
        assert parse("", asked) is None
        assert parse({}, asked) is None
        assert display(None, asked) == ""


def test_why_a_value_is_missing_is_a_value_of_its_own() -> None:
    """DAT-02: not done, unknown and not applicable stay distinct, with a reason in words."""
    assert parse({"": "", "missing": "ND", "reason": " no sample "}, WEIGHT) == {
        "missing": "ND",
        "reason": "no sample",
    }
    assert display({"missing": "ND", "reason": "no sample"}, WEIGHT) == "Not done: no sample"
    assert display({"missing": "NA"}, SEX) == "Not applicable"
    assert decimal({"missing": "ND"}) is None


def test_a_missing_code_can_be_typed_where_the_value_goes() -> None:
    """A nurse types ND instead of reaching for the list; in a text it would be a text."""
    assert parse("nd", WEIGHT) == {"missing": "ND"}
    assert parse("UNK", DATETIME, BRUSSELS) == {"missing": "UNK"}
    assert parse("?NA", SEX) == {"missing": "NA"}
    assert parse("NA", TEXT) == "NA"
    with pytest.raises(ValueRefused, match="is not a number"):
        parse("ASKU", WEIGHT)


def test_a_value_and_a_missing_code_together_are_refused() -> None:
    with pytest.raises(ValueRefused, match="either the value or why it is missing"):
        parse({"": "68", "missing": "ND"}, WEIGHT)
    with pytest.raises(ValueRefused, match="either the value or why it is missing"):
        parse({"day": "UNK", "month": "UNK", "year": "2021", "missing": "ND"}, PARTIAL)
    with pytest.raises(ValueRefused, match="Choose why the value is missing"):
        parse({"": "68", "reason": "no scale"}, WEIGHT)


def test_a_date_must_be_whole_and_a_partial_date_must_not() -> None:
    """DAT-05."""
    assert parse("9oct25", DATE, BRUSSELS) == "2025-10-09"
    assert parse("v", DATE, BRUSSELS) == "2025-10-09"
    with pytest.raises(ValueRefused, match="whole date"):
        parse("oct 2025", DATE, BRUSSELS)
    assert parse({"day": "UNK", "month": "01", "year": "2021"}, PARTIAL, BRUSSELS) == "2021-01"
    assert parse({"day": "unk", "month": "UNK", "year": "2021"}, PARTIAL, BRUSSELS) == "2021"
    assert parse({"day": "5", "month": "jan", "year": "2021"}, PARTIAL, BRUSSELS) == "2021-01-05"
    assert display("2021-01", PARTIAL) == "UNK-JAN-2021"


@pytest.mark.parametrize(
    ("day", "month", "year", "sentence"),
    [
        ("5", "UNK", "2021", "type the month"),
        ("", "01", "2021", "Type each part"),
        ("5", "01", "", "year in four digits"),
        ("UNK", "UNK", "UNK", "choose why the date is missing"),
        ("31", "02", "2021", "no day 31"),
        ("t", "01", "2021", "“t” is not a day"),
    ],
)
def test_an_incomplete_partial_date_says_what_to_type(day: str, month: str, year: str, sentence: str) -> None:
    with pytest.raises(ValueRefused, match=sentence):
        parse({"day": day, "month": month, "year": year}, PARTIAL, BRUSSELS)


def test_a_date_time_needs_its_time_or_says_that_it_is_unknown() -> None:
    assert parse("9oct25 14:05", DATETIME, BRUSSELS) == "2025-10-09T14:05+02:00[Europe/Brussels]"
    assert parse("9oct25 UNK", DATETIME, BRUSSELS) == "2025-10-09"
    assert display("2025-10-09", DATETIME) == "09-Oct-2025 UNK"
    with pytest.raises(ValueRefused, match="Add the time"):
        parse("9oct25", DATETIME, BRUSSELS)


def test_the_repeated_hour_is_resolved_by_the_choice_beside_it() -> None:
    """TIM: the user chooses; a choice left from another time has no effect."""
    chosen = parse({"": "25oct26 02:30", "offset": "+01:00"}, DATETIME, BRUSSELS)
    assert chosen == "2026-10-25T02:30+01:00[Europe/Brussels]"
    assert parse({"": "26oct26 02:30", "offset": "+02:00"}, DATETIME, BRUSSELS).startswith(
        "2026-10-26T02:30+01:00"
    )


@pytest.mark.parametrize("answer", ["14:05", "14h05", "1405", "14.05"])
def test_a_time_is_stored_on_the_24_hour_clock(answer: str) -> None:
    assert parse(answer, TIME) == "14:05"


@pytest.mark.parametrize("answer", ["24:00", "9:60", "2 pm", "9"])
def test_what_is_not_a_time_is_refused(answer: str) -> None:
    with pytest.raises(ValueRefused, match="is not a time: type it like 14:05"):
        parse(answer, TIME)


def test_several_choices_are_kept_once_and_in_order() -> None:
    assert parse({"": ["FEVER", "COUGH", "FEVER"]}, SIGNS) == ["COUGH", "FEVER"]
    assert display(["COUGH", "FEVER"], SIGNS) == "cough, fever"


def test_text_is_kept_to_the_letter() -> None:
    """DAT-10: leading zeros, trailing spaces, line breaks and Unicode."""
    assert parse("007 é ☃ \r\n=1+1 ", TEXT) == "007 é ☃ \n=1+1 "
    with pytest.raises(ValueRefused, match="cannot be stored"):
        parse("a\x00b", TEXT)
    with pytest.raises(ValueRefused, match="5 characters: at most 4"):
        parse("abcde", item("text", max_length=4))


@pytest.mark.parametrize(
    ("value", "severity"),
    [
        ("24.99", "hard"),
        ("25", "soft"),
        ("39.99", "soft"),
        ("40", ""),
        ("200", ""),
        ("200.1", "soft"),
        ("351", "hard"),
    ],
)
def test_limits_belong_to_the_range(value: str, severity: str) -> None:
    """DAT-03: one pass, one fail, one boundary; an impossible value is not also called unusual."""
    assert [finding.severity for finding in limit_findings(value, WEIGHT)] == ([severity] if severity else [])


def test_limits_are_checked_in_the_items_own_unit() -> None:
    asked = item("decimal", unit="g/L", units=[{"unit": "g/dL", "factor": "10"}], soft=["70", "200"])
    assert limit_findings(parse({"": "12", "unit": "g/dL"}, asked), asked) == ()
    (finding,) = limit_findings(parse({"": "6.9", "unit": "g/dL"}, asked), asked)
    assert finding.sentence() == "Unusual: expected between 70 and 200 g/L. Check the value."
    assert flag("69", asked) == "low"
    assert flag("201", asked) == "high"
    assert flag({"missing": "ND"}, asked) == ""


@pytest.mark.parametrize(
    ("unit", "printed"),
    [
        ("10^9/L", "10⁹/L"),
        ("ug/L", "µg/L"),
        ("/uL", "/µL"),
        ("umol/L", "µmol/L"),
        ("Cel", "°C"),
        ("kg/m2", "kg/m²"),
        ("mL/min/1.73m2", "mL/min/1.73m²"),
        ("cmH2O", "cmH₂O"),
        ("mmHg", "mmHg"),
        ("U/L", "U/L"),
    ],
)
def test_units_are_printed_as_people_write_them(unit: str, printed: str) -> None:
    assert labels.unit_words(unit) == printed


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9)
CANONICAL = NUMBERS.map(lambda number: parsing.canonical(f"{number:f}"))
DAYS = st.dates(dt.date(1900, 1, 1), dt.date(2099, 12, 31))
TEXTS = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), include_characters="\n\t"), min_size=1, max_size=60
).filter(str.strip)
MISSING = st.fixed_dictionaries(
    {"missing": st.sampled_from(["ND", "UNK", "NA"])}, optional={"reason": TEXTS.map(str.strip)}
)
MINUTES = st.integers(1_000_000, 67_000_000).map(
    lambda minutes: (
        parsing.Moment.from_datetime(
            dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=minutes), "Europe/Brussels"
        ).iso
    )
)
STORED: list[tuple[Item, st.SearchStrategy[Any]]] = [
    (item("decimal"), CANONICAL),
    (HAEMOGLOBIN, CANONICAL.map(lambda number: parse({"": number, "unit": "g/dL"}, HAEMOGLOBIN))),
    (TEMPERATURE, CANONICAL.map(lambda number: parse({"": number, "unit": "°F"}, TEMPERATURE))),
    (item("integer"), st.integers(-(10**17), 10**17).map(str)),
    (TEXT, TEXTS),
    (SEX, st.sampled_from(["F", "M"])),
    (SIGNS, st.sets(st.sampled_from(["FEVER", "COUGH", "DYSPNOEA"]), min_size=1).map(sorted)),
    (item("yes_no"), st.sampled_from(["Y", "N"])),
    (DATE, DAYS.map(str)),
    (
        PARTIAL,
        st.one_of(DAYS.map(str), DAYS.map(lambda day: f"{day:%Y-%m}"), DAYS.map(lambda day: f"{day:%Y}")),
    ),
    (DATETIME, st.one_of(MINUTES, DAYS.map(str), DAYS.map(lambda day: f"{day:%Y-%m}"))),
    (TIME, st.times().map(lambda time: f"{time:%H:%M}")),
]
ANY_STORED = st.one_of(
    *(st.tuples(st.just(asked), values | MISSING) for asked, values in STORED),
)


@given(ANY_STORED, st.sampled_from(["en", "fr", "es"]))
def test_what_an_input_shows_is_read_back_as_the_same_value(case: tuple[Item, Any], language: str) -> None:
    """DAT-10: parse(typed(x)) == x for every type, missing codes included, through JSON."""
    asked, value = case
    shown = json.loads(json.dumps(typed(value, asked, language)))
    assert parse(shown, asked, BRUSSELS) == value


@given(ANY_STORED)
def test_no_binary_fraction_is_ever_made(case: tuple[Item, Any]) -> None:
    asked, value = case
    number = decimal(value)
    assert number is None or isinstance(number, Decimal)
    for words in (display(value, asked), display(value, asked, "fr")):
        assert isinstance(words, str)
        assert words
    for module in (parsing, labels):
        assert "float(" not in inspect.getsource(module)


@given(st.sampled_from([asked for asked, _values in STORED]), st.text(max_size=20))
def test_no_text_breaks_a_type(asked: Item, text: str) -> None:
    """Every input is a value or a sentence, and what was accepted is accepted again."""
    try:
        value = parse(text, asked, BRUSSELS)
    except ValueRefused:
        return
    assert value is None or parse(typed(value, asked), asked, BRUSSELS) == value


@given(CANONICAL, st.sampled_from(["g/dL", "mmol/L"]))
def test_a_conversion_is_exact(number: str, unit: str) -> None:
    """LAB-04: decimal arithmetic; the converted value divided by the factor is what was typed."""
    stored = parse({"": number, "unit": unit}, HAEMOGLOBIN)
    converted = decimal(stored)
    assert converted is not None
    assert converted == Decimal(number) * HAEMOGLOBIN.alternative(unit).factor
