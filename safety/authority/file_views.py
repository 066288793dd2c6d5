"""The case for the authority as a sheet to copy and as E2B(R3) file: as it stands now, or as it was sent."""

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from audit.export_register import Channel, Sending, sent
from patients.views.participation import patient_of
from safety.authority.authority_views import authority_context
from safety.authority.reporting import case_to_send
from safety.authority.shown import title_of
from safety.authority.stored import AuthorityReport
from safety.event_pages import event_of
from safety.models import AdverseEvent
from safety.sae_reports.sheet import SheetRow, SheetSection, sheet_of
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


@trial_page(see=P.JUDGE_CASE)
def sheet(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Show the case in the order of the authority's web form. `?report=1`: as that report was sent."""
    event = event_of(request, patient_of(request, code), number)
    report = report_asked(request, event)
    if report is not None:
        rows = [SheetRow(*row) for row in report.content]
        sections = [
            SheetSection(title_of(report), rows),
            SheetSection(_("Narrative"), [SheetRow("H.1", _("Narrative"), report.narrative)]),
        ]
    else:
        sections = sheet_of(case_to_send(event).case)
    context = {"patient": event.patient, "event": event, "sheet": sections, "report": report}
    return render(request, "safety/authority/sheet.html", context)


@trial_page(see=P.JUDGE_CASE)
def e2b(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Send the E2B(R3) file: of the case as it stands if nothing is missing, or as a report was sent (`?report=1`)."""
    # Imported here: only a web worker that reads or writes a message holds the library for XML.
    from safety.icsr.writing import xml_of

    event = event_of(request, patient_of(request, code), number)
    report = report_asked(request, event)
    if report is not None:
        return file_of(request, event, report.message.encode(), f"{report}.xml", "application/xml")
    checked = case_to_send(event)
    if checked.findings:
        context = {**authority_context(request, event), "refused": True}
        return render(request, "safety/authority/case.html", context, status=422)
    return file_of(request, event, xml_of(checked.case), "draft.xml", "application/xml")


def report_asked(request: TrialRequest, event: AdverseEvent) -> AuthorityReport | None:
    """Return the report that the address names, None for the case as it stands. Raises Http404 for another."""
    asked = request.GET.get("report", "")
    if not asked:
        return None
    found = (
        event.authority_reports.filter(number=int(asked)).first()
        if asked.isascii() and asked.isdecimal() and len(asked) < 5
        else None
    )
    if found is None:
        raise Http404(_("This event has no such report."))
    return found


def file_of(
    request: TrialRequest,
    event: AdverseEvent,
    content: bytes,
    name: str,
    content_type: str,
    *,
    shown: bool = False,
) -> HttpResponse:
    """Send a file of the case and note it in the export register, where drug safety alone reads it.

    shown: the browser shows it instead of storing it.
    """
    file = f"{event.patient.code}-AE{event.number}-{name}"
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'{"inline" if shown else "attachment"}; filename="{file}"'
    sending = Sending(
        channel=Channel.DOCUMENT,
        trial_id=request.trial.pk,
        patient_id=event.patient_id,
        treatment=False,
        see=str(P.JUDGE_CASE),
        told={"file": file, "event": event.number},
    )
    return sent(response, sending, request=request)
