"""Names of months: as printed, and as users type them in English, French and Spanish."""

import datetime as dt
import unicodedata
from collections.abc import Iterator
from functools import cache

from protocol.values.refusals import ValueRefused, gettext_noop

MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "fr": ("janv", "févr", "mars", "avr", "mai", "juin", "juil", "août", "sept", "oct", "nov", "déc"),
    "es": ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"),
}
MONTH_NAMES = (
    "january janvier enero",
    "february fevrier febrero",
    "march mars marzo",
    "april avril abril",
    "may mai mayo",
    "june juin junio",
    "july juillet julio",
    "august aout agosto",
    "september septembre septiembre setiembre",
    "october octobre octubre",
    "november novembre noviembre",
    "december decembre diciembre",
)


def month_text(month: int, language: str = "en") -> str:
    """Return the short name of month 1 to 12 (`Oct`, `oct`, `janv`); English for a language without names."""
    return MONTHS.get(language[:2], MONTHS["en"])[month - 1]


def day_text(day: dt.date, language: str = "en") -> str:
    """Return a date as `09-Oct-2025`."""
    return f"{day.day:02}-{month_text(day.month, language)}-{day.year:04}"


def month_of(text: str) -> int:
    """Return the month for digits or the beginning of a name (`plain` text). Raises ValueRefused."""
    if text.isdigit():
        if 1 <= int(text) <= 12:
            return int(text)
        raise ValueRefused(gettext_noop("There is no month %(month)s: type day, month, year."), month=text)
    if text in _month_prefixes():
        return _month_prefixes()[text]
    raise ValueRefused(gettext_noop("“%(month)s” is not a month: type it like Oct."), month=text)


def plain(text: str) -> str:
    """Return the text in lower case, without accents and repeated spaces."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(bare.casefold().split())


@cache
def _month_prefixes() -> dict[str, int]:
    """Return every beginning of at least three letters that means one month only (`jui` is June or July)."""
    meanings: dict[str, set[int]] = {}
    for prefix, month in _prefixes():
        meanings.setdefault(prefix, set()).add(month)
    return {prefix: months.pop() for prefix, months in meanings.items() if len(months) == 1}


def _prefixes() -> Iterator[tuple[str, int]]:
    for month, names in enumerate(MONTH_NAMES, start=1):
        for name in names.split():
            for length in range(3, len(name) + 1):
                yield name[:length], month
