"""Numbers of people in free text are recognised by their check digits, and clinical text is left alone (PRV-02)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.values.personal_numbers import PersonalNumber, is_dni, is_niss, personal_numbers

NISS, DNI, TELEPHONE = PersonalNumber.NISS, PersonalNumber.DNI, PersonalNumber.TELEPHONE
LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


@st.composite
def national_numbers(draw) -> str:
    """Eleven digits of a Belgian national number, of people born in either century."""
    year, day = draw(st.integers(0, 99)), draw(st.integers(0, 31))
    month = draw(st.integers(0, 12)) + draw(st.sampled_from([0, 20, 40]))
    first = f"{year:02}{month:02}{day:02}{draw(st.integers(1, 997)):03}"
    return f"{first}{97 - int(draw(st.sampled_from(['', '2'])) + first) % 97:02}"


@given(number=national_numbers())
def test_a_belgian_national_number_is_found_however_it_is_written(number):
    """PRV-02: also of people born since 2000, and with months raised by 20 or 40."""
    a, b, c, d, e = number[:2], number[2:4], number[4:6], number[6:9], number[9:]
    for written in (number, f"{a}.{b}.{c}-{d}.{e}", f"{a} {b} {c} {d} {e}", f"{a}{b}{c}-{d}-{e}"):
        assert NISS in personal_numbers(f"Patient ({written}) came"), written


@given(number=national_numbers(), wrong=st.integers(1, 96))
def test_a_wrong_check_is_no_national_number(number, wrong):
    """PRV-02: with any other check digits it is a number like another, unless the other century has them."""
    other = f"{number[:9]}{(int(number[9:]) + wrong) % 100:02}"
    fits = {97 - int(century + number[:9]) % 97 for century in ("", "2")}
    assert is_niss(other) is (int(other[9:]) in fits)


@given(digits=st.integers(0, 99_999_999))
def test_a_spanish_number_is_found_by_its_letter(digits):
    """PRV-02: DNI."""
    number = f"{digits:08}"
    letter = LETTERS[digits % 23]
    dotted = f"{number[:2]}.{number[2:5]}.{number[5:]}"
    for written in (
        f"{number}{letter}",
        f"{number}-{letter}",
        f"{dotted}-{letter.lower()}",
        f"{number} {letter}",
    ):
        assert DNI in personal_numbers(f"DNI: {written}, of the wife"), written
    for other in set(LETTERS) - {letter}:
        assert not is_dni("", number, other)


@given(prefix=st.sampled_from("XYZ"), digits=st.integers(0, 9_999_999))
def test_a_number_of_a_foreigner_in_spain_is_found(prefix, digits):
    """PRV-02: NIE; X, Y and Z count as 0, 1 and 2."""
    letter = LETTERS[int(f"{'XYZ'.index(prefix)}{digits:07}") % 23]
    assert DNI in personal_numbers(f"NIE {prefix}{digits:07}{letter}.")
    assert DNI in personal_numbers(f"{prefix}-{digits:07}-{letter}")


@pytest.mark.parametrize(
    "text",
    [
        "+32 475 12 34 56", "0032 475 12 34 56", "0475/12.34.56", "0475 12 34 56", "0475123456", "04 366 71 11",
        "02/555.12.12", "+34 612 345 678", "612 345 678", "983 42 00 00", "+33 (0)6 12 34 56 78", "+1 202 555 0123",
    ],
)  # fmt: skip
def test_a_telephone_number_is_found(text):
    assert TELEPHONE in personal_numbers(f"Call the daughter: {text}.")


@pytest.mark.parametrize(
    "text",
    [
        "", "Paracetamol 1000 mg, 3 times", "SpO2 93 % at 08:30", "From 04/10/2025 14:05 until 09/10/2025",
        "2026-03-10T09:11 and 04-10-2025", "Bag 12345678", "Lot L-2021-004712", "150000000 cells", "1.5e8 cells",
        "Platelets 250 000", "PaO2 65.4 / 21.8", "C-reactive protein 123.45 mg/L", "VAL-002 and 0 mL",
        "EudraCT 2020-001505-22, NCT04361942", "ISO 13485:2016", "0.475123456", "a0475123456f", "12345678901",
        "see https://doi.org/10.1016/j.jcyt.2005.0475", "10 mL at 09.30, 20 mL at 10.15", "12345678A",
    ],
)  # fmt: skip
def test_clinical_text_is_left_alone(text):
    """PRV-02: a warning that comes for every dose is read by nobody."""
    assert personal_numbers(text) == []


@given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text_is_read(text):
    assert set(personal_numbers(text)) <= set(PersonalNumber)


@given(
    value=st.decimals(min_value=0, max_value=10**6, places=2),
    unit=st.sampled_from(["mg", "mL", "g/dL", "cells/kg", "%", "mmHg"]),
)
def test_no_measured_value_is_a_number_of_a_person(value, unit):
    assert personal_numbers(f"{value} {unit}") == []


def test_each_kind_is_told_once():
    number = "85073003328"
    assert is_niss(number)
    assert personal_numbers(f"{number}, {number}, 12345678Z, 0475 12 34 56") == [NISS, DNI, TELEPHONE]
