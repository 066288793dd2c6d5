"""Texts of a case in the reader's language: clocks, grounds of expectedness, opinions of the sponsor."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from safety import choices
from safety.classification import is_fatal, is_life_threatening
from safety.dictionaries.models import EventCoding
from safety.labels import CLOCK_TONES, Wording, clock_text, tag
from safety.models import AdverseEvent, CaseClock, CaseDecision
from safety.reporting_clocks.clock_table import ClockKind
from safety.sponsor.case_clocks import current
from safety.sponsor.expectedness import Expectation, Ground, expectation, severity
from safety.terms.own_list import names_of
from trials.reader import shown_moment

CLOCK_TITLES: dict[str, str | Promise] = {
    ClockKind.SUSAR_FATAL: gettext_lazy("SUSAR, fatal or life-threatening: day 7"),
    ClockKind.SUSAR: gettext_lazy("SUSAR: day 15"),
    ClockKind.SUSAR_BECAME_FATAL: gettext_lazy("SUSAR that became fatal or life-threatening: day 7 anew"),
    ClockKind.SUSAR_FOLLOW_UP: gettext_lazy("New information on a SUSAR: day 15"),
}
GROUNDS: dict[Ground, str | Promise] = {
    Ground.NO_REFERENCE: gettext_lazy("No reference safety information was in force at the onset."),
    Ground.NOT_LISTED: gettext_lazy("The term is not listed: unexpected."),
    Ground.WITHIN_GRADE: gettext_lazy("The term is listed up to this grade: expected."),
    Ground.ABOVE_GRADE: gettext_lazy("The term is listed, but only up to a lower grade: unexpected."),
    Ground.GRADE_MISSING: gettext_lazy("The term is listed, but the grade is missing."),
    Ground.VERSIONS_DIFFER: gettext_lazy("The onset lies in several versions that say different things."),
}


@dataclass(frozen=True, slots=True)
class ShownClock:
    """A clock of the sponsor as all members see it: with its deadline, and without what came of it.

    by_site: the deadline if the awareness of the site counted. counts: False if it was started again.
    """

    clock: CaseClock
    title: str | Promise
    started: str
    due: str
    by_site: str
    counts: bool


def shown_clocks(event: AdverseEvent, zone: str) -> list[ShownClock]:
    """Return all clocks of a case in the order of their start. One query, none without a case."""
    if not event.with_sponsor:
        return []
    clocks = list(event.case_clocks.order_by("pk"))
    counting = {clock.pk for clock in current(clocks)}
    return [
        ShownClock(
            clock,
            CLOCK_TITLES[ClockKind(clock.kind)],
            shown_moment(clock.starts_at, zone),
            shown_moment(clock.due_at, zone),
            shown_moment(clock.site_due_at, zone) if clock.site_due_at else "",
            clock.pk in counting,
        )
        for clock in clocks
    ]


def proposal(event: AdverseEvent) -> Expectation:
    """Return the entry of the reference safety information about an event, under any of its names. One query."""
    trial = event.patient.trial
    counts_as = severity(
        event.grade, fatal=is_fatal(event.answers), life_threatening=is_life_threatening(event.seriousness)
    )
    return expectation(
        trial.rules.safety.reference,
        terms=_names(event),
        severity=counts_as,
        onset=event.onset_moment,
        zone=trial.time_zone,
    )


def _names(event: AdverseEvent) -> list[str]:
    """Return the verbatim and the coded term of an event, each with its other names in the own list. One query.

    The table of the reference has the terms of the brochure, in English; a site writes “Fièvre”.
    """
    coded = EventCoding.objects.filter(event=event).values_list("name", "preferred").first() or ()
    return [name for text in (event.term, *coded) if text for name in names_of(text)]


def sponsor_facts(event: AdverseEvent, wording: Wording) -> list[tuple[str, str]]:
    """Return the judgements of drug safety, as label and text; empty answers are left out."""
    opinions = {"causality": _("Causality of the product"), **choices.causes()}
    facts = [
        (_("With sponsor safety since"), shown_moment(event.sponsor_aware)),
        *(
            (label, wording.causalities.get(code, code))
            for name, label in opinions.items()
            for code in [getattr(event, f"sponsor_{name}")]
        ),
        (_("Expectedness"), event.get_expectedness_display() if event.expectedness else ""),
        (_("Reference safety information"), event.reference_version),
        (_("Comment of the sponsor"), event.sponsor_comment),
    ]
    return [(label, text) for label, text in facts if text]


def decision_words(decision: CaseDecision | None, clock: CaseClock, now: datetime) -> SafeString:
    """Return the outcome of a clock, for drug safety alone: decided, or the time left."""
    reading = clock.read(now, decision)
    if decision is not None and decision.result == CaseDecision.Result.NOT_REPORTABLE:
        return tag("done", _("Not reportable"))
    return tag(CLOCK_TONES[reading.stage], clock_text(reading))


def decisions_of(clocks: Iterable[CaseClock]) -> dict[int, CaseDecision]:
    """Return the decisions by clock. One query. Only for drug safety."""
    rows: Any = CaseDecision.objects.filter(clock__in=list(clocks)).select_related("decided_by")
    return {row.clock_id: row for row in rows}
