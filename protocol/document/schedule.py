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
