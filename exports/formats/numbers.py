"""Numbers of statistics programs: doubles, seconds since an epoch, letters of missing values. No Django."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

MISSING_LETTERS: Final = {"ND": "a", "UNK": "b", "NAP": "c", "ASKU": "d"}
"""Letter of the special missing value of SAS and Stata (`.a`) by missing code. It never changes."""
MOST_WHOLE: Final = 2**53
MOST_DOUBLE: Final = Decimal("1e308")
_SECOND: Final = timedelta(seconds=1)


def double_holds(value: int | Decimal) -> bool:
    """Return whether the double nearest to a number is written with the digits of the number."""
    if isinstance(value, int):
        return abs(value) <= MOST_WHOLE
    return Decimal(repr(float(value))) == value


def seconds_since(epoch: date, at: datetime) -> float:
    """Return the seconds from the start of a day to a moment: as its clock shows it, of an instant in UTC."""
    start = datetime(epoch.year, epoch.month, epoch.day, tzinfo=at.tzinfo)
    return (at - start) / _SECOND
