"""The adverse events of a trial as the safety outcomes count them."""

from protocol.values.moments import Moment, days_between
from reports.outcomes.counting import OutcomeEvent
from safety.labels import day_zero
from safety.models import AdverseEvent
from trials.access import Access

EXPECTED = {"expected": True, "unexpected": False}


def outcome_events(access: Access) -> list[OutcomeEvent]:
    """Return the events of the patients who have a day 0; those in error are left out. One query."""
    rules, zone = access.trial.rules, access.trial.rules.trial.site.time_zone
    rows = (
        AdverseEvent.objects.of(access)
        .not_in_error()
        .select_related("patient")
        .order_by("patient__number", "number")
    )
    found = []
    for event in rows:
        start = day_zero(event.patient, rules)
        if start is None:
            continue
        days = days_between(Moment.from_date(start, zone), event.onset_moment, zone)
        found.append(
            OutcomeEvent(
                patient=event.patient.code,
                number=event.number,
                term=event.term,
                days=days,
                grade=event.grade,
                serious=event.serious,
                # Without categories in the protocol nothing is of special interest; an unanswered question is open.
                special=event.of_special_interest if event.aesi else (None if rules.safety.aesi else False),
                # An unassessed event counts as related for the clocks; as an outcome it is not determined yet.
                related=event.related if event.causality else None,
                # Open until drug safety has judged it by the reference safety information.
                expected=EXPECTED.get(getattr(event, "expectedness", "")),
            )
        )
    return found  # fmt: skip
