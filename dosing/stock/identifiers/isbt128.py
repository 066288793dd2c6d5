"""ISBT 128: donation identification numbers with their check character (CEL-03).

Source: ISBT 128 Standard Technical Specification, data structure 001 (ICCBBA; recalled), and
ISO/IEC 7064, MOD 37-2. No Django.
"""

import re
from dataclasses import dataclass

from dosing.stock.identifiers.refusals import IdentifierRefused

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
"""Values 0 to 36 of the check characters of MOD 37-2."""
# Facility: no letter O and no zero first, so that nobody mistakes one for the other.
_NUMBER = re.compile(r"[A-NP-Z1-9][A-NP-Z0-9][0-9]{3}[0-9]{2}[0-9]{6}")


@dataclass(frozen=True, slots=True)
class DonationNumber:
    """A donation identification number: facility (5), year (2) and serial number (6); flags of the label (2)."""

    facility: str
    year: str
    serial: str
    flags: str = ""

    @property
    def text(self) -> str:
        """The thirteen characters that identify the donation."""
        return self.facility + self.year + self.serial


def check_character(text: str) -> str:
    """Return the MOD 37-2 check character of a text of digits and capital letters."""
    total = 0
    for character in text:
        total = (total + ALPHABET.index(character)) * 2 % 37
    return ALPHABET[(38 - total) % 37]


def donation_number(text: str) -> DonationNumber:
    """Read a donation identification number, scanned (`=`, number, two flags) or typed (number, check character).

    Typed it may have the two flags before its check character. Raises IdentifierRefused (`length`, `form`, `check`):
    a typed number without its check character is refused, a scan is checked by the bar code itself.
    """
    found = _closed_up(text)
    scanned = found.startswith("=")
    found = found.removeprefix("=")
    if len(found) not in ((15,) if scanned else (14, 16)):
        raise IdentifierRefused("length", text)
    number, rest = found[:13], found[13:]
    if not _NUMBER.fullmatch(number):
        raise IdentifierRefused("form", text, number)
    flags, check = (rest, "") if scanned else (rest[:-1], rest[-1])
    if check and check != check_character(number):
        raise IdentifierRefused("check", text, check)
    if flags and not re.fullmatch(r"[A-Z0-9]{2}", flags):
        raise IdentifierRefused("form", text, flags)
    return DonationNumber(number[:5], number[5:7], number[7:], flags)


def _closed_up(text: str) -> str:
    return re.sub(r"[\s-]", "", text).upper()
