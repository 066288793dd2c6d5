"""Study days relative to an anchor, and ventilator-free days."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Final

from protocol.scores.derived import Derived, absent, inputs_unknown, refused

LAST_DAY: Final = 28


def relative_day(on: date | None, anchor: date | None) -> Derived[int]:
    """Return the day relative to an anchor (day 0), negative before it, in calendar days of the site."""
    if on is None or anchor is None:
        return inputs_unknown(*absent({"on": on, "anchor": anchor}))
    return Derived((on - anchor).days)


def ventilated_days(episodes: Iterable[tuple[int, int | None]], until: int = LAST_DAY) -> int:
    """Return on how many of the days 1 to ``until`` the patient was ventilated at any time.

    Each episode is its first and last day relative to the anchor; the last day is None if it is ongoing.
    """
    days: set[int] = set()
    for first, last in episodes:
        days |= set(range(max(first, 1), min(until, until if last is None else last) + 1))
    return len(days)


def ventilator_free_days(
    died_by_then: bool | None, ventilated: Decimal | None, until: int = LAST_DAY
) -> Derived[Decimal]:
    """Return ventilator-free days: 0 if dead by day 28, else 28 less the days on invasive ventilation."""
    if died_by_then:
        return Derived(Decimal(0))
    if died_by_then is None or ventilated is None:
        return inputs_unknown(*absent({"died_by_then": died_by_then, "ventilated": ventilated}))
    if not 0 <= ventilated <= until:
        return refused(f"ventilated days lie between 0 and {until}")
    return Derived(until - ventilated)
