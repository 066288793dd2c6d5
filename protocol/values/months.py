"""Names of months and days of the week in English, French and Spanish: as written, and as people type them."""

import unicodedata
from collections.abc import Iterator
from functools import cache

# Abbreviations that no two months share: June and July begin with the same three letters in French.
MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "fr": ("janv", "févr", "mars", "avr", "mai", "juin", "juil", "août", "sept", "oct", "nov", "déc"),
    "es": ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"),
}
WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
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


def month_text(month: int, language: str) -> str:
    """Return the short name of month 1 to 12: `Oct`, `oct`, `janv`; in English for a language without names."""
    return MONTHS.get(language[:2], MONTHS["en"])[month - 1]


def weekday_text(weekday: int, language: str) -> str:
    """Return the name of a day of the week, Monday being 0."""
    return WEEKDAYS.get(language[:2], WEEKDAYS["en"])[weekday]


def plain(text: str) -> str:
    """Return a text in lower case, without accents or doubled spaces."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(bare.casefold().split())


@cache
def month_beginnings() -> dict[str, int]:
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
