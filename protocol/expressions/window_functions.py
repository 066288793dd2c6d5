"""Functions of outcomes: whether a moment lies in a window, and whether something happened by a day.

A moment that is known in part decides only where all its days agree (DAT-05).
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from protocol.expressions.kinds import ABSENT, LOGIC, MOMENTS, FunctionSignature, Kind
from protocol.values import moments
from protocol.values.moments import Moment

_MOMENT: Final = frozenset(MOMENTS)
_NUMBERS: Final = frozenset({Kind.NUMBER})
_CONDITION: Final = frozenset({Kind.LOGIC})
HOUR = dt.timedelta(hours=1)


def in_window(least: Any, most: Any, first: Any, last: Any) -> bool | None:
    """Return whether something that lies between least and most lies in a window; None if only a part of it does."""
    if most < first or least > last:
        return False
    return True if first <= least and most <= last else None


def _answer(known: bool | None) -> Any:
    return ABSENT if known is None else known


def _within_days(start: Moment, moment: Moment, first: Any, last: Any, *, zone: str, whole_days: bool) -> Any:
    return _answer(in_window(*moments.days_between(start, moment, zone), first, last))


def _within_hours(
    start: Moment, moment: Moment, first: Any, last: Any, *, zone: str, whole_days: bool
) -> Any:
    least, most = (each / HOUR for each in (moment.earliest - start.latest, moment.latest - start.earliest))
    return _answer(in_window(least, most, float(first), float(last)))


def _happened_by(start: Any, event: Any, last: Any, free_on: Any, *, zone: str, whole_days: bool) -> Any:
    if start is ABSENT or last is ABSENT:
        return ABSENT
    if event is not ABSENT:
        least, most = moments.days_between(start, event, zone)
        return True if most <= last else False if least > last else ABSENT
    if free_on is not ABSENT and moments.days_between(start, free_on, zone)[0] >= last:
        return False
    return ABSENT


def _could_decide(start: Any, event: Any, last: Any, free_on: Any) -> tuple[int, ...]:
    """Return the positions of what could decide: a known event that is vague, else the event or a later contact."""
    if start is ABSENT or last is ABSENT:
        return tuple(place for place, value in ((0, start), (2, last)) if value is ABSENT)
    return (1, 3) if event is ABSENT else (1,)


def _provided(condition: Any, answer: Any, *, zone: str, whole_days: bool) -> Any:
    return answer if condition is True else ABSENT


_WINDOW = (_MOMENT, _MOMENT, _NUMBERS, _NUMBERS)
WINDOW_FUNCTIONS: Mapping[str, FunctionSignature] = {
    "within_days": FunctionSignature(
        _WINDOW, LOGIC, _within_days, "b lies on a day from c to d after a, on the clock of the site"
    ),
    "within_hours": FunctionSignature(_WINDOW, LOGIC, _within_hours, "b lies c to d elapsed hours after a"),
    "happened_by": FunctionSignature(
        (_MOMENT, _MOMENT, _NUMBERS, _MOMENT),
        LOGIC,
        _happened_by,
        "b lies on day c after a or earlier; false if it is later, or if d, when b had not happened, is not earlier",
        partial=True,
        missing_inputs=_could_decide,
    ),
    "provided": FunctionSignature(
        (_CONDITION, _CONDITION),
        LOGIC,
        _provided,
        "b if a is true, else undetermined: for an answer that says nothing unless something else is recorded",
        partial=True,
        missing_inputs=lambda condition, answer: (1,) if condition is True else (0,),
    ),
}
