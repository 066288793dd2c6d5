"""The interval of the annual safety report: its first day, and its last one, the data lock point (ICH E2F)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import chain

from exports.authorities.annual.tables import AnnualEvent, AnnualPatient


@dataclass(frozen=True, slots=True)
class ReportInterval:
    """Both days are in the interval. A None is a day that nobody chose."""

    first: date | None = None
    last: date | None = None

    @property
    def is_possible(self) -> bool:
        """Return False if it ends before it begins."""
        return self.first is None or self.last is None or self.first <= self.last

    def days(
        self, today: date, events: Iterable[AnnualEvent], patients: Iterable[AnnualPatient]
    ) -> tuple[date, date]:
        """Return both days. Without a choice the year up to today.

        Of a study without a serious event or an infusion in that year, such as one that is long over, it is the year up
        to the last of them, so that the tables of the interval are not empty.
        """
        last = self.last or self._usual_last(today, events, patients)
        return self.first or a_year_before(last), last

    def _usual_last(
        self, today: date, events: Iterable[AnnualEvent], patients: Iterable[AnnualPatient]
    ) -> date:
        if self.first is not None:
            return today
        days = chain((each.received for each in events), *(each.infusions for each in patients))
        newest = max((day for day in days if day <= today), default=today)
        return today if newest >= a_year_before(today) else newest


NO_CHOICE = ReportInterval()


def a_year_before(last: date) -> date:
    """Return the first day of the year that ends on a day; the year to 28 February begins after a 28 February."""
    before = date(last.year - 1, last.month, 28 if (last.month, last.day) == (2, 29) else last.day)
    return date.fromordinal(before.toordinal() + 1)
