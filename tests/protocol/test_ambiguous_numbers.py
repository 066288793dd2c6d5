"""`1,500` may be one and a half or fifteen hundred: it is refused where both could be meant (DAT-10)."""

from typing import Any

import pytest

from protocol.document.items import Item
from protocol.values.parsing import Clock, ValueRefused, parse
from protocol.values.written_numbers import refuse_grouped

ENGLISH, FRENCH = Clock(language="en"), Clock(language="fr")


def number(**keys: Any) -> Item:
    return Item.model_validate({"name": "it", "type": "decimal", "label": {"en": "It"}, **keys})


@pytest.mark.parametrize(("text", "clock"), [("1,500", ENGLISH), ("12,000", ENGLISH), ("1.500", FRENCH)])
def test_a_typed_number_that_can_be_read_in_two_ways_is_refused(text, clock) -> None:
    with pytest.raises(ValueRefused) as refused:
        parse(text, number(), clock)
    assert f"“{text}” can be read as" in refused.value.sentence()


@pytest.mark.parametrize(
    ("text", "clock", "stored"),
    [
        ("1,500", FRENCH, "1.500"),
        ("1.500", ENGLISH, "1.500"),
        ("0,500", ENGLISH, "0.500"),
        ("1,50", ENGLISH, "1.50"),
        ("1,5000", ENGLISH, "1.5000"),
        ("1500,125", ENGLISH, "1500.125"),
        ("1,500", Clock(), "1.500"),
    ],
)
def test_one_that_can_be_read_in_one_way_is_taken(text, clock, stored) -> None:
    assert parse(text, number(), clock) == stored


def test_a_reading_that_the_item_cannot_hold_was_not_meant() -> None:
    assert parse("7,421", number(hard=[6, 8]), ENGLISH) == "7.421"
    with pytest.raises(ValueRefused):
        parse("7,421", number(hard=[6, 8000]), ENGLISH)


def test_both_readings_are_tried_in_the_unit_that_was_chosen() -> None:
    litres = number(hard=[0, 500], unit="10^9/L", units=[{"unit": "/uL", "factor": "0.001"}])
    with pytest.raises(ValueRefused):
        parse({"": "6,400", "unit": "/uL"}, litres, ENGLISH)
    assert parse({"": "6,400", "unit": "10^9/L"}, litres, ENGLISH) == "6.400"


@pytest.mark.parametrize(("comma_columns", "text"), [(True, "1,500"), (False, "1,500"), (False, "1.500")])
def test_a_file_does_not_say_which_sign_is_decimal(comma_columns, text) -> None:
    with pytest.raises(ValueRefused) as refused:
        refuse_grouped(text, comma_columns=comma_columns)
    assert refused.value.sentence() == (
        f"“{text}” can be read as 1.500 or as 1500: write 1500, or 1.5000 with one more digit."
    )


@pytest.mark.parametrize(
    ("comma_columns", "text"), [(True, "1.500"), (True, "1,5"), (False, "1,5000"), (False, "0,500")]
)
def test_a_file_with_a_plain_number_is_read(comma_columns, text) -> None:
    assert refuse_grouped(text, comma_columns=comma_columns) is None


@pytest.mark.parametrize(
    ("factor", "decimals", "most"),
    [("10", 1, 2), ("1", 1, 1), ("0.001", 3, 0), ("88.42", 0, 2), ("0.453592", 2, 2), ("0.01", 1, 0)],
)
def test_the_decimals_are_limited_in_every_unit_by_what_they_are_worth(factor, decimals, most) -> None:
    item = number(decimals=decimals, unit="g/L", units=[{"unit": "g/dL", "factor": factor}])
    assert parse({"": f"5.{'1' * most}" if most else "5", "unit": "g/dL"}, item)
    with pytest.raises(ValueRefused) as refused:
        parse({"": f"5.{'1' * (most + 1)}", "unit": "g/dL"}, item)
    kept = {0: "a whole number", 1: "at most one decimal"}.get(most, f"at most {most} decimals")
    assert refused.value.sentence() == f"Type {kept}: nothing is rounded for you."
