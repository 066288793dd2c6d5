"""The content of a sealed envelope: a table of lines with an arm each, of which the code names one. No Django.

The sheet is encrypted with a one-time pad that a person reads without a computer. Every arm stands on equally many
lines, in random order, and the code is one of the lines of the right arm, drawn at random. So each arm is as likely
with the sheet in hand as without it, and the code alone is a number. The check word finds a misread line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

LINES_PER_ARM: Final = 20
# Without letters and digits that are read for each other.
SIGNS: Final = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
CHECK_LENGTH: Final = 4
Draw = Callable[[int], int]


@dataclass(frozen=True, slots=True)
class SheetLine:
    """One line: its number, its check word, and the code of an arm."""

    number: int
    check: str
    arm: str


@dataclass(frozen=True, slots=True)
class SealedSheet:
    """A sheet and the code that opens it: number and check word of a line (`17-K4TR`)."""

    lines: tuple[SheetLine, ...]
    code: str

    def opened(self, code: str) -> str | None:
        """Return the arm that a code names; None if no line has its number and its check word."""
        number, _dash, check = code.strip().upper().partition("-")
        found = (line.arm for line in self.lines if (str(line.number), line.check) == (number, check))
        return next(found, None)


def sealed_sheet(*, arms: Sequence[str], arm: str, draw: Draw) -> SealedSheet:
    """Return a new sheet for a patient of `arm`. draw: returns a random number below its argument.

    Raises ValueError for an arm that is not among the arms.
    """
    if arm not in arms:
        raise ValueError(f"there is no arm {arm!r}")
    order = _shuffled([each for each in arms for _line in range(LINES_PER_ARM)], draw)
    checks = [_word(draw) for _line in order]
    lines = tuple(SheetLine(number + 1, checks[number], each) for number, each in enumerate(order))
    right = [line for line in lines if line.arm == arm]
    chosen = right[draw(len(right))]
    return SealedSheet(lines, f"{chosen.number}-{chosen.check}")


def _shuffled(rows: list[str], draw: Draw) -> list[str]:
    """Return the rows in random order (Fisher and Yates)."""
    found = list(rows)
    for last in range(len(found) - 1, 0, -1):
        other = draw(last + 1)
        found[last], found[other] = found[other], found[last]
    return found


def _word(draw: Draw) -> str:
    return "".join(SIGNS[draw(len(SIGNS))] for _sign in range(CHECK_LENGTH))
