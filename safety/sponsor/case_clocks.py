"""The clocks of the sponsor: of an event that becomes a SUSAR, of a SUSAR that becomes grave, of what is new of one."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet

from audit.context import because
from audit.stored_text import system_text
from safety.models import AdverseEvent, AdverseEventQuerySet, CaseClock
from safety.reporting_clocks.clock_table import ClockKind, Reportable, clocks_started, deadline


def start_clocks(event: AdverseEvent, was: Reportable, starts_at: datetime) -> list[CaseClock]:
    """Start the clocks that a change of an event with a case starts; those that run stay. Return the new ones.

    was: the event before the change. starts_at: when the sponsor learned of what changed; its day is day 0. Without a
    new clock it costs no query.
    """
    if not event.with_sponsor:
        return []
    started = clocks_started(was, event.reportable) - {ClockKind.SAE}
    return [_start(event, kind, starts_at) for kind in sorted(started)]


def restart_clocks(event: AdverseEvent, starts_at: datetime) -> list[CaseClock]:
    """Start the clocks of a case again, because the awareness that they ran from was corrected (CLK-06).

    That of a follow-up ran from its own report, and stays.
    """
    kinds = [ClockKind(clock.kind) for clock in current(event.case_clocks.all())]
    return [_start(event, kind, starts_at) for kind in kinds if kind != ClockKind.SUSAR_FOLLOW_UP]


def start_follow_up(event: AdverseEvent, known_at: datetime) -> CaseClock | None:
    """Start the 15 days in which what became known of a SUSAR is reported; its day is day 0 (CT-3).

    It starts whether or not a first report was sent, which nobody but drug safety may learn. None, without a query, for
    an event that is no SUSAR, and for a fatal or life-threatening one, which has 8 days from its first report.
    """
    now = event.reportable
    if not event.with_sponsor or not now.susar or now.grave:
        return None
    with because(system_text("case.new_information")):
        clock = _start(event, ClockKind.SUSAR_FOLLOW_UP, known_at)
        note_next_due(event)
    return clock


def current(clocks: Iterable[CaseClock]) -> list[CaseClock]:
    """Return the clocks that count: of each kind the one that was started last. clocks: in the order of their start."""
    return list({clock.kind: clock for clock in clocks}.values())


def next_due(event: AdverseEvent) -> datetime | None:
    """Return the next deadline of the clocks that count, whether or not a report was sent. One query."""
    return min((clock.due_at for clock in current(event.case_clocks.order_by("pk"))), default=None)


def undecided(clocks: QuerySet[CaseClock]) -> QuerySet[CaseClock]:
    """Keep the clocks that count and have no decision. Reads decisions: only for drug safety."""
    later = CaseClock.objects.filter(event=OuterRef("event"), kind=OuterRef("kind"), pk__gt=OuterRef("pk"))
    return clocks.filter(Q(decision=None) & ~Exists(later), event__in_error_reason="")


def case_counts(events: AdverseEventQuerySet, clocks: QuerySet[CaseClock], now: datetime) -> dict[str, Any]:
    """Return how many events have no case, and of the clocks without a decision how many, how many late, the next.

    Two queries. Only for drug safety.
    """
    late = Count("pk", filter=Q(due_at__lt=now))
    found = undecided(clocks).order_by().aggregate(open=Count("pk"), late=late, next=Min("due_at"))
    return {"waiting": events.without_case().count(), **found}


def note_next_due(event: AdverseEvent) -> None:
    """Store the next deadline of the case on its event, which listings show without another query."""
    due = next_due(event)
    if event.case_due_at != due:
        event.case_due_at = due
        event.save(update_fields=["case_due_at"])


def _start(event: AdverseEvent, kind: ClockKind, starts_at: datetime) -> CaseClock:
    zone = event.patient.trial.time_zone
    # Decisions are typed in whole minutes: one of the same minute is not before the clock.
    starts_at = starts_at.replace(second=0, microsecond=0)
    # Of a follow-up, site and sponsor learn at once, by the report of the site.
    known = None if kind is ClockKind.SUSAR_FOLLOW_UP else event.clock_starts_at
    clock, _created = CaseClock.objects.get_or_create(
        event=event,
        patient_id=event.patient_id,
        kind=kind.value,
        starts_at=starts_at,
        defaults={
            "due_at": deadline(kind, starts_at, zone=zone),
            # Site and sponsor may be one hospital: then its knowledge counts as theirs (CLK-02).
            "site_due_at": deadline(kind, known, zone=zone) if known else None,
        },
    )
    return clock
