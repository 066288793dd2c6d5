"""Pages of the reports of one serious event: what was sent, what changed, what is missing, and the next report."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from patients.models import Patient
from patients.views.participation import patient_of, step
from safety.labels import Wording
from safety.models import AdverseEvent
from safety.reporting import StaleEvent
from safety.sae_reports.completeness import checked_case
from safety.sae_reports.differences import ChangedFact, NarrativePart, changed_facts, narrative_parts
from safety.sae_reports.report_forms import SaeReportForm
from safety.sae_reports.sending import may_be_reported, send_report
from safety.sae_reports.sheet import sheet_of
from safety.sae_reports.stored import SaeReport
from safety.views import event_address, event_of
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P
from trials.reader import shown_moment


@dataclass(frozen=True)
class ShownReport:
    """A report that was sent, with what changed since the one before it."""

    report: SaeReport
    title: str
    sent: str
    facts: list[list[str]]
    changed: tuple[ChangedFact, ...]
    narrative: tuple[NarrativePart, ...]


@trial_page(see=P.SEE_TRIAL, change=P.REPORT_EVENT)
def reports(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Show the reports of an event and what is missing in the next; send the next one."""
    patient = patient_of(request, code)
    event = event_of(request, patient, number)
    sent = list(event.reports.select_related("sent_by"))

    def do(form: SaeReportForm) -> bool:
        try:
            return form.run(send_report, event=event, by=request.user, **form.cleaned_data)
        except StaleEvent:
            form.add_error(None, _("The event was changed while you typed. Read it again, then go on."))
            return False

    context: dict[str, Any] = {
        "event": event,
        "sent": shown_reports(sent, patient),
        "missing": missing_of(event, sent),
    }
    # A page without a report to send still answers a form that was sent: with the reason in words.
    shows_form = request.method == "POST" or may_be_reported(event)
    if not (shows_form and request.access.may(P.REPORT_EVENT)):
        return render(request, "safety/reports.html", {"patient": patient, **context})
    last = sent[-1] if sent else None
    make: Any = partial(SaeReportForm, event=event, last=last)
    address = event_address(event, "safety:sae-reports")
    return step(request, make, "safety/reports.html", do, lambda form: address, patient=patient, **context)


@trial_page(see=P.SEE_TRIAL)
def sheet(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Show the case in the order of the authority's web form, to be copied into it by hand."""
    patient = patient_of(request, code)
    event = event_of(request, patient, number)
    sent = list(event.reports.all())
    checked = checked_case(event=event, reports=sent)
    context = {
        "patient": patient,
        "event": event,
        "sheet": sheet_of(checked.case),
        "missing": checked.of_the_site,
    }
    return render(request, "safety/sheet.html", context)


def missing_of(event: AdverseEvent, sent: list[SaeReport]) -> list[str]:
    """Return the gaps that the authority would find in the part of the site, one sentence for each element."""
    return checked_case(event=event, reports=sent).of_the_site


def shown_reports(sent: list[SaeReport], patient: Patient) -> list[ShownReport]:
    """Return the reports, the last one first, each with its differences from the one before."""
    zone = Wording(patient.protocol.rules).zone
    return [
        ShownReport(
            report=report,
            title=title_of(report),
            sent=shown_moment(report.sent_at, zone),
            facts=report.facts,
            changed=changed_facts(before.facts, report.facts) if before else (),
            narrative=narrative_parts(before.narrative if before else report.narrative, report.narrative),
        )
        for before, report in reversed(list(zip([None, *sent], sent, strict=False)))
    ]


def title_of(report: SaeReport) -> str:
    """Return how a report is called in the reader's language."""
    if report.number == 0:
        return _("Initial report")
    return _("Follow-up %(number)s") % {"number": report.number}
