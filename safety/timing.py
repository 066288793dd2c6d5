"""When an event began, seen from an infusion: the day, the hours, and whether it came after. No imputing.

Both ends are moments of any precision; what is not known stays an interval (SAF-15). No Django here.
"""

from dataclasses import dataclass

from protocol.values.moments import Moment, before, days_between, minutes_between


@dataclass(frozen=True, slots=True)
class TimeSinceInfusion:
    """The time from a milestone to an event: the fewest and the most calendar days and elapsed minutes.

    after: True when the event came at or after the milestone, False before it, None when nobody can tell.
    """

    days: tuple[int, int]
    minutes: tuple[int, int]
    after: bool | None

    @property
    def exact(self) -> bool:
        """Return whether the elapsed time is known to the minute."""
        return self.minutes[0] == self.minutes[1]

    @property
    def same_day_known(self) -> bool:
        """Return whether the day is known."""
        return self.days[0] == self.days[1]


def since(milestone: Moment, event: Moment, zone: str) -> TimeSinceInfusion:
    """Return the time from a milestone to an event on the clock of the site."""
    came_before = before(event, milestone)
    return TimeSinceInfusion(
        days=days_between(milestone, event, zone),
        minutes=minutes_between(milestone.placed(zone), event.placed(zone)),
        after=None if came_before is None else not came_before,
    )
