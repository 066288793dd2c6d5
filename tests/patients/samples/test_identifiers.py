"""Codes on labels: their check character notices what a hand or a scanner gets wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patients.samples.identifiers import (
    ALPHABET,
    CodeRefused,
    TubeCode,
    check_character,
    read_code,
    sample_code,
)

numbers = st.integers(1, 99_999)
codes = st.builds(
    sample_code, trial=numbers, patient=numbers, sample=numbers, aliquot=st.none() | st.integers(1, 99)
)
texts = st.text(ALPHABET[:-1], min_size=1, max_size=30)


def weighted(text: str) -> int:
    """The definition of ISO 7064: each value times a power of two, from the right; a valid text gives 1 modulo 37."""
    return sum(ALPHABET.index(sign) * 2**place for place, sign in enumerate(reversed(text))) % 37


@given(texts)
def test_a_text_with_its_check_character_is_one_modulo_37(text: str) -> None:
    """ISO 7064 MOD 37-2, computed by its definition."""
    assert weighted(text + check_character(text)) == 1


@pytest.mark.parametrize(
    ("text", "check"), [("A999914123456", "N"), ("G123498654321", "H"), ("0", "1"), ("1", "*")]
)  # fmt: skip
def test_known_check_characters(text: str, check: str) -> None:
    """Printed examples of ISBT 128 donation numbers, which use the same system, and two computed by hand."""
    assert check_character(text) == check


@given(codes, st.data())
def test_one_wrong_character_is_never_taken_for_another_tube(code: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(code) - 1))
    other = data.draw(st.sampled_from(ALPHABET).filter(lambda sign: sign != code[place]))
    with pytest.raises(CodeRefused):
        read_code(code[:place] + other + code[place + 1 :])


@given(codes, st.data())
def test_two_exchanged_neighbours_are_noticed(code: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(code) - 2))
    first, second = code[place : place + 2]
    if first != second:
        with pytest.raises(CodeRefused):
            read_code(code[:place] + second + first + code[place + 2 :])


@given(numbers, numbers, numbers, st.none() | st.integers(1, 99))
def test_a_code_names_one_tube_of_one_trial(
    trial: int, patient: int, sample: int, aliquot: int | None
) -> None:
    code = sample_code(trial=trial, patient=patient, sample=sample, aliquot=aliquot)
    assert read_code(code) == TubeCode(trial, patient, sample, aliquot)
    assert read_code(f" {code[:3].lower()}-{code[3:]} \n") == TubeCode(trial, patient, sample, aliquot)


def test_what_is_no_code_is_told_apart_from_a_misread_one() -> None:
    code = sample_code(trial=2, patient=12, sample=3, aliquot=2)
    assert code[:-1] == "T2P0012S03A02"
    wrong = ALPHABET[(ALPHABET.index(code[-1]) + 1) % 37]
    no_codes = dict.fromkeys(("", "LIE-001", "1" * 60, f"Ä{code}", f"T{'9' * 5000}P0001S01A01K"), False)
    for text, misread in {code[:-1] + wrong: True, **no_codes}.items():
        with pytest.raises(CodeRefused) as refused:
            read_code(text)
        assert refused.value.misread is misread


@pytest.mark.parametrize("text", ["", "*", "a", "A*"])
def test_only_digits_and_capital_letters_have_a_check_character(text: str) -> None:
    with pytest.raises(ValueError):
        check_character(text)
