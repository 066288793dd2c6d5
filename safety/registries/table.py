"""Count the adverse events of a trial for a register (RES-02 to RES-04).

A patient counts once per term and arm, however often the event recurred; events count each time. At risk are the
exposed patients. A non-serious event is listed if more than the threshold of the exposed of some arm had it: 1 of 20 is
5 %, and does not exceed 5 %.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from safety.registries.rows import CountedEvent, ReportingArm


@dataclass(frozen=True)
class ArmCounts:
    """Counts of one term in one arm."""

    patients: int = 0
    occurrences: int = 0
    related: int = 0
    deaths: int = 0
    related_deaths: int = 0


@dataclass(frozen=True)
class RegisterTerm:
    """One term of one organ class, with the counts of each arm in the order of the arms."""

    term: str
    organ_class: str
    counts: tuple[ArmCounts, ...]


@dataclass(frozen=True)
class ArmTotals:
    """Counts of one arm over all terms. `frequent` counts patients with a non-serious event that is listed."""

    exposed: int
    serious: int
    non_serious: int
    frequent: int
    deaths: int
    event_deaths: int


@dataclass(frozen=True)
class EventTable:
    """The counts of all arms; serious and non-serious terms apart. `left_out`: events of patients without infusion."""

    arms: tuple[ReportingArm, ...]
    totals: tuple[ArmTotals, ...]
    serious: tuple[RegisterTerm, ...]
    non_serious: tuple[RegisterTerm, ...]
    left_out: int


def count(
    *, events: Iterable[CountedEvent], arms: Sequence[ReportingArm], threshold: str | Fraction = "0"
) -> EventTable:
    """Return the table of the events in these arms. `threshold` is in percent, and must be exceeded.

    Raises ValueError if a patient is exposed in two arms.
    """
    exposed = [patient for arm in arms for patient in arm.exposed]
    if len(exposed) != len(set(exposed)):
        raise ValueError("A patient is exposed in two arms")
    known, given = set(exposed), list(events)
    at_risk = [event for event in given if event.patient in known]
    serious = _rows([event for event in at_risk if event.serious], arms)
    others = _rows([event for event in at_risk if not event.serious], arms)
    listed = tuple(row for row in others if _exceeds(row, arms, Fraction(threshold)))
    return EventTable(
        arms=tuple(arms),
        totals=tuple(_totals(arm, at_risk, {(row.term, row.organ_class) for row in listed}) for arm in arms),
        serious=serious,
        non_serious=listed,
        left_out=len(given) - len(at_risk),
    )


def _rows(events: Sequence[CountedEvent], arms: Sequence[ReportingArm]) -> tuple[RegisterTerm, ...]:
    """Return a row per term and class, in alphabetical order; an arm without the event has zeros."""
    by_term: dict[tuple[str, str], list[CountedEvent]] = {}
    for event in events:
        by_term.setdefault((event.organ_class, event.term), []).append(event)
    return tuple(
        RegisterTerm(term, organ_class, tuple(_counts(found, arm) for arm in arms))
        for (organ_class, term), found in sorted(by_term.items())
    )


def _counts(events: Sequence[CountedEvent], arm: ReportingArm) -> ArmCounts:
    own = [event for event in events if event.patient in arm.exposed]
    return ArmCounts(
        patients=len({event.patient for event in own}),
        occurrences=len(own),
        related=sum(event.related for event in own),
        # A patient dies once, even if two rows of the term say so.
        deaths=len({event.patient for event in own if event.fatal}),
        related_deaths=len({event.patient for event in own if event.fatal and event.related}),
    )


def _exceeds(row: RegisterTerm, arms: Sequence[ReportingArm], threshold: Fraction) -> bool:
    """Return whether some arm exceeds the threshold: exact, and strict unless the threshold is 0."""
    return any(
        counts.patients * 100 > threshold * len(arm.exposed)
        for counts, arm in zip(row.counts, arms, strict=True)
        if counts.patients
    )


def _totals(arm: ReportingArm, events: Sequence[CountedEvent], listed: set[tuple[str, str]]) -> ArmTotals:
    own = [event for event in events if event.patient in arm.exposed]
    others = [event for event in own if not event.serious]
    fatal = {event.patient for event in own if event.fatal}
    return ArmTotals(
        exposed=len(arm.exposed),
        serious=len({event.patient for event in own if event.serious}),
        non_serious=len({event.patient for event in others}),
        frequent=len({event.patient for event in others if (event.term, event.organ_class) in listed}),
        # A fatal event is a death even if no form states the death yet.
        deaths=len((arm.died & arm.exposed) | fatal),
        event_deaths=len(fatal),
    )
