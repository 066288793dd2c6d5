"""What a page, a document or a mail writes in the reader's language: days, moments, numbers, refusals.

The forms are those of `protocol.values.writing`; the fields of `trials.date_fields` read each of them back. Files for
machines, sealed text and signed content never pass through here: `in_english` makes them the same for every reader.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Protocol, TypeVar

from django.utils.translation import get_language, gettext, override

from protocol.values import writing
from protocol.values.moments import Moment

Row = TypeVar("Row")
FILE_LANGUAGE = "en"


class Sentence(Protocol):
    """A refusal or a finding, which travels as template and parameters."""

    def sentence(self, translate: Callable[[str], str], language: str) -> str:
        """Return it in the language of `translate`."""
        ...


def reader_language() -> str:
    """Return the language code of the current request."""
    return get_language() or "en"


def shown_day(day: date | None) -> str:
    """Return `09-Oct-2025`, or nothing."""
    return writing.day_text(day, reader_language()) if day else ""


def shown_short_day(day: date | None, today: date | None = None) -> str:
    """Return `09-Oct`, or nothing; with the year when it is not that of `today`."""
    if day is None:
        return ""
    if today is not None and day.year != today.year:
        return shown_day(day)
    return writing.short_day_text(day, reader_language())


def shown_long_day(day: date) -> str:
    """Return `Thursday 09-Oct-2025`."""
    return writing.long_day_text(day, reader_language())


def shown_moment(at: Moment | datetime | str | None, zone: str | tzinfo = "UTC") -> str:
    """Return `09-Oct-2025 14:05`, or what is known of it, or nothing.

    A stored moment has its own zone; an aware datetime is shown on the clock of `zone`.
    """
    return _moment(at, zone).display(reader_language()) if at else ""


def shown_moment_with_offset(at: Moment | datetime | str | None, zone: str | tzinfo = "UTC") -> str:
    """Return `09-Oct-2025 14:05 +02:00`, or nothing."""
    return _moment(at, zone).display_with_offset(reader_language()) if at else ""


def _moment(at: Moment | datetime | str, zone: str | tzinfo) -> Moment:
    if isinstance(at, datetime):
        return Moment.from_datetime(at, str(zone))
    return Moment.from_iso(at) if isinstance(at, str) else at


def shown_number(number: Decimal | str | None) -> str:
    """Return a number with the decimal sign of the reader, or nothing. Nothing is rounded."""
    if number is None:
        return ""
    text = f"{number:f}" if isinstance(number, Decimal) else number
    return writing.number_text(text, reader_language())


def shown_sentence(said: Sentence) -> str:
    """Return a refusal or a finding in the reader's language."""
    return said.sentence(gettext, reader_language())


def in_english(make: Callable[[], Iterable[Row]]) -> Iterator[Row]:
    """Yield the rows of a file for machines, each made in English whoever asked for it.

    The language is set for one row at a time: between two rows the thread belongs to whoever sends the file.
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
