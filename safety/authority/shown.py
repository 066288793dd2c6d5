"""Reports to the authority as a page shows them: with what changed since the one before, and the answers to each."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from safety.authority.answering import AnsweredElement, errors_of
from safety.authority.stored import AuthorityAnswer, AuthorityReport
from safety.models import AdverseEvent
from safety.sae_reports.differences import ChangedFact, NarrativePart, changed_facts, narrative_parts
from trials.reader import shown_moment


@dataclass(frozen=True)
class ShownAnswer:
    """An answer of the authority with what it says is wrong, by element."""

    answer: AuthorityAnswer
    at: str
    errors: list[AnsweredElement]


@dataclass(frozen=True)
class ShownAuthorityReport:
    """A report that was sent, what changed since the one before, and what the authority answered."""

    report: AuthorityReport
    title: str
    sent: str
    changed: tuple[ChangedFact, ...]
    narrative: tuple[NarrativePart, ...]
    answers: list[ShownAnswer]


def shown_authority_reports(event: AdverseEvent) -> list[ShownAuthorityReport]:
    """Return the reports of an event to the authority, the last one first. Two queries."""
    zone = event.patient.trial.time_zone
    rows = event.authority_reports.order_by("number").select_related("sent_by")
    sent = list(rows.prefetch_related("answers__recorded_by"))
    return [
        ShownAuthorityReport(
            report=report,
            title=title_of(report),
            sent=shown_moment(report.sent_at, zone),
            changed=changed_facts(_facts(before), _facts(report)) if before else (),
            narrative=narrative_parts(before.narrative if before else report.narrative, report.narrative),
            answers=[
                ShownAnswer(each, shown_moment(each.recorded_at, zone), errors_of(each))
                for each in report.answers.all()
            ],
        )
        for before, report in reversed(list(zip([None, *sent], sent, strict=False)))
    ]


def title_of(report: AuthorityReport) -> str:
    """Return how a report to the authority is called in the reader's language."""
    if report.number == 0:
        return _("Initial report")
    return _("Follow-up %(number)s") % {"number": report.number}


def _facts(report: AuthorityReport) -> list[tuple[str, str, str]]:
    """Return name, label and text of the rows. Elements that occur several times are counted."""
    found: list[tuple[str, str, str]] = []
    counts: dict[str, int] = {}
    for element, name, text in report.content:
        counts[element] = counts.get(element, 0) + 1
        found.append((f"{element} {counts[element]}", f"{element} {name}", text))
    return found
