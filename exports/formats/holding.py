"""The range of a file format: which texts, numbers, days and moments, and what it stores for them. No Django."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from exports.formats.numbers import seconds_since

FIRST_DAY: Final = date(1, 1, 1)


@dataclass(frozen=True, slots=True)
class TextRule:
    """Which texts a cell of the format holds; called with a text, it says whether the cell holds it.

    most: bytes of UTF-8, None for any number. cuts_blanks: the end of a text is filled with blanks, so that its own
    would be lost. ends_at_zero: a zero ends the text.
    """

    most: int | None = None
    cuts_blanks: bool = False
    ends_at_zero: bool = False

    def __call__(self, text: str) -> bool:
        """Return whether a cell holds the text."""
        if self.most is not None and len(text) * 4 > self.most and len(text.encode()) > self.most:
            return False
        return not (self.cuts_blanks and text.endswith(" ")) and not (self.ends_at_zero and "\0" in text)


@dataclass(frozen=True, slots=True)
class Whole:
    """Facts that hold for every value, so that a column of many rows is converted in one step and kept as Arrow array.

    digits: a number of no more characters is held exactly. first: no earlier day is held. epoch: days and moments are
    doubles, of `per_day` and `per_second` since then; None: they are days and moments.
    """

    texts: TextRule
    digits: int
    first: date = FIRST_DAY
    epoch: date | None = None
    per_day: float = 1
    per_second: float = 1


@dataclass(frozen=True)
class Holding:
    """The range of a format, and its stored forms.

    holds: (kind, value) of a number, day or moment: whether the format holds it exactly; where it does not, a slot
    beside has the exact text. nearest: a number below it is stored as the nearest that the format holds, also then.
    encode: by kind, what the format stores for a value. whole: how whole columns are converted and kept; None for a
    format that takes its values one by one.
    """

    holds: Callable[[str, Any], bool]
    nearest: Decimal = Decimal(0)
    encode: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    whole: Whole | None = None


def holding_of_doubles(holds: Callable[[str, Any], bool], nearest: Decimal, whole: Whole) -> Holding:
    """Return the holding of a format of doubles alone: numbers, days, moments. Raises ValueError without epoch."""
    epoch = whole.epoch
    if epoch is None:
        raise ValueError("days and moments as doubles need an epoch")

    def moment(at: Any) -> float:
        return seconds_since(epoch, at) * whole.per_second

    encode: dict[str, Callable[[Any], Any]] = {
        "integer": float,
        "decimal": float,
        "date": lambda day: (day - epoch).days * whole.per_day,
        "instant": moment,
        "local": moment,
    }
    return Holding(holds, nearest, encode, whole)
