"""Parse typed dates and times into their stored form. No Django."""

import re
from collections.abc import Mapping

from protocol.document.items import Item
from protocol.values.inputs import Clock, NotOffered, text_of
from protocol.values.moments import EXAMPLE, WHOLE_DAY, Moment, parse_moment
from protocol.values.months import plain
from protocol.values.refusals import ValueRefused, gettext_noop

CLOCK = re.compile(r"(\d{1,2}) ?[:h.]? ?(\d{2})", re.ASCII)
TIME_ALONE = re.compile(r"\d{1,2} ?[:h] ?\d{2}", re.ASCII)
UNKNOWN = frozenset({"unk", "un", "uk", "?", "??", "xx"})


def parse_date(parts: Mapping[str, list[str]], item: Item, clock: Clock) -> str | None:
    """Return the stored form of a typed date, None if blank. Raises ValueRefused."""
    moment = _moment(text_of(parts), parts, clock)
    if moment is not None and moment.precision != "day":
        raise ValueRefused(WHOLE_DAY, example=EXAMPLE)
    return moment.iso if moment else None


def parse_partial_date(parts: Mapping[str, list[str]], item: Item, clock: Clock) -> str | None:
    """Return the stored form of a typed date with or without day and month, None if blank. Raises ValueRefused."""
    day, month, year = (text_of(parts, name).strip() for name in ("day", "month", "year"))
    # A whole date may be typed or pasted into the input of the day.
    whole = not (month or year or re.fullmatch(r"\d{0,2}", day, re.ASCII) or day.casefold() in UNKNOWN)
    text = _joined(day, month, year) if (day or month or year) and not whole else day or text_of(parts)
    moment = _moment(text, parts, clock)
    if moment is not None and moment.precision == "minute":
        raise ValueRefused(gettext_noop("Type the date without a time."))
    return moment.iso if moment else None


def _joined(day: str, month: str, year: str) -> str:
    known_day, known_month = (text and text.casefold() not in UNKNOWN for text in (day, month))
    if not re.fullmatch(r"\d{4}", year, re.ASCII):
        raise ValueRefused(
            gettext_noop("Type the year in four digits. If it is not known, choose why the date is missing.")
        )
    if known_day and not known_month:
        raise ValueRefused(
            gettext_noop("A day without its month says nothing: type the month, or UNK for the day.")
        )
    if not day or not month:
        raise ValueRefused(gettext_noop("Type each part of the date, UNK for a part that is not known."))
    if known_day and not re.fullmatch(r"\d{1,2}", day, re.ASCII):
        raise ValueRefused(gettext_noop("“%(day)s” is not a day: type 1 to 31, or UNK."), day=day)
    if known_day:
        return f"{day}-{month}-{year}"
    return f"{month}-{year}" if known_month else year


def parse_datetime(parts: Mapping[str, list[str]], item: Item, clock: Clock) -> str | None:
    """Return the stored form of a typed date with its time, None if blank. Raises ValueRefused.

    A time alone is on the day of the visit.
    """
    text = text_of(parts).strip()
    if clock.visit is not None and TIME_ALONE.fullmatch(text):
        text = f"v {text}"
    head, _space, last = text.rpartition(" ")
    time_unknown = bool(head) and last.casefold() in UNKNOWN
    moment = _moment(head if time_unknown else text, parts, clock)
    if moment is None:
        return None
    if moment.precision == "day" and not time_unknown:
        raise ValueRefused(
            gettext_noop("Add the time after the date, or UNK if it is not known: %(example)s UNK."),
            example=EXAMPLE,
        )
    if moment.precision == "minute" and time_unknown:
        raise ValueRefused(gettext_noop("Type the time or UNK, not both."))
    return moment.iso


def _moment(text: str, parts: Mapping[str, list[str]], clock: Clock) -> Moment | None:
    if not text.strip():
        return None
    offset = text_of(parts, "offset")
    if offset and not re.fullmatch(r"[+-]\d\d:\d\d", offset, re.ASCII):
        raise NotOffered(gettext_noop("“%(code)s” cannot be chosen here."), code=offset)
    try:
        return parse_moment(text, clock.zone, clock.visit, offset=offset or None, now=clock.now)
    except ValueRefused:
        if not offset:
            raise
    # The offset belonged to a time that the user has corrected since: ignore it.
    return parse_moment(text, clock.zone, clock.visit, now=clock.now)


def parse_time(parts: Mapping[str, list[str]], item: Item, clock: Clock) -> str | None:
    """Return the stored form of a typed time of day, None if blank. Raises ValueRefused."""
    text = plain(text_of(parts))
    if not text:
        return None
    matched = CLOCK.fullmatch(text)
    if not matched or int(matched[1]) > 23 or int(matched[2]) > 59:
        raise ValueRefused(gettext_noop("“%(text)s” is not a time: type it like 14:05."), text=text)
    return f"{int(matched[1]):02}:{matched[2]}"
