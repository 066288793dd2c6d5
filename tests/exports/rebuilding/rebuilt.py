"""The registered outcomes of both trials computed from what `sources` read, by rules written from the registry's texts.

Three-valued: None is undetermined. Nothing of Stroma is imported. The zone is that of the site.
"""

import datetime as dt
from calendar import monthrange
from collections import Counter
from collections.abc import Callable, Iterable
from zoneinfo import ZoneInfo

from tests.exports.rebuilding.sources import Event, Person

Truth = bool | None
Numbers = dict[str, float]


# Logic and time.


def both(*parts: Truth) -> Truth:
    return False if False in parts else None if None in parts else True


def any_of(parts: Iterable[Truth]) -> Truth:
    """Return whether one is true; of nothing, that is not known."""
    found = list(parts)
    return True if True in found else None if None in found or not found else False


def negated(part: Truth) -> Truth:
    return None if part is None else not part


def within(least: float, most: float, first: float, last: float) -> Truth:
    if most < first or least > last:
        return False
    return True if first <= least and most <= last else None


def span(text: str, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
    """Return the first and the last minute that a local ISO 8601 text may mean."""
    if len(text) > len("2026-03-01"):
        at = dt.datetime.fromisoformat(text).replace(tzinfo=zone)
        return at, at
    year, month, date = ([int(part) for part in text.split("-")] + [0, 0])[:3]
    first = dt.date(year, month or 1, date or 1)
    last = dt.date(year, month or 12, date or monthrange(year, month or 12)[1])
    return (
        dt.datetime.combine(first, dt.time(0), zone),
        dt.datetime.combine(last, dt.time(23, 59), zone),
    )


def days(start: dt.date, text: str, zone: ZoneInfo) -> tuple[int, int]:
    """Return the least and the most day after a start."""
    least, most = span(text, zone)
    return (least.date() - start).days, (most.date() - start).days


def hours(start: str, text: str, zone: ZoneInfo) -> tuple[float, float]:
    (a, b), (c, d) = span(start, zone), span(text, zone)
    elapsed = [
        (later.astimezone(dt.UTC) - earlier.astimezone(dt.UTC)) / dt.timedelta(hours=1)
        for earlier, later in ((b, c), (a, d))
    ]
    return elapsed[0], elapsed[1]


def ordered(earlier: str, later: str) -> Truth:
    """Return whether one local text is not after another; by day if one of them has no time."""
    if not earlier or not later:
        return None
    length = min(len(earlier), len(later))
    return earlier[:length] <= later[:length]


def day_of(text: str) -> dt.date:
    return dt.date.fromisoformat(text[:10])


class Rebuilt:
    """The outcomes of some patients: numbers by `outcome reading visit group-or-arm`."""

    def __init__(self, people: list[Person], zone: str) -> None:
        self.people, self.zone = people, ZoneInfo(zone)
        self.numbers: dict[tuple[str, str, str], Numbers] = {}

    def died_by(self, person: Person, start: dt.date | None, last: int) -> Truth:
        if start is None:
            return None
        if person.died:
            least, most = days(start, person.died, self.zone)
            return True if most <= last else False if least > last else None
        if person.contacts and (max(person.contacts) - start).days >= last:
            return False
        return None

    def dose_day(self, person: Person) -> dt.date | None:
        return dt.date.fromisoformat(person.doses[0][:10]) if person.doses else None

    # What becomes a line.

    def proportion(
        self, key: str, answers: list[tuple[Person, Truth]], visit: str = "", *, by: Iterable[str] = ("",)
    ) -> None:
        for part in by:
            counted = Counter(answer for person, answer in answers if part in ("", person.group, person.arm))
            self.numbers[key, visit, part] = {
                "patients": sum(counted.values()), "yes": counted[True], "no": counted[False],
                "undetermined": counted[None],
            }  # fmt: skip

    def events(
        self,
        key: str,
        people: list[Person],
        counts: Callable[[Person, Event], Truth],
        window: tuple[int, int],
        start: Callable[[Person], dt.date | None],
        *,
        by: Iterable[str] = ("",),
        rate: bool = False,
    ) -> None:
        """Count events whose onset lies in a window, and their patients; of a rate, the days of observation too."""
        judged = []
        for person in people:
            begin = start(person)
            found = [
                both(within(*days(begin, event.onset, self.zone), *window), counts(person, event))
                for event in person.events
            ] if begin else []  # fmt: skip
            observed = self.observed(person, begin, window) if begin else None
            answer: Truth = True if True in found else None if None in found else False
            judged.append(
                (person, None if begin is None or (rate and observed is None) else answer, found, observed)
            )
        by = tuple(by)
        self.proportion(key, [(person, answer) for person, answer, _found, _days in judged], by=by)
        for part in by:
            chosen = [each for each in judged if part in ("", each[0].group, each[0].arm)]
            numbers = self.numbers[key, "", part]
            numbers["events"] = sum(each[2].count(True) for each in chosen)
            numbers["events_undetermined"] = sum(each[2].count(None) for each in chosen)
            if rate:
                numbers["patient_days"] = sum(each[3] or 0 for each in chosen)

    def observed(self, person: Person, start: dt.date, window: tuple[int, int]) -> int | None:
        ends = [span(person.died, self.zone)[0].date()] if person.died else [*person.seen, *person.contacts]
        if not ends:
            return None
        return max(0, min((max(ends) - start).days, window[1]) - window[0] + 1)

    def times(
        self, key: str, people: list[Person], start: Callable[[Person], dt.date | None], last: int
    ) -> None:
        """Count deaths in a window, patients who were observed without one, and those of whom it is not known."""
        answers: list[tuple[Person, Truth]] = []
        for person in people:
            begin = start(person)
            if begin is None or not (person.died or person.contacts):
                answers.append((person, None))
            elif person.died:
                least, most = days(begin, person.died, self.zone)
                answers.append((person, False if least > last else True if least == most else None))
            else:
                answers.append((person, False if max(person.contacts) >= begin else None))
        self.proportion(key, answers)

    def changes(
        self, key: str, people: list[Person], item: str, baseline: tuple[str, ...], at: tuple[str, ...]
    ) -> None:
        for visit in at:
            found = []
            for person in people:
                before = next(
                    (each for code in baseline if (each := person.values.get((code, item))) is not None), None
                )
                now = person.values.get((visit, item))
                found.append(None if before is None or now is None else float(now) - float(before))
            known = [each for each in found if each is not None]
            self.numbers[key, visit, ""] = {
                "patients": len(found), "yes": len(known), "no": 0, "undetermined": len(found) - len(known),
            }  # fmt: skip
            if known:
                self.numbers[key, visit, ""]["mean.value"] = sum(known) / len(known)


def reactions() -> dict[str, Callable[[Person, Event], Truth]]:
    return {
        "ar": lambda _person, event: event.related,
        "ar_above_3": lambda _person, event: both(event.related, event.grade > 3),
        "ar_3": lambda _person, event: both(event.related, event.grade >= 3),
        "sae": lambda _person, event: event.serious,
        "sar": lambda _person, event: both(event.serious, event.related),
        "sesar": lambda _person, event: both(event.serious, event.related, event.expected),
        "susar": lambda _person, event: both(event.serious, event.related, negated(event.expected)),
    }
