"""Stopping rules decided on plain values: which events a rule counts, and which make it fire (CEL-16). No Django.

The system proposes: a rule that fires sets a hold, and people decide whether the trial goes on.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from protocol.document.stopping import StoppingRule, WatchedEvents


@dataclass(frozen=True, slots=True)
class WatchedEvent:
    """The facts of an adverse event that a rule reads.

    related: by the investigator or the sponsor, and while the causality is not assessed (SAF-04). minutes: for each
    infusion that was given, the least and the most minutes from its start to the onset.
    """

    key: int
    patient: int
    related: bool
    serious: bool
    fatal: bool
    grade: int
    aesi: str = ""
    minutes: tuple[tuple[int, int], ...] = ()


def is_watched(watched: WatchedEvents, event: WatchedEvent) -> bool:
    """Return True if a rule counts the event: it meets every property that the rule names."""
    for name in ("related", "serious", "fatal"):
        wanted = getattr(watched, name)
        if wanted is not None and getattr(event, name) != wanted:
            return False
    if watched.lowest_grade is not None and event.grade < watched.lowest_grade:
        return False
    if watched.aesi is not None and event.aesi not in watched.aesi:
        return False
    hours = watched.within_hours_of_infusion
    return hours is None or any(most >= 0 and least <= 60 * hours for least, most in event.minutes)


def firing(rule: StoppingRule, events: Iterable[WatchedEvent]) -> tuple[int, ...]:
    """Return the keys of the events that make a rule fire, in their order; empty if it does not fire.

    events: of the trial, or of the one patient if the rule is about a patient.
    """
    counted = [event for event in events if is_watched(rule.events, event)]
    number = len({event.patient for event in counted}) if rule.counts == "patients" else len(counted)
    return tuple(event.key for event in counted) if number >= rule.at_least else ()
