"""A calendar as text of RFC 5545. No Django.

Moments have a start and an end in UTC, windows are whole days with an exclusive end. There is never a DURATION: a day
has 23 hours in the night on which the clocks change.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

MOST_OCTETS = 75


@dataclass(frozen=True, slots=True)
class IcalDays:
    """Whole days, the last one included."""

    first: date
    last: date

    def lines(self) -> Iterator[str]:
        """Yield start and end; the end is the day after the last."""
        yield f"DTSTART;VALUE=DATE:{self.first:%Y%m%d}"
        yield f"DTEND;VALUE=DATE:{self.last + timedelta(days=1):%Y%m%d}"


@dataclass(frozen=True, slots=True)
class IcalMoments:
    """From one moment to a later one."""

    start: datetime
    end: datetime

    def lines(self) -> Iterator[str]:
        """Yield start and end in UTC."""
        yield f"DTSTART:{_utc(self.start)}"
        yield f"DTEND:{_utc(self.end)}"


@dataclass(frozen=True, slots=True)
class IcalEvent:
    """One event. `uid` stays the same while the event moves."""

    uid: str
    summary: str
    when: IcalDays | IcalMoments


def calendar_text(*, name: str, events: Iterable[IcalEvent], now: datetime) -> str:
    """Return the calendar with its lines folded and ended by CRLF."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Stroma//Calendar//EN", "CALSCALE:GREGORIAN"]
    lines.append(f"X-WR-CALNAME:{escaped(name)}")
    for event in events:
        lines += ["BEGIN:VEVENT", f"UID:{escaped(event.uid)}", f"DTSTAMP:{_utc(now)}", *event.when.lines()]
        lines += [f"SUMMARY:{escaped(event.summary)}", "CLASS:PRIVATE", "TRANSP:TRANSPARENT", "END:VEVENT"]
    lines.append("END:VCALENDAR")
    return "".join(f"{folded(line)}\r\n" for line in lines)


def escaped(text: str) -> str:
    """Return a text as the value of a property (RFC 5545 §3.3.11)."""
    for sign, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\r\n", "\\n"), ("\n", "\\n")):
        text = text.replace(sign, written)
    return "".join(sign for sign in text if sign >= " ")


def folded(line: str) -> str:
    """Return a line in parts of at most 75 octets, each further one after a blank; no character is cut."""
    parts, part, size = [], "", 0
    for sign in line:
        octets = len(sign.encode())
        if size + octets > MOST_OCTETS:
            parts.append(part)
            # The blank that begins the next line counts.
            part, size = "", 1
        part, size = part + sign, size + octets
    return "\r\n ".join([*parts, part])


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
