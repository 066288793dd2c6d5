"""Numbers of people in free text: Belgian and Spanish national numbers by check digits, telephone numbers (PRV-02).

What is found is a suspicion: a text is never refused for it.
"""

import re
from collections.abc import Iterator
from enum import StrEnum


class PersonalNumber(StrEnum):
    """Kind of a number that names a person."""

    NISS = "niss"
    DNI = "dni"
    TELEPHONE = "telephone"


# Neither side may go on: a longer number, a decimal, an id of letters and digits.
_BEFORE, _AFTER = r"(?<![\w.,/+-])", r"(?![\w/]|[.,-]\w)"
_DATE = re.compile(r"\b(?:\d{1,2}[/.-]\d{1,2}[/.-]\d{4}|\d{4}-\d{2}-\d{2})(?:[T ]+\d{1,2}:\d{2}(?::\d{2})?)?")
_NISS = re.compile(rf"{_BEFORE}(\d\d)[. ]?(\d\d)[. ]?(\d\d)[- ]?(\d{{3}})[. -]?(\d\d){_AFTER}")
_DNI = re.compile(
    rf"{_BEFORE}([XYZ]?)[ -]?(\d{{1,2}}[.]?\d{{3}}[.]?\d{{3}})[ -]?([A-Z]){_AFTER}", re.IGNORECASE
)
_TELEPHONE = re.compile(rf"{_BEFORE}(?:(?:\+|00)[1-9]|0[1-9]|[6-9])(?:[ ./-]?\(?\d\)?){{7,13}}{_AFTER}")
_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def personal_numbers(text: str) -> list[PersonalNumber]:
    """Return the kinds of numbers of people that a text seems to hold, each once, in the order of the enumeration."""
    found = set(_found(_DATE.sub(" ; ", text)))
    return [kind for kind in PersonalNumber if kind in found]


def is_niss(digits: str) -> bool:
    """Return whether 11 digits are a Belgian national number (rijksregisternummer, NISS).

    The last two are 97 minus the first nine modulo 97; for people born since 2000 with a 2 before the nine. A month is
    raised by 20 or 40 in the numbers of people who are not in the national register.
    """
    if len(digits) != 11 or int(digits[2:4]) % 20 > 12 or int(digits[2:4]) > 52 or int(digits[4:6]) > 31:
        return False
    check = int(digits[9:])
    return any(97 - int(century + digits[:9]) % 97 == check for century in ("", "2"))


def is_dni(prefix: str, digits: str, letter: str) -> bool:
    """Return whether digits and letter are a Spanish DNI (8 digits), or with X, Y or Z before 7 digits an NIE.

    The letter follows from the number modulo 23; X, Y and Z count as 0, 1 and 2.
    """
    if len(digits) != (7 if prefix else 8):
        return False
    first = str("XYZ".index(prefix.upper())) if prefix else ""
    return _LETTERS[int(first + digits) % 23] == letter.upper()


def is_telephone(text: str) -> bool:
    """Return whether digits, written as people write them, are a telephone number of Belgium, Spain or abroad."""
    digits = re.sub(r"\D", "", text)
    if text.lstrip().startswith("+") or digits.startswith("00"):
        return 10 <= len(digits.removeprefix("00")) <= 14 or len(digits.removeprefix("00")) == 9
    return len(digits) in ((9, 10) if digits.startswith("0") else (9,))


def _found(text: str) -> Iterator[PersonalNumber]:
    if any(is_niss("".join(match.groups())) for match in _NISS.finditer(text)):
        yield PersonalNumber.NISS
    parts = (match.groups() for match in _DNI.finditer(text))
    if any(is_dni(prefix, digits.replace(".", ""), letter) for prefix, digits, letter in parts):
        yield PersonalNumber.DNI
    if any(is_telephone(match[0]) for match in _TELEPHONE.finditer(text)):
        yield PersonalNumber.TELEPHONE
