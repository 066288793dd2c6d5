"""Write days, moments, numbers and messages in the reader's language, for pages, documents and mails.

The formats are those of `protocol.values.writing`; the fields of `trials.date_fields` read each of them back. Files
for machines are written under `in_english`, so that they are the same for every reader; sealed text and signed content
do not use this module.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Protocol, TypeVar

from django.utils.translation import gettext, override

from audit.stored_text import reader_language
from protocol.values import writing
from protocol.values.moments import Moment

Row = TypeVar("Row")
FILE_LANGUAGE = "en"


class Sentence(Protocol):
    """A message that is kept as template and parameters until its reader is known: a refusal or a finding."""

    def sentence(self, translate: Callable[[str], str], language: str) -> str:
        """Return the message in the language of `translate`."""
        ...


def shown_day(day: date | None) -> str:
    """Return `09-Oct-2025`, or an empty text."""
    return writing.day_text(day, reader_language()) if day else ""


def shown_short_day(day: date | None, today: date | None = None) -> str:
    """Return `09-Oct`, with the year if it is not that of `today`; empty without a day."""
    if day is None:
        return ""
    if today is not None and day.year != today.year:
        return shown_day(day)
    return writing.short_day_text(day, reader_language())


def shown_long_day(day: date) -> str:
    """Return `Thursday 09-Oct-2025`."""
    return writing.long_day_text(day, reader_language())


def shown_moment(at: Moment | datetime | str | None, zone: str | tzinfo = "UTC") -> str:
    """Return `09-Oct-2025 14:05`, of a partial date the known parts; empty without a moment.

    A stored moment has its own time zone; an aware datetime is converted to `zone`.
    """
    return _moment(at, zone).display(reader_language()) if at else ""


def shown_moment_with_offset(at: Moment | datetime | str | None, zone: str | tzinfo = "UTC") -> str:
    """Return `09-Oct-2025 14:05 +02:00`, or an empty text."""
    return _moment(at, zone).display_with_offset(reader_language()) if at else ""


def _moment(at: Moment | datetime | str, zone: str | tzinfo) -> Moment:
    if isinstance(at, datetime):
        return Moment.from_datetime(at, str(zone))
    return Moment.from_iso(at) if isinstance(at, str) else at


def shown_number(number: Decimal | str | None) -> str:
    """Return a number with the reader's decimal sign, not rounded; empty without a number."""
    if number is None:
        return ""
    text = f"{number:f}" if isinstance(number, Decimal) else number
    return writing.number_text(text, reader_language())


def shown_sentence(sentence: Sentence) -> str:
    """Return the message of a refusal or a finding in the reader's language."""
    return sentence.sentence(gettext, reader_language())


def in_english(make: Callable[[], Iterable[Row]]) -> Iterator[Row]:
    """Yield the rows of a file for machines, each made in English for every user.

    The language is set for one row at a time: between two rows the caller runs in the same thread, in its own language.
    """
    with override(FILE_LANGUAGE):
        rows = iter(make())
    while True:
        with override(FILE_LANGUAGE):
            try:
                row = next(rows)
            except StopIteration:
                return
        yield row
