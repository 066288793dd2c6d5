"""Coded values as numbers with labels, for programs whose labels belong to numbers."""

from dataclasses import dataclass
from typing import Final

from exports.formats.numbers import MISSING_LETTERS
from exports.formats.spool import Slot
from exports.tables.description.code_lists import MISSING_CODES, numbers_of
from exports.tables.description.described import codes_of

LANGUAGE: Final = "en"


@dataclass(frozen=True, slots=True)
class Coding:
    """The number of each code, and the label of each number."""

    numbers: dict[str, int]
    labels: dict[int, str]


def coding_of(slot: Slot) -> Coding | None:
    """Return the coding of a column with codes, or None for other columns.

    A value outside the code list, as an earlier version of the protocol may have left, gets the next number and is its
    own label.
    """
    codes = codes_of(slot.column) if slot.role == "value" else ()
    if not codes:
        return None
    numbers = numbers_of(codes)
    labels = {numbers[code.code]: code.label(LANGUAGE) or code.code for code in codes}
    for unknown in slot.seen:
        if unknown not in numbers:
            numbers[unknown] = max(numbers.values()) + 1
            labels[numbers[unknown]] = unknown
    return Coding(numbers, dict(sorted(labels.items())))


def missing_labels() -> dict[str, str]:
    """Return the label of each missing code, in the order of its letters."""
    labels = {code.code: code.label(LANGUAGE) for code in MISSING_CODES}
    return {code: labels[code] for code in MISSING_LETTERS}
