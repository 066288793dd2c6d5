"""A sealed list from outside: a CSV file with stratum, position, arm and perhaps a kit number for each place (RND-01).

The whole file is accepted, or refused with its first wrong line. No Django.
"""

import csv
import io
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction

from protocol.values.refusals import ValueRefused, gettext_noop

ALGORITHM = "uploaded-1"
COLUMNS = ("stratum", "position", "arm")
KIT = "kit"
LONGEST_KIT = 20
MOST_BYTES = 5_000_000
_HEADER = gettext_noop("Line 1: the columns are stratum, position, arm and, if you like, kit.")
_CELLS = gettext_noop("Line %(line)d: it does not have the %(number)d cells of the first line.")
_STRATUM = gettext_noop("Line %(line)d: the trial has no stratum “%(stratum)s”.")
_POSITION = gettext_noop("Line %(line)d: position %(expected)d comes next in this stratum, not “%(found)s”.")
_ARM = gettext_noop("Line %(line)d: the trial has no arm with the code “%(arm)s”.")
_RATIO = gettext_noop(
    "Line %(line)d: from the first place of the stratum to here the arms do not stand in the ratio of the protocol,"
    " even if the largest block is not full."
)
_KIT = gettext_noop("Line %(line)d: a kit number has 3 to 20 capital letters, digits and hyphens.")
_KIT_TWICE = gettext_noop("Line %(line)d: kit %(kit)s stands in the file twice.")
_MISSING = gettext_noop("The file has no place for the stratum “%(stratum)s”.")
_SHORT = gettext_noop("The file has %(found)d places: the trial needs at least %(target)d.")
_NOT_TEXT = gettext_noop("This is no CSV file in UTF-8.")


@dataclass(frozen=True, slots=True)
class SealedPlace:
    """One line of the file."""

    stratum: str
    position: int
    arm: str
    kit: str


def read_sealed_list(
    data: bytes, *, strata: Collection[str], ratio: Mapping[str, int], largest_block: int, target: int
) -> list[SealedPlace]:
    """Return the places of a file, in its order.

    strata: those of the trial. ratio: share by arm. largest_block: of the protocol. target: patients of the trial.
    Raises ValueRefused with a sentence that names the first wrong line.
    """
    lines = _cells(data)
    if not lines or tuple(lines[0]) not in (COLUMNS, (*COLUMNS, KIT)):
        raise ValueRefused(_HEADER)
    places: list[SealedPlace] = []
    arms: dict[str, Counter[str]] = {stratum: Counter() for stratum in strata}
    kits: set[str] = set()
    for line, cells in enumerate(lines[1:], start=2):
        if len(cells) != len(lines[0]):
            raise ValueRefused(_CELLS, line=line, number=len(lines[0]))
        place = _place(line, cells, arms, ratio)
        _refuse_kit(line, place.kit, kits)
        counted = arms[place.stratum]
        counted[place.arm] += 1
        if not _balanced(counted, ratio, largest_block):
            raise ValueRefused(_RATIO, line=line)
        places.append(place)
    for stratum, counted in arms.items():
        if not counted:
            raise ValueRefused(_MISSING, stratum=stratum)
    if len(places) < target:
        raise ValueRefused(_SHORT, found=len(places), target=target)
    return places


def _cells(data: bytes) -> list[list[str]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise ValueRefused(_NOT_TEXT) from wrong
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    try:
        found = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as wrong:
        raise ValueRefused(_NOT_TEXT) from wrong
    # Lines are numbered as in a spreadsheet: only blank ones at the end are left out.
    while found and not any(cell.strip() for cell in found[-1]):
        found.pop()
    return [[cell.strip() for cell in cells] for cells in found]


def _place(
    line: int, cells: list[str], arms: Mapping[str, Counter[str]], ratio: Mapping[str, int]
) -> SealedPlace:
    stratum, position, arm = cells[:3]
    if stratum not in arms:
        raise ValueRefused(_STRATUM, line=line, stratum=stratum)
    expected = arms[stratum].total() + 1
    if position != str(expected):
        raise ValueRefused(_POSITION, line=line, expected=expected, found=position)
    if arm not in ratio:
        raise ValueRefused(_ARM, line=line, arm=arm)
    return SealedPlace(stratum, expected, arm, cells[3] if len(cells) > 3 else "")


def _refuse_kit(line: int, kit: str, kits: set[str]) -> None:
    if not kit:
        return
    if not 3 <= len(kit) <= LONGEST_KIT or not all(
        sign.isascii() and (sign.isupper() or sign.isdigit() or sign == "-") for sign in kit
    ):
        raise ValueRefused(_KIT, line=line)
    if kit in kits:
        raise ValueRefused(_KIT_TWICE, line=line, kit=kit)
    kits.add(kit)


def _balanced(counted: Counter[str], ratio: Mapping[str, int], largest_block: int) -> bool:
    """Return True if permuted blocks of at most this size could begin with these numbers of places by arm.

    In a block an arm with the share p can run ahead of its expected number by at most p (1 - p) times the block.
    """
    whole, total = sum(ratio.values()), counted.total()
    return all(
        abs(counted[arm] - Fraction(share * total, whole))
        <= Fraction(share, whole) * (1 - Fraction(share, whole)) * largest_block
        for arm, share in ratio.items()
    )
