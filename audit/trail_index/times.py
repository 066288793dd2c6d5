"""The times of day that a filter of the trail asks for, as spans of minutes of the week on the clock of the site."""

from collections.abc import Iterable

from audit.trail_reading.sources import Filter, WorkingHours

DAY = 24 * 60
# Minutes of the week that are few: to read all entries of these is less than to read those of a form or a person.
FEW_MINUTES = 7 * DAY // 20


def are_narrow(trail_filter: Filter) -> bool:
    """Return whether entries are found by their time of day: no other filter has an index that narrows more."""
    if not (trail_filter.minutes or trail_filter.outside):
        return False
    much = "patient_id row watched places about session address states search exactly"
    if any(getattr(trail_filter, name) for name in much.split()) or (
        trail_filter.since and trail_filter.until
    ):
        return False
    little = any(getattr(trail_filter, name) for name in ("form", "role", "origin", "kind"))
    little = little or trail_filter.user_id is not None
    return not little or sum(last - first + 1 for first, last in spans(trail_filter)) <= FEW_MINUTES


def spans(trail_filter: Filter) -> list[tuple[int, int]]:
    """Return the minutes of the week that pass, first and last of each span, in order."""
    times: list[list[tuple[int, int]]] = []
    if trail_filter.minutes is not None:
        first, last = trail_filter.minutes
        of_day = [(first, last)] if first <= last else [(0, last), (first, DAY - 1)]
        times.append([(day * DAY + start, day * DAY + end) for day in range(7) for start, end in of_day])
    if trail_filter.outside is not None:
        times.append(_outside(trail_filter.outside))
    both = [
        (max(start, other), min(end, until))
        for start, end in times[0]
        for other, until in (times[1] if len(times) > 1 else [(0, 7 * DAY - 1)])
    ]
    return _joined((start, end) for start, end in both if start <= end)


def _outside(hours: WorkingHours) -> list[tuple[int, int]]:
    working = [(0, hours.first - 1), (hours.last, DAY - 1)]
    return [
        (day * DAY + start, day * DAY + end)
        for day in range(7)
        for start, end in (working if day in hours.days else [(0, DAY - 1)])
    ]


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans of minutes in order, those that follow each other as one."""
    found: list[tuple[int, int]] = []
    for start, end in spans:
        if found and found[-1][1] + 1 >= start:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found
