"""GS1 element strings: application identifiers and their values, as a DataMatrix symbol holds them (CEL-02).

Source: GS1 General Specifications, sections 3 (application identifiers) and 7.8 (element strings); the identifier 7240
(protocol of a clinical trial) is in GS1's guideline on investigational products. The brackets that are printed around
an identifier are never part of the data. No Django.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from dosing.stock.identifiers.refusals import IdentifierRefused

SEPARATOR = "\x1d"
"""The group separator: what a scanner sends for an FNC1 between two values."""
SYMBOLOGY = "]d2"
"""What a scanner may send before the data of a GS1 DataMatrix."""
PROTOCOL, BATCH, SERIAL, EXPIRY = "7240", "10", "21", "17"
LONGEST_VALUE = 20
_CHARACTERS = re.compile(r"[!-\"%-?A-Z_a-z]+")
"""GS1 character set 82, by which values with letters are written."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """The value of an identifier: a fixed number of digits, or up to `longest` characters."""

    longest: int
    fixed: bool = False


KINDS: Mapping[str, _Kind] = {
    "01": _Kind(14, fixed=True),
    EXPIRY: _Kind(6, fixed=True),
    BATCH: _Kind(LONGEST_VALUE),
    SERIAL: _Kind(LONGEST_VALUE),
    PROTOCOL: _Kind(LONGEST_VALUE),
}


def fits(text: str) -> bool:
    """Return True if a bar code can hold the text as a number: one to twenty characters of GS1's set."""
    return len(text) <= LONGEST_VALUE and _CHARACTERS.fullmatch(text) is not None


def element_string(values: Mapping[str, str | date]) -> str:
    """Return identifiers and values in one string, a separator behind each value of no fixed length but the last.

    The FNC1 at the start belongs to the symbol and is not in it. Raises IdentifierRefused for a value that the
    identifier cannot hold.
    """
    parts = [(identifier, _written(identifier, value)) for identifier, value in values.items()]
    # Values of a fixed length first: they need no separator.
    parts.sort(key=lambda part: not KINDS[part[0]].fixed)
    last = len(parts) - 1
    return "".join(
        f"{identifier}{value}{'' if KINDS[identifier].fixed or place == last else SEPARATOR}"
        for place, (identifier, value) in enumerate(parts)
    )


def elements(text: str) -> dict[str, str]:
    """Return the values of a scanned element string by identifier.

    Raises IdentifierRefused: `form` for an unknown identifier or a value that it cannot hold, `check` for a wrong
    check digit of an article number, `expiry` for a day that is none.
    """
    rest = text.strip().removeprefix(SYMBOLOGY).lstrip(SEPARATOR)
    found: dict[str, str] = {}
    while rest:
        identifier = next((each for each in KINDS if rest.startswith(each)), None)
        if identifier is None or identifier in found:
            raise IdentifierRefused("form", text, rest)
        kind, rest = KINDS[identifier], rest[len(identifier) :]
        if kind.fixed:
            value, rest = rest[: kind.longest], rest[kind.longest :].removeprefix(SEPARATOR)
        else:
            value, _separator, rest = rest.partition(SEPARATOR)
        found[identifier] = _checked(identifier, value, text)
    return found


def article_check_digit(thirteen: str) -> str:
    """Return the check digit of the first thirteen digits of an article number (GTIN)."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(thirteen))
    return str(-total % 10)


def expiry_day(digits: str) -> date | None:
    """Return the day of `YYMMDD`; day 00 is the last of the month. None if it is no day.

    Years are those within fifty of 2026, by the rule of GS1.
    """
    if not re.fullmatch(r"[0-9]{6}", digits):
        return None
    year, month, day = 2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:])
    year -= 100 if year > 2075 else 0
    try:
        if day:
            return date(year, month, day)
        return date.fromordinal(date(year + month // 12, month % 12 + 1, 1).toordinal() - 1)
    except ValueError:
        return None


def _written(identifier: str, value: str | date) -> str:
    text = f"{value:%y%m%d}" if isinstance(value, date) else value
    return _checked(identifier, text, text)


def _checked(identifier: str, value: str, text: str) -> str:
    kind = KINDS[identifier]
    if kind.fixed:
        if not re.fullmatch(rf"[0-9]{{{kind.longest}}}", value):
            raise IdentifierRefused("form", text, value)
        if identifier == "01" and article_check_digit(value[:13]) != value[13]:
            raise IdentifierRefused("check", text, value)
        if identifier == EXPIRY and expiry_day(value) is None:
            raise IdentifierRefused("expiry", text, value)
    elif not fits(value):
        raise IdentifierRefused("form", text, value)
    return value
