"""Time from an infusion or another milestone to an adverse event, as intervals (SAF-15). No Django.

Both may be partial dates. Nothing is imputed: the result is the least and the most time possible.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from protocol.values.moments import Moment, before, days_between, minutes_between


@dataclass(frozen=True, slots=True)
class TimeSinceInfusion:
    """The least and the most calendar days and elapsed minutes from a milestone to an event.

    after: True if the event began at or after the milestone, False if before, None if unknown.
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
        """Return whether the number of days is known."""
        return self.days[0] == self.days[1]


def treatment_emergent(infusions: Sequence[Moment], onset: Moment) -> bool | None:
    """Return whether an event began at or after the first infusion; None if the known parts do not decide (SAF-15).

    It did not if no infusion was given. The order of the infusions does not matter.
    """
    found = [before(onset, infusion) for infusion in infusions]
    if any(each is False for each in found):
        return True
    return None if None in found else False


def since(milestone: Moment, event: Moment, zone: str) -> TimeSinceInfusion:
    """Return the time from a milestone to an event, in the site's time zone."""
    came_before = before(event, milestone)
    return TimeSinceInfusion(
        days=days_between(milestone, event, zone),
        minutes=minutes_between(milestone.placed(zone), event.placed(zone)),
        after=None if came_before is None else not came_before,
    )
