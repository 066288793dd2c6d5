"""Single values of a protocol file: their types and bounds.

A value is taken as it is written: a number in quotes is a text, `"no"` is not false. The bounds keep out what a
page, an address, a column of the database or the calendar cannot hold.
"""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict, StringConstraints

FIRST_YEAR, LAST_YEAR = 1900, 2100
"""Years in which a date of a protocol file may lie."""
MOST_DAYS: Final = 36_525
"""Longest time in a protocol file: one hundred years. A day of a patient plus this is still in the calendar."""
LONGEST_SUBJECT_CODE: Final = 20
WHOLE_DIGITS: Final = 15
"""Most digits of a limit before its point: as many as a reference range holds."""
DEVICE_NAMES: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
)
"""Names that Windows keeps for devices, in any case and with any file extension."""

_INVISIBLE = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_IN_A_TEXT = re.compile(_INVISIBLE)
_IN_A_LINE = re.compile(rf"[\t\n]|{_INVISIBLE}")


def _visible(text: str) -> str:
    return _without(_IN_A_TEXT, text)


def _on_one_line(text: str) -> str:
    return _without(_IN_A_LINE, text)


def _without(characters: re.Pattern[str], text: str) -> str:
    found = characters.search(text)
    if found is None:
        return text
    name = {"\n": "a line break", "\t": "a tab"}.get(found.group(), f"the sign U+{ord(found.group()):04X}")
    raise ValueError(f"has {name}, which nobody sees, after {text[: found.start()][-20:]!r}: remove it")


NAME: Final = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
CODE: Final = r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$"
Name = Annotated[str, StringConstraints(pattern=NAME, max_length=48)]
Code = Annotated[str, StringConstraints(pattern=CODE, max_length=48)]
ItemPath = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
ShortName = Annotated[str, StringConstraints(pattern=NAME, max_length=40)]
"""A name that is stored in a column of 40 characters."""
ShortCode = Annotated[str, StringConstraints(pattern=CODE, max_length=40)]
GroupCode = Annotated[str, StringConstraints(pattern=CODE, max_length=20)]
Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=1000),
    AfterValidator(_on_one_line),
]
"""A text on one line."""
ShortLine = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=40),
    AfterValidator(_on_one_line),
]
Paragraph = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000), AfterValidator(_visible)
]
"""A text for people; it may have line breaks."""
Cel = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]

Whole = Annotated[int, Strict()]
"""A whole number; without quotes, without a point."""
Count = Annotated[Whole, Field(ge=1)]
Days = Annotated[Whole, Field(ge=-MOST_DAYS, le=MOST_DAYS)]
DaysFromNow = Annotated[Whole, Field(ge=1, le=MOST_DAYS)]
Truth = Annotated[bool, Strict()]


def _day(value: object) -> object:
    # A date with a time is a date to Python.
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError("should be a date like 2021-02-15, without quotes and without a time")  # noqa: TRY004  pydantic reports a ValueError
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"{value}: the year lies between {FIRST_YEAR} and {LAST_YEAR}")
    return value


Day = Annotated[date, BeforeValidator(_day)]


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("should be a number without quotes, like 2.5")  # noqa: TRY004  as above
    return _bounded(Decimal(value), 9)


_QUOTED = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")


def _dose_or_factor(value: object) -> Decimal:
    """Read a number that may stand in quotes, so that no editor rounds it."""
    if isinstance(value, str) and _QUOTED.fullmatch(value.strip()):
        value = Decimal(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError('should be a number, like "1.5e6"')  # noqa: TRY004  as above
    return _bounded(Decimal(value), 20)


def _bounded(number: Decimal, decimals: int) -> Decimal:
    """Return the number if it has at most so many decimals, and a sensible size. Raises ValueError."""
    if not number.is_finite():
        raise ValueError("is not a number that can be compared")
    # By the position of the digits: a number such as 1e999999 is never written out.
    if number and number.adjusted() >= WHOLE_DIGITS:
        raise ValueError(f"is too large: at most {WHOLE_DIGITS} digits before the point")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > decimals:
        raise ValueError(f"has too many decimals: at most {decimals}")
    return number


Number = Annotated[Decimal, BeforeValidator(_number)]
ExactNumber = Annotated[Decimal, BeforeValidator(_dose_or_factor)]
"""A number that may stand in quotes."""

_SUBJECT_CODE = re.compile(r"([A-Za-z0-9_.-]*)\{number(?::0[1-9]d?)?\}([A-Za-z0-9_.-]*)")


def _subject_pattern(pattern: str) -> str:
    """Refuse a pattern whose codes cannot be part of an address or the name of a file.

    The pattern is matched before it is used: Python would build a code of any width.
    """
    found = _SUBJECT_CODE.fullmatch(pattern)
    if found is None:
        if "{" not in pattern:
            raise ValueError("every subject would get the same code: write it like 'LIE-{number:03d}'")
        raise ValueError(
            "write the subject code like 'LIE-{number:03d}': letters, digits, - _ . and the number once, "
            "at most nine digits wide"
        )
    first = pattern.format(number=1)
    if not (first[0].isalnum() and first[-1] not in ".-_"):
        raise ValueError(f"the first code would be {first!r}: begin and end it with a letter or a digit")
    if len(pattern.format(number=10**6)) > LONGEST_SUBJECT_CODE:
        raise ValueError(
            f"the code of patient 1000000 would be longer than {LONGEST_SUBJECT_CODE} characters"
        )
    if first.partition(".")[0].casefold() in DEVICE_NAMES:
        raise ValueError(f"the first code would be {first!r}, which Windows keeps for a device")
    return pattern


SubjectCode = Annotated[Line, AfterValidator(_subject_pattern)]
Masking = Literal["open", "double_blind"]
