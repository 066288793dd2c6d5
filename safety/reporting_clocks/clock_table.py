"""The reporting clocks of a trial: what starts each, how long it runs, and which one a change of an event starts.

Pure functions. A clock that runs goes on when an event is judged anew: a change only adds clocks (CLK-04).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from safety.reporting_clocks.clocks import (
    SAE_HOURS,
    SUSAR_DAYS,
    SUSAR_FATAL_DAYS,
    days_deadline,
    hours_deadline,
    months_deadline,
)


class ClockKind(StrEnum):
    """A kind of report: its recipient and the start of its clock."""

    SAE = "sae"
    SUSAR_FATAL = "susar_fatal"
    SUSAR_FATAL_FOLLOW_UP = "susar_fatal_follow_up"
    SUSAR = "susar"
    SUSAR_BECAME_FATAL = "susar_became_fatal"
    SUSAR_FOLLOW_UP = "susar_follow_up"
    URGENT_MEASURE = "urgent_measure"
    BENEFIT_RISK = "benefit_risk"
    SERIOUS_BREACH = "serious_breach"
    ANNUAL_REPORT = "annual_report"
    OUT_OF_SPECIFICATION = "out_of_specification"
    DATA_BREACH = "data_breach"
    RESULTS = "results"
    PAEDIATRIC_RESULTS = "paediatric_results"


@dataclass(frozen=True, slots=True)
class ClockRule:
    """Length of a clock in elapsed hours, calendar days or calendar months (one of them), and its source."""

    source: str
    hours: int = 0
    days: int = 0
    months: int = 0


CLOCKS: dict[ClockKind, ClockRule] = {
    # From the site's awareness.
    ClockKind.SAE: ClockRule("CTR Art. 41(2)", hours=SAE_HOURS),
    # From the sponsor's awareness of the minimum criteria.
    ClockKind.SUSAR_FATAL: ClockRule("CTR Art. 42(2)(a)", days=SUSAR_FATAL_DAYS),
    # From the first report.
    ClockKind.SUSAR_FATAL_FOLLOW_UP: ClockRule("CTR Annex III 2.4", days=8),
    ClockKind.SUSAR: ClockRule("CTR Art. 42(2)(b)", days=SUSAR_DAYS),
    # From the sponsor's awareness that it became fatal or life-threatening.
    ClockKind.SUSAR_BECAME_FATAL: ClockRule("CTR Art. 42(2)(c)", days=SUSAR_FATAL_DAYS),
    # From the new information.
    ClockKind.SUSAR_FOLLOW_UP: ClockRule("CT-3", days=15),
    # From the measure.
    ClockKind.URGENT_MEASURE: ClockRule("CTR Art. 54", days=7),
    ClockKind.BENEFIT_RISK: ClockRule("CTR Art. 53", days=15),
    ClockKind.SERIOUS_BREACH: ClockRule("CTR Art. 52", days=7),
    # From the data lock point, the anniversary of the first authorisation.
    ClockKind.ANNUAL_REPORT: ClockRule("CTR Art. 43, ICH E2F", days=60),
    # From the administration.
    ClockKind.OUT_OF_SPECIFICATION: ClockRule("EU GMP for ATMP 11.53", hours=48),
    ClockKind.DATA_BREACH: ClockRule("GDPR Art. 33", hours=72),
    # From the end of the trial.
    ClockKind.RESULTS: ClockRule("CTR Art. 37", months=12),
    ClockKind.PAEDIATRIC_RESULTS: ClockRule("CTR Art. 37", months=6),
}


def deadline(kind: ClockKind, starts_at: datetime, *, zone: str, hours: int | None = None) -> datetime:
    """Return when a clock ends, in UTC. Days and months are those of the site, whatever the zone of the server.

    hours: the length of an hour clock by the protocol, instead of the rule's. Raises ValueError for a start without
    a zone.
    """
    rule = CLOCKS[kind]
    if rule.hours:
        return hours_deadline(starts_at, rule.hours if hours is None else hours)
    if rule.months:
        return months_deadline(starts_at, months=rule.months, zone=zone)
    return days_deadline(starts_at, days=rule.days, zone=zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reportable:
    """The facts of an event that decide about its clocks. None: not decided yet, so it starts nothing.

    grave: fatal or life-threatening.
    """

    serious: bool | None = None
    susar: bool | None = None
    grave: bool = False


NOTHING = Reportable()


def clocks_started(before: Reportable, after: Reportable) -> frozenset[ClockKind]:
    """Return the clocks that a change of an event starts; for a new event `before` is `NOTHING` (CLK-04).

    An event that becomes serious starts the 24 hours. One that becomes a SUSAR, because it is now serious, related or
    unexpected, starts 7 days if it is fatal or life-threatening, else 15. A SUSAR that becomes so starts 7 days anew.
    A change in the other direction starts nothing, and stops nothing.
    """
    found = set()
    if after.serious and not before.serious:
        found.add(ClockKind.SAE)
    if after.susar and not before.susar:
        found.add(ClockKind.SUSAR_FATAL if after.grave else ClockKind.SUSAR)
    elif after.susar and after.grave and not before.grave:
        found.add(ClockKind.SUSAR_BECAME_FATAL)
    return frozenset(found)


def entered_later(made_at: datetime, entered_at: datetime) -> bool:
    """Return whether a report was entered in a later minute than it says it was made: then both are shown."""
    return entered_at.replace(second=0, microsecond=0) > made_at
