"""Days and times of a replayed table: ISO dates, or numbers of study days from the day 0 of the patient.

Nothing is read from the clock of the machine: a number counts from a stated day, and a day whose time is needed gets
the stated time of day. No Django.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from protocol.values.moments import Moment

NUMBERED = re.compile(r"([+-]?\d{1,4})(?:[ T](\d\d:\d\d))?", re.ASCII)
DATED = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d))?", re.ASCII)
PARTIAL = re.compile(r"\d{4}(-\d\d)?", re.ASCII)
YEAR = re.compile(r"(19|20)\d\d", re.ASCII)
ALLOWED_DAY = "an ISO date (2020-04-25) or the number of a study day (-3, 0, 28)"
ALLOWED_TIME = f"{ALLOWED_DAY}, each with a time if it is known (2020-04-25 14:30, 3 14:30)"
ALLOWED_PARTIAL = f"{ALLOWED_TIME}, or a year or month (2020, 2020-04)"


class CellRefused(Exception):
    """A cell that cannot be read; the message says what is allowed."""


@dataclass(frozen=True, slots=True)
class StudyDays:
    """How the days of one patient are counted.

    zero: the first day of the count, None if no start is stated: then only dates can be read. first: its number, 0,
    or 1 as in CDISC (the day before it is then day -1). clock: time of day where only the day is known. zone: time zone
    of the site.
    """

    zero: date | None
    zone: str
    clock: time = time(12)
    first: int = 0

    def day(self, text: str) -> date:
        """Return the day of a cell; a time behind it is left out. Raises CellRefused."""
        return self._read(text, ALLOWED_DAY)[0]

    def minute(self, text: str) -> Moment:
        """Return the minute of a cell; a day alone gets the time of day of the replay. Raises CellRefused."""
        day, at = self._read(text, ALLOWED_TIME)
        return self._placed(day, at or self.clock)

    def moment(self, text: str) -> Moment:
        """Return the moment of a cell as precisely as it is given: minute, day, month or year. Raises CellRefused."""
        if PARTIAL.fullmatch(text) and (YEAR.fullmatch(text) or "-" in text):
            try:
                return Moment.from_iso(text, self.zone)
            except ValueError as error:
                raise CellRefused(f"“{text}” is no month: allowed is {ALLOWED_PARTIAL}.") from error
        day, at = self._read(text, ALLOWED_PARTIAL)
        return self._placed(day, at) if at else Moment.from_date(day, self.zone)

    def _read(self, text: str, allowed: str) -> tuple[date, time | None]:
        try:
            if (found := DATED.fullmatch(text)) is not None:
                return date.fromisoformat(found[1]), time.fromisoformat(found[2]) if found[2] else None
            if (found := NUMBERED.fullmatch(text)) is not None and not YEAR.fullmatch(text):
                return self._counted(int(found[1])), time.fromisoformat(found[2]) if found[2] else None
        except (ValueError, OverflowError) as error:
            raise CellRefused(f"“{text}” does not exist: allowed is {allowed}.") from error
        raise CellRefused(f"“{text}” is no day: allowed is {allowed}.")

    def _counted(self, number: int) -> date:
        if self.zero is None:
            raise CellRefused(
                "A number of a study day needs the day from which it counts: --start 2020-04-25."
            )
        if self.first == 1 and number == 0:
            raise CellRefused("There is no day 0 where the first day is day 1: the day before it is -1.")
        return self.zero + timedelta(days=number - (self.first if number > 0 else 0))

    def _placed(self, day: date, at: time) -> Moment:
        wall = datetime.combine(day, at, tzinfo=ZoneInfo(self.zone))
        # By way of UTC: a conversion to the same zone would keep a time that the change of clocks leaves out.
        found = Moment.from_datetime(wall.astimezone(UTC), self.zone)
        if found.wall != wall.replace(tzinfo=None):
            raise CellRefused(f"{day} {at:%H:%M} does not exist in {self.zone}: the clocks went forward.")
        return found
