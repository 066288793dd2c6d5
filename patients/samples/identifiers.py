"""Codes of samples and aliquots, with a check character (ISO 7064 MOD 37-2), as they stand on labels. No Django.

A code names trial, patient and tube by number, and nothing else: `T2P0012S03A02` and its check character. Any single
wrong character and any two neighbours exchanged are noticed.
"""

import re
from typing import Final, NamedTuple

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
"""Characters by value; the last one occurs only as check character."""
_MODULUS, _RADIX = 37, 2
_CODE: Final = re.compile(r"T([1-9][0-9]{0,8})P([0-9]{4,9})S([0-9]{2,9})(?:A([0-9]{2,4}))?", re.ASCII)
_BLANKS: Final = re.compile(r"[\s-]+")


class CodeRefused(ValueError):
    """A text that is no code of a sample: `misread` if only its check character disagrees."""

    def __init__(self, *, misread: bool) -> None:
        self.misread = misread


class TubeCode(NamedTuple):
    """The content of a code: key of the trial, numbers of the patient, of the sample in it, of the aliquot in that."""

    trial: int
    patient: int
    sample: int
    aliquot: int | None


def check_character(text: str) -> str:
    """Return the check character of a text of digits and capital letters (ISO 7064, pure system MOD 37-2).

    Raises ValueError for any other character, or an empty text.
    """
    if not text:
        raise ValueError("an empty text has no check character")
    total = 0
    for character in text:
        value = ALPHABET.index(character)
        if value == len(ALPHABET) - 1:
            raise ValueError("the character * occurs only as check character")
        total = (total + value) * _RADIX % _MODULUS
    return ALPHABET[(1 - total) % _MODULUS]


def sample_code(*, trial: int, patient: int, sample: int, aliquot: int | None = None) -> str:
    """Return the code of a sample, or of one of its aliquots, with its check character."""
    text = f"T{trial}P{patient:04d}S{sample:02d}"
    if aliquot is not None:
        text += f"A{aliquot:02d}"
    return text + check_character(text)


def read_code(scanned: str) -> TubeCode:
    """Return the content of a scanned or typed code. Blanks, hyphens and small letters are accepted.

    Raises CodeRefused for a text that is no code, or whose check character is wrong.
    """
    text = normal_code(scanned)
    found = _CODE.fullmatch(text[:-1])
    if found is None:
        raise CodeRefused(misread=False)
    if check_character(text[:-1]) != text[-1]:
        raise CodeRefused(misread=True)
    trial, patient, sample, aliquot = found.groups()
    return TubeCode(int(trial), int(patient), int(sample), int(aliquot) if aliquot else None)


def normal_code(scanned: str) -> str:
    """Return a scanned or typed code as it is stored: capital letters, without blanks and hyphens."""
    return _BLANKS.sub("", scanned).upper()
