"""Dates and language for the reader of the current request."""

from datetime import date

from django.utils.translation import get_language

from protocol.values.months import day_text


def reader_language() -> str:
    """Return the language code of the current request."""
    return get_language() or "en"


def said(day: date) -> str:
    """Return a date as `09-Oct-2025`."""
    return day_text(day, reader_language())


def briefly(day: date, today: date) -> str:
    """Return a date as `09-Oct`, with the year if it is not the current one."""
    return said(day).removesuffix(f"-{today.year}")
