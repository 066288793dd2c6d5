"""Due dates of visits and infusions, in calendar days from an anchor.

Dates are local days at the site, not hours, so a change to or from summer time cannot move a visit. Only a window that
the protocol states in hours is counted in elapsed hours. No Django.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from protocol.document.design import ProtocolVisit
from protocol.document.document import Protocol
from protocol.document.dosing import InfusionWindow


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """The planned date and window of a visit for one patient; None until its anchor is known."""

    code: str
    planned_on: date | None = None
    window_from: date | None = None
    window_to: date | None = None


def planned_visits(
    protocol: Protocol, anchors: Mapping[str, date], never_given: Collection[int] = ()
) -> list[PlannedVisit]:
    """Return the planned visits in the order of the protocol.

    ``anchors`` are the dates known so far: ``screening``, ``inclusion``, ``infusion_1`` …
    ``never_given`` are the numbers of infusions that will not be given: follow-up visits are counted from another
    anchor then (``anchor_without_infusion``).
    """
    return [
        _planned(visit, anchors.get(visit.anchor) or _instead(protocol, visit, anchors, never_given))
        for visit in protocol.visits
    ]


def _instead(
    protocol: Protocol, visit: ProtocolVisit, anchors: Mapping[str, date], never_given: Collection[int]
) -> date | None:
    """Return the day from which a visit is counted although its infusion will not be given, None if it waits for it.

    A later infusion is counted from the day that was planned for the one not given, as its own window is.
    """
    number = int(visit.anchor.removeprefix("infusion_")) if visit.anchor.startswith("infusion_") else 0
    if number not in never_given:
        return None
    if visit.infusion is None:
        return anchors.get(visit.anchor_without_infusion)
    if visit.infusion in never_given:
        return None
    before = protocol.infusion_visit(number)
    known = anchors.get(before.anchor) or _instead(protocol, before, anchors, set(never_given) - {number})
    return _planned(before, known).planned_on


def _planned(visit: ProtocolVisit, anchor: date | None) -> PlannedVisit:
    if anchor is None:
        return PlannedVisit(visit.code)
    planned_on = anchor + timedelta(days=visit.day)
    early, late = (planned_on + timedelta(days=days) for days in visit.window)
    return PlannedVisit(visit.code, planned_on, early, late)


def study_day(day: date, anchor: date) -> int:
    """Return the days from ``anchor`` (day 0, as in the protocol) to ``day``; negative before the anchor."""
    return (day - anchor).days


@dataclass(frozen=True, slots=True)
class Allowed:
    """When an infusion may be given: first and last day at the site, and the two moments of a window in hours."""

    first: date
    last: date
    moments: tuple[datetime, datetime] | None = None

    def holds(self, moment: datetime, day: date) -> bool:
        """Return True if an infusion that begins at a moment, on a day at the site, is within the window."""
        if self.moments is not None:
            return self.moments[0] <= moment <= self.moments[1]
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class AnchorTime:
    """From what a window is counted: its first and last possible moment, equal if the moment is known."""

    earliest: datetime
    latest: datetime

    @classmethod
    def of_days(cls, first: date, last: date, zone: tzinfo) -> "AnchorTime":
        """Return the whole of some days at the site: a moment that is known by its day only."""
        opens, closes = (
            datetime.combine(day, time(), tzinfo=zone) for day in (first, last + timedelta(days=1))
        )
        return cls(opens.astimezone(UTC), closes.astimezone(UTC) - timedelta(microseconds=1))


def allowed_by(window: InfusionWindow, anchor: AnchorTime, zone: tzinfo) -> Allowed:
    """Return when an infusion may be given, counted from its anchor in days at the site or in elapsed hours.

    An anchor that is known by its day only never makes an infusion early or late that may be in time.
    """
    first, last = (moment.astimezone(zone).date() for moment in (anchor.earliest, anchor.latest))
    shortest, longest = window.span
    if window.hours is None:
        return Allowed(first + timedelta(days=shortest), last + timedelta(days=longest))
    # In UTC: a moment in a zone counts the hours on the wall.
    opens = anchor.earliest.astimezone(UTC) + timedelta(hours=shortest)
    closes = anchor.latest.astimezone(UTC) + timedelta(hours=longest)
    return Allowed(opens.astimezone(zone).date(), closes.astimezone(zone).date(), (opens, closes))
