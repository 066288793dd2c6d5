"""Write days, moments and numbers for a reader, in English, French and Spanish. No Django.

`protocol.values.moments.parse_moment` reads a day, a partial date or a minute written here back to the same value in
every language. Files, sealed text and signed content hold ISO 8601 and decimal points instead.
"""

import datetime as dt

from protocol.values.months import month_text, weekday_text

COMMA_LANGUAGES = frozenset({"fr", "es"})
UNKNOWN_PART = "UNK"


def day_text(day: dt.date, language: str) -> str:
    """Return `09-Oct-2025`."""
    return f"{short_day_text(day, language)}-{day.year:04}"


def short_day_text(day: dt.date, language: str) -> str:
    """Return `09-Oct`, where the context gives the year."""
    return f"{day.day:02}-{month_text(day.month, language)}"


def long_day_text(day: dt.date, language: str) -> str:
    """Return `Thursday 09-Oct-2025`."""
    return f"{weekday_text(day.weekday(), language)} {day_text(day, language)}"


def partial_date_text(year: int, month: int | None, language: str) -> str:
    """Return `UNK-JAN-2021`, or `UNK-UNK-2021` if the month is unknown."""
    letters = UNKNOWN_PART if month is None else month_text(month, language).upper()
    return f"{UNKNOWN_PART}-{letters}-{year:04}"


def month_year_text(day: dt.date, language: str) -> str:
    """Return `Oct 25`, for the axis of a figure."""
    return f"{month_text(day.month, language)} {day:%y}"


def minute_text(wall: dt.datetime, language: str, offset: int | None = None) -> str:
    """Return `09-Oct-2025 14:05`, with an offset in minutes east of UTC `09-Oct-2025 14:05 +02:00`."""
    return f"{day_text(wall, language)} {wall:%H:%M}{_offset_part(offset)}"


def second_text(wall: dt.datetime, language: str, offset: int | None = None) -> str:
    """Return `09-Oct-2025 14:05:09`, with an offset `09-Oct-2025 14:05:09 +02:00`, as in the trail."""
    return f"{day_text(wall, language)} {wall:%H:%M:%S}{_offset_part(offset)}"


def offset_text(minutes: int) -> str:
    """Return 120 minutes east of UTC as `+02:00`."""
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _offset_part(offset: int | None) -> str:
    return "" if offset is None else f" {offset_text(offset)}"


def decimal_sign(language: str) -> str:
    """Return the decimal sign of a language."""
    return "," if language[:2] in COMMA_LANGUAGES else "."


def number_text(number: str, language: str) -> str:
    """Return a canonical number (`12.50`) with the decimal sign of the language; thousands are not separated."""
    return number.replace(".", decimal_sign(language))
