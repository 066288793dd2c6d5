"""Data Matrix symbols, ECC 200: the dark modules of a GS1 element string or of plain ASCII (CEL-02). No Django.

Source: ISO/IEC 16022: sizes (table 7), ASCII encodation, Reed-Solomon correction over GF(256) and the placement of the
modules (annex F). Only square symbols with one block of correction are made: 174 code words, more than a label holds.
An FNC1 is a code word of its own, never a printed bracket or a character of the data.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from dosing.stock.identifiers.gs1 import SEPARATOR

Matrix = list[list[bool]]

FNC1: Final = 232
PAD: Final = 129
_DIGITS: Final = 130
_FIELD: Final = 0x12D
"""x⁸ + x⁵ + x³ + x² + 1, by which the code words are multiplied."""


class Size(NamedTuple):
    """A square symbol: modules on a side, code words of data and of correction, regions on a side."""

    side: int
    data: int
    correction: int
    regions: int = 1


SIZES: Final = (
    Size(10, 3, 5), Size(12, 5, 7), Size(14, 8, 10), Size(16, 12, 12), Size(18, 18, 14), Size(20, 22, 18),
    Size(22, 30, 20), Size(24, 36, 24), Size(26, 44, 28), Size(32, 62, 36, 2), Size(36, 86, 42, 2),
    Size(40, 114, 48, 2), Size(44, 144, 56, 2), Size(48, 174, 68, 2),
)  # fmt: skip


def gs1_symbol(element_string: str) -> Matrix:
    """Return the modules of a GS1 DataMatrix, True for a dark one, without the quiet zone of one module around it.

    element_string: as `gs1.element_string` returns it; its separators become FNC1. Raises ValueError for a character
    that is not ASCII, and for more than fits.
    """
    return _symbol([FNC1, *_code_words(element_string)])


def _symbol(words: Sequence[int]) -> Matrix:
    size = next((each for each in SIZES if each.data >= len(words)), None)
    if size is None:
        raise ValueError(f"{len(words)} code words do not fit into one symbol")
    padded = _padded(words, size.data)
    return _framed(_placed([*padded, *_correction(padded, size.correction)], size), size)


def _code_words(text: str) -> list[int]:
    """Return text in ASCII encodation: two digits in one code word, else one more than the character's code."""
    if not text.isascii():
        raise ValueError("a symbol holds ASCII alone")
    found, place = [], 0
    while place < len(text):
        pair = text[place : place + 2]
        if len(pair) == 2 and pair.isdigit():
            found.append(_DIGITS + int(pair))
            place += 2
            continue
        found.append(FNC1 if text[place] == SEPARATOR else ord(text[place]) + 1)
        place += 1
    return found


def _padded(words: Sequence[int], count: int) -> list[int]:
    """Return the code words filled up: one pad, then pads that differ by their place."""
    found = list(words)
    if len(found) < count:
        found.append(PAD)
    while len(found) < count:
        wanted = PAD + 149 * (len(found) + 1) % 253 + 1
        found.append(wanted if wanted <= 254 else wanted - 254)
    return found


def _product(one: int, other: int) -> int:
    """Return the product of two code words in the field."""
    found = 0
    while other:
        if other & 1:
            found ^= one
        one <<= 1
        if one > 255:
            one ^= _FIELD
        other >>= 1
    return found


def _correction(data: Sequence[int], count: int) -> list[int]:
    """Return the code words of correction: what is left of the data divided by the generator of this length."""
    generator, root = [1], 1
    for _each in range(count):
        root = _product(root, 2)
        higher = [*generator, 0]
        lower = [0, *(_product(each, root) for each in generator)]
        generator = [one ^ other for one, other in zip(higher, lower, strict=True)]
    rest = [0] * count
    for word in data:
        lead = word ^ rest[0]
        shifted = [*rest[1:], 0]
        rest = [each ^ _product(lead, factor) for each, factor in zip(shifted, generator[1:], strict=True)]
    return rest


# The places of the eight bits of a code word: by row and column from its last bit, and in the four corners (annex F).
_SHAPE: Final = ((-2, -2), (-2, -1), (-1, -2), (-1, -1), (-1, 0), (0, -2), (0, -1), (0, 0))
_CORNERS: Final = (
    ((-1, 0), (-1, 1), (-1, 2), (0, -2), (0, -1), (1, -1), (2, -1), (3, -1)),
    ((-3, 0), (-2, 0), (-1, 0), (0, -4), (0, -3), (0, -2), (0, -1), (1, -1)),
    ((-3, 0), (-2, 0), (-1, 0), (0, -2), (0, -1), (1, -1), (2, -1), (3, -1)),
    ((-1, 0), (-1, -1), (0, -3), (0, -2), (0, -1), (1, -3), (1, -2), (1, -1)),
)


class _Plan:
    """The mapping matrix while code words are placed into it; None where nothing is placed yet."""

    def __init__(self, side: int, words: Sequence[int]) -> None:
        self.side, self.words = side, iter(words)
        self.modules: list[list[bool | None]] = [[None] * side for _row in range(side)]

    def corner(self, row: int, column: int) -> None:
        """Place a code word in a corner, if the walk has come to it."""
        side = self.side
        cases = (
            row == side and column == 0,
            row == side - 2 and column == 0 and side % 4 != 0,
            row == side - 2 and column == 0 and side % 8 == 4,
            row == side + 4 and column == 2 and side % 8 == 0,
        )
        for reached, places in zip(cases, _CORNERS, strict=True):
            if reached:
                self._put([(down % side, right % side) for down, right in places])

    def shape(self, row: int, column: int) -> None:
        """Place a code word with its last bit here, if this is inside and free."""
        if 0 <= row < self.side and 0 <= column < self.side and self.modules[row][column] is None:
            self._put([self._wrapped(row + down, column + right) for down, right in _SHAPE])

    def _wrapped(self, row: int, column: int) -> tuple[int, int]:
        side = self.side
        shift = 4 - (side + 4) % 8
        if row < 0:
            row, column = row + side, column + shift
        if column < 0:
            row, column = row + shift, column + side
        return row, column

    def _put(self, places: Sequence[tuple[int, int]]) -> None:
        word = next(self.words)
        for bit, (row, column) in zip(range(7, -1, -1), places, strict=True):
            self.modules[row][column] = bool(word >> bit & 1)


def _placed(words: Sequence[int], size: Size) -> Matrix:
    """Return the mapping matrix: the data area without the borders of the regions."""
    side = size.side - 2 * size.regions
    plan, row, column = _Plan(side, words), 4, 0
    while row < side or column < side:
        plan.corner(row, column)
        while row >= 0 and column < side:
            plan.shape(row, column)
            row, column = row - 2, column + 2
        row, column = row + 1, column + 3
        while row < side and column >= 0:
            plan.shape(row, column)
            row, column = row + 2, column - 2
        row, column = row + 3, column + 1
    if plan.modules[side - 1][side - 1] is None:
        plan.modules[side - 1][side - 1] = plan.modules[side - 2][side - 2] = True
    return [[bool(module) for module in line] for line in plan.modules]


def _framed(modules: Matrix, size: Size) -> Matrix:
    """Return the symbol: each region with a dark left and lower border, and an alternating upper and right one."""
    inner = size.side // size.regions - 2
    outer = inner + 2

    def dark(row: int, column: int) -> bool:
        down, right = row % outer, column % outer
        if right == 0 or down == outer - 1:
            return True
        if down == 0:
            return right % 2 == 0
        if right == outer - 1:
            return down % 2 == 1
        return modules[row // outer * inner + down - 1][column // outer * inner + right - 1]

    return [[dark(row, column) for column in range(size.side)] for row in range(size.side)]
