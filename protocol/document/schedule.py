"""Due dates of visits and infusions, in calendar days from an anchor.

Dates are local days at the site, not hours, so a change to or from summer time cannot move a visit. No Django.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from protocol.document.design import Dosing, ProtocolVisit
from protocol.document.document import Protocol


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
    ``never_given`` are the numbers of infusions that will not be given: visits are counted from another anchor then.
    """
    never = {f"infusion_{number}" for number in never_given}
    return [
        _planned(visit, anchors.get(visit.anchor) or _instead(visit, anchors, never))
        for visit in protocol.visits
    ]


def _instead(visit: ProtocolVisit, anchors: Mapping[str, date], never: Collection[str]) -> date | None:
    return anchors.get(visit.anchor_without_infusion) if visit.anchor in never else None


def _planned(visit: ProtocolVisit, anchor: date | None) -> PlannedVisit:
    if anchor is None:
        return PlannedVisit(visit.code)
    planned_on = anchor + timedelta(days=visit.day)
    early, late = (planned_on + timedelta(days=days) for days in visit.window)
    return PlannedVisit(visit.code, planned_on, early, late)


def study_day(day: date, anchor: date) -> int:
    """Return the days from ``anchor`` (day 0, as in the protocol) to ``day``; negative before the anchor."""
    return (day - anchor).days


def infusion_window(dosing: Dosing, previous_infusion: date) -> tuple[date, date]:
    """Return the first and last day on which the infusion after ``previous_infusion`` may be given.

    Raises ValueError if the protocol has a single infusion and therefore no interval.
    """
    if dosing.interval_days is None:
        raise ValueError("the protocol gives a single infusion: there is no next one")
    return _shifted(previous_infusion, dosing.interval_days)


def first_infusion_window(dosing: Dosing, inclusion: date) -> tuple[date, date]:
    """Return the first and last day on which infusion 1 may be given, counted from inclusion."""
    return _shifted(inclusion, dosing.first_infusion_within_days)


def _shifted(day: date, days: tuple[int, int]) -> tuple[date, date]:
    return day + timedelta(days=days[0]), day + timedelta(days=days[1])
