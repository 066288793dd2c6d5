"""Signs that a person cannot see in a name: two names that look alike would be two people.

Control characters, signs that turn the direction of writing (bidirectional), and signs without width. No Django.
"""

import unicodedata

# Control, format (direction, zero width), line and paragraph separators, lone surrogates.
HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
# Letters and marks that Unicode shows as nothing (Default_Ignorable_Code_Point), and the blank Braille pattern.
BLANK = frozenset({0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810)})
VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))


def is_hidden(sign: str) -> bool:
    """Return True for one character that has no shape of its own on paper. A space has: it separates."""
    number = ord(sign)
    return (
        unicodedata.category(sign) in HIDDEN_CATEGORIES
        or number in BLANK
        or any(number in signs for signs in VARIATION_SELECTORS)
    )


def first_hidden_sign(text: str, *, lines: bool = False) -> str:
    """Return the first hidden sign of a text as `U+200B`, or an empty text. lines: line breaks and tabs may stand."""
    allowed = "\r\n\t" if lines else ""
    found = next((sign for sign in text if sign not in allowed and is_hidden(sign)), "")
    return f"U+{ord(found):04X}" if found else ""
