"""Days in the reader's language, months in letters."""

from datetime import date

from django.utils.translation import get_language

from protocol.values.months import day_text


def reader_language() -> str:
    """Return the code of the language in which this request is answered."""
    return get_language() or "en"


def said(day: date) -> str:
    """Return `09-Oct-2025`."""
    return day_text(day, reader_language())


def briefly(day: date, today: date) -> str:
    """Return `09-Oct`, with the year when it is not this one."""
    return said(day).removesuffix(f"-{today.year}")
