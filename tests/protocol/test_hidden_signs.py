"""Signs that nobody sees in a name."""

import unicodedata

import pytest

from protocol.values.hidden_signs import first_hidden_sign


@pytest.mark.parametrize(
    "sign",
    [
        "\u0000", "\u0007", "\u001b", "\u007f", "\u0085",  # control
        "\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069", "\u061c",  # direction
        "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u180e",  # no width
        "\u3164", "\u115f", "\u2800", "\ufe0f", "\U000e0041", "\ud800", "\u2028",  # blank, or no character
    ],
)  # fmt: skip
def test_a_sign_that_nobody_sees_is_found_and_named(sign):
    assert first_hidden_sign(f"An{sign}na") == f"U+{ord(sign):04X}"
    assert first_hidden_sign(sign) == f"U+{ord(sign):04X}"


@pytest.mark.parametrize(
    "name",
    [
        "Anna Müller",
        "Nguyễn Thị Ánh",
        "O’Brien-Smith",
        "José  (fils)",
        "王小明",
        "Ελένη",
        "Зоя",
        "محمد",
        "मीरा",
    ],
)
def test_names_as_people_write_them_hold_none(name):
    for form in ("NFC", "NFD"):
        assert first_hidden_sign(unicodedata.normalize(form, name)) == ""


def test_lines_may_stand_in_a_text_of_several_lines_only():
    assert first_hidden_sign("sister\n0475 12 34 56", lines=True) == ""
    assert first_hidden_sign("sister\n0475 12 34 56") == "U+000A"
    assert first_hidden_sign("sister\n\u202e", lines=True) == "U+202E"
