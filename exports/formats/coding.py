"""Coded values as numbers with labels, for programs whose labels belong to numbers."""

import re
from dataclasses import dataclass
from typing import Final

from exports.formats.numbers import MISSING_LETTERS
from exports.formats.spool import Slot
from exports.tables.code_lists import FLAGS, MISSING_CODES, Code

LANGUAGE: Final = "en"
NUMBER: Final = re.compile(r"0|-?[1-9][0-9]{0,8}")


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
    if slot.role != "value" or not (slot.column.codes or slot.kind == "flag"):
        return None
    codes = FLAGS if slot.kind == "flag" else slot.column.codes
    numbers = numbers_of(codes)
    labels = {numbers[code.code]: code.label(LANGUAGE) or code.code for code in codes}
    for unknown in slot.seen:
        if unknown not in numbers:
            numbers[unknown] = max(numbers.values()) + 1
            labels[numbers[unknown]] = unknown
    return Coding(numbers, dict(sorted(labels.items())))


def numbers_of(codes: tuple[Code, ...]) -> dict[str, int]:
    """Return the number of each code: Y is 1 and N is 0; codes that are whole numbers are themselves; others count."""
    names = [code.code for code in codes]
    if names == [code.code for code in FLAGS]:
        return {"Y": 1, "N": 0}
    if all(NUMBER.fullmatch(name) for name in names):
        return {name: int(name) for name in names}
    return {name: number for number, name in enumerate(names, start=1)}


def missing_labels() -> dict[str, str]:
    """Return the label of each missing code, in the order of its letters."""
    labels = {code.code: code.label(LANGUAGE) for code in MISSING_CODES}
    return {code: labels[code] for code in MISSING_LETTERS}
