"""The Single European Code of tissues and cells: forty characters, read part by part (CEL-02).

Source: Directive 2006/86/EC, article 10b and annex VII (as amended by Directive (EU) 2015/565). The code has no check
character of its own; a donation number by ISBT 128 is held against that standard's form. Regulation (EU) 2024/1938
replaces the directive from 7 August 2027: `SCHEME` is stored with each code, so that codes of both can stand side by
side (CEL-04). No Django.
"""

import re
from dataclasses import dataclass
from datetime import date

from dosing.stock.identifiers.refusals import IdentifierRefused

SCHEME = "2006/86/EC"
LENGTH, SEQUENCE = 40, 21
NO_EXPIRY = "00000000"
CODING_SYSTEMS = {"A": "ISBT 128", "B": "Eurocode", "E": "EUTC"}
# The establishments that the EU compendium lists lie in the EU and the EEA; XI is Northern Ireland, GB until 2020.
COUNTRIES = frozenset(
    [
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE",
        "IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK", "XI",
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EuropeanCode:
    """A Single European Code. `expires` is None for a product without a day of expiry."""

    country: str
    establishment: str
    donation: str
    coding_system: str
    product: str
    split: str
    expires: date | None

    @property
    def donation_sequence(self) -> str:
        """The twenty-one characters that are the same for every product of the donation."""
        return self.country + self.establishment + self.donation

    @property
    def text(self) -> str:
        """The forty characters."""
        expiry = f"{self.expires:%Y%m%d}" if self.expires else NO_EXPIRY
        return self.donation_sequence + self.coding_system + self.product + self.split + expiry


def donation_sequence(text: str) -> str:
    """Return the donation identification sequence of a whole code, or of the sequence alone (21 characters).

    Raises IdentifierRefused as `european_code` does.
    """
    code = re.sub(r"[\s-]", "", text).upper()
    if len(code) == SEQUENCE:
        # What the sequence lacks is filled with what is right anywhere.
        code += f"E{'0' * 10}{NO_EXPIRY}"
    return european_code(code if len(code) == LENGTH else text).donation_sequence


def european_code(text: str) -> EuropeanCode:
    """Read a Single European Code, typed with or without spaces and hyphens.

    Raises IdentifierRefused: `length`, `form`, `country`, `coding_system` or `expiry`.
    """
    code = re.sub(r"[\s-]", "", text).upper()
    if len(code) != LENGTH:
        raise IdentifierRefused("length", text)
    if not re.fullmatch(r"[A-Z]{2}[A-Z0-9]{19}[A-Z][A-Z0-9]{10}[0-9]{8}", code):
        raise IdentifierRefused("form", text)
    if code[:2] not in COUNTRIES:
        raise IdentifierRefused("country", text, code[:2])
    if code[21] not in CODING_SYSTEMS:
        raise IdentifierRefused("coding_system", text, code[21])
    return EuropeanCode(
        country=code[:2],
        establishment=code[2:8],
        donation=code[8:21],
        coding_system=code[21],
        product=code[22:29],
        split=code[29:32],
        expires=_expiry(code[32:], text),
    )


def _expiry(digits: str, text: str) -> date | None:
    if digits == NO_EXPIRY:
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError as wrong:
        raise IdentifierRefused("expiry", text, digits) from wrong
