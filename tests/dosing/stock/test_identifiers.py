"""Identifiers of cells: donation numbers with their check character, Single European Codes, GS1 labels."""

import string
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosing.stock.identifiers import european_code as sec
from dosing.stock.identifiers import gs1
from dosing.stock.identifiers.isbt128 import check_character, donation_number
from dosing.stock.identifiers.refusals import IdentifierRefused

SIGNS = string.digits + string.ascii_uppercase
# Valid: a Belgian establishment, ISBT 128 donation, expiry on 30 June 2027.
CODE = "BE000042" + "A999918123457" + "A" + "00S1234" + "001" + "20270630"

facilities = st.from_regex(r"[A-NP-Z1-9][A-NP-Z0-9][0-9]{3}", fullmatch=True)
numbers = st.builds("{}{}".format, facilities, st.from_regex(r"[0-9]{8}", fullmatch=True))


def weighted_check(text: str) -> str:
    """The same check character by its definition: the sum of value x 2^position is 1 modulo 37 (ISO/IEC 7064)."""
    alphabet = SIGNS + "*"
    total = sum(alphabet.index(sign) * pow(2, len(text) - place, 37) for place, sign in enumerate(text))
    return alphabet[(1 - total) % 37]


def refused(read, text: str) -> str:
    with pytest.raises(IdentifierRefused) as caught:
        read(text)
    return caught.value.code


class TestTheDonationNumber:
    @pytest.mark.parametrize(
        ("number", "check"),
        [("G123489654321", "Y"), ("W000005123456", "A"), ("A999918123457", "R"), ("G123498654321", "H")],
    )
    def test_known_numbers_have_their_check_character(self, number, check):
        """CEL-03: computed by another implementation of MOD 37-2 (python-stdnum)."""
        assert check_character(number) == check
        assert donation_number(number + check).text == number

    @given(st.text(SIGNS, min_size=1, max_size=20))
    def test_the_check_character_follows_its_definition(self, text):
        """CEL-03: ISO/IEC 7064, MOD 37-2."""
        assert check_character(text) == weighted_check(text)

    @given(numbers, st.integers(0, 12), st.sampled_from(SIGNS))
    def test_one_wrong_character_is_always_noticed(self, number, place, sign):
        """CEL-03: whatever character of a number is mistyped, its check character no longer fits."""
        wrong = number[:place] + sign + number[place + 1 :]
        if wrong != number:
            assert check_character(wrong) != check_character(number)

    @given(numbers, st.integers(0, 11))
    def test_two_characters_in_the_wrong_order_are_always_noticed(self, number, place):
        turned = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
        if turned != number:
            assert check_character(turned) != check_character(number)

    def test_a_scan_and_what_people_type_are_the_same_number(self):
        """CEL-03: the bar code carries two flags and no check character, the printed number the check character."""
        typed = ("A9999 18 123457 R", "a999918123457r", "A99991812345700R")
        scan = donation_number("=A99991812345700")
        assert {donation_number(text).text for text in typed} == {scan.text}
        assert (scan.facility, scan.year, scan.serial, scan.flags) == ("A9999", "18", "123457", "00")
        assert check_character(scan.text) == "R"

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("A999918123457", "length"),
            ("=A999918123457", "length"),
            ("A999918123457S", "check"),
            ("A999918123475R", "check"),
            ("O999918123457R", "form"),
            ("0999918123457R", "form"),
            ("A9999181234X7R", "form"),
            ("=A999918123457!!", "form"),
            ("", "length"),
        ],
    )
    def test_a_number_that_cannot_be_one_is_refused(self, text, why):
        """CEL-03: a typed number without its check character too."""
        assert refused(donation_number, text) == why


class TestTheSingleEuropeanCode:
    def test_a_code_is_read_part_by_part(self):
        """CEL-02: Directive 2006/86/EC, annex VII."""
        read = sec.european_code("be000042 a999918123457 - A 00S1234 001 20270630")
        assert read == sec.EuropeanCode(
            country="BE", establishment="000042", donation="A999918123457", coding_system="A",
            product="00S1234", split="001", expires=date(2027, 6, 30),
        )  # fmt: skip
        assert read.text == CODE
        assert read.donation_sequence == CODE[:21] == sec.donation_sequence(CODE[:21])

    def test_a_product_without_expiry_has_zeros(self):
        """CEL-02: 00000000 is no day of expiry."""
        assert sec.european_code(CODE[:32] + "00000000").expires is None

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            (CODE[:-1], "length"),
            (CODE + "0", "length"),
            ("ZZ" + CODE[2:], "country"),
            (CODE[:21] + "C" + CODE[22:], "coding_system"),
            (CODE[:32] + "20270631", "expiry"),
            (CODE[:32] + "2027063X", "form"),
            ("1E" + CODE[2:], "form"),
        ],
    )
    def test_a_code_that_cannot_be_one_is_refused(self, text, why):
        """CEL-02."""
        assert refused(sec.european_code, text) == why

    @given(
        st.sampled_from(sorted(sec.COUNTRIES)), st.text(SIGNS, min_size=6, max_size=6),
        st.text(SIGNS, min_size=13, max_size=13), st.sampled_from("ABE"), st.text(SIGNS, min_size=7, max_size=7),
        st.text(SIGNS, min_size=3, max_size=3), st.none() | st.dates(date(2000, 1, 1)),
    )  # fmt: skip
    def test_every_code_that_is_written_is_read_again(
        self, country, place, donation, system, product, split, day
    ):
        code = sec.EuropeanCode(country, place, donation, system, product, split, day)
        assert len(code.text) == 40
        assert sec.european_code(code.text) == code


values = st.text(
    "".join(chr(code) for code in range(33, 127) if gs1.fits(chr(code))), min_size=1, max_size=20
)


class TestTheLabel:
    def test_a_separator_stands_behind_each_value_of_no_fixed_length_but_the_last(self):
        """CEL-02: fixed lengths first; no printed brackets."""
        written = gs1.element_string(
            {"7240": "NCT04445454", "10": "L-1", "17": date(2027, 6, 30), "21": "B-1"}
        )
        assert written == "17270630" + "7240NCT04445454\x1d" + "10L-1\x1d" + "21B-1"

    @given(values, values, values, st.dates(date(2000, 1, 1), date(2074, 12, 31)))
    def test_every_label_that_is_written_is_read_again(self, protocol, lot, bag, day):
        """CEL-02: also values that contain the digits of an identifier."""
        written = gs1.element_string({"7240": protocol, "10": lot, "17": day, "21": bag})
        assert written.isascii()
        assert gs1.elements("]d2" + written) == {
            "7240": protocol, "10": lot, "17": f"{day:%y%m%d}", "21": bag,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("text", "why"),
        [("99ABC", "form"), ("10", "form"), ("10A\x1d10B", "form"), ("17270631", "expiry"), ("1727063", "form"),
         ("0109506000134353", "check"), ("21" + "X" * 21, "form"), ("10(L)^", "form")],
    )  # fmt: skip
    def test_a_label_that_cannot_be_one_is_refused(self, text, why):
        assert refused(gs1.elements, text) == why

    def test_an_article_number_has_its_check_digit(self):
        """GS1 General Specifications: the worked example of GTIN 09506000134352."""
        assert gs1.elements("0109506000134352") == {"01": "09506000134352"}

    def test_day_zero_is_the_last_day_of_the_month(self):
        assert gs1.expiry_day("280200") == date(2028, 2, 29)
        assert gs1.expiry_day("271200") == date(2027, 12, 31)
        assert gs1.expiry_day("280230") is None

    @pytest.mark.parametrize("text", ["", "B 1", "Bé1", "x" * 21, "B\x1d1"])
    def test_a_number_that_no_label_can_hold_does_not_fit(self, text):
        assert not gs1.fits(text)
