"""Files of a case for drug safety alone: form CIOMS I, and E2B(R3) with the treatment for who opened it (ICS-05)."""

from pathlib import Path
from tempfile import TemporaryDirectory

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.export_register import Channel, Sending, sent
from exports.authorities.opened_case import may_know, not_opened, opened_products
from exports.paper.audience import Audience
from exports.paper.cioms import write_cioms
from exports.paper.typesetting import Making, NotPrinted
from patients.views.participation import patient_of
from safety.authority.authority_views import authority_context
from safety.authority.case_parts import loaded, meddra_of
from safety.authority.file_views import file_of, report_asked
from safety.authority.reporting import case_to_send
from safety.authority.shown import title_of
from safety.event_pages import event_of
from safety.icsr.case import IndividualCase
from safety.icsr.unblinded import unblinded
from safety.models import AdverseEvent
from safety.sae_reports.completeness import rechecked
from trials.access import TrialRequest, trial_page
from trials.blinding.treatment_reads import show_treatment
from trials.blinding.unblinded_files import LINE, marked_name
from trials.permissions import Permission as P
from trials.reader import reader_language


@trial_page(see=P.JUDGE_CASE)
def cioms(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Send form CIOMS I as PDF. `?report=1`: as that report was sent. `?preview=1`: shown in the browser."""
    # Imported here: only a web worker that reads or writes a message holds the library for XML.
    from safety.icsr.reading import case_of

    event = event_of(request, patient_of(request, code), number)
    report = report_asked(request, event)
    case = case_to_send(event).case if report is None else case_of(report.message.encode())
    kind = _("Draft, not sent") if report is None else title_of(report)
    try:
        content = _printed(request, case, kind)
    except NotPrinted as refused:
        context = {**authority_context(request, event), "not_printed": str(refused.args[0])}
        return render(request, "safety/authority/case.html", context, status=503)
    name = f"cioms-{report or 'draft'}.pdf"
    is_shown = "preview" in request.GET
    return file_of(request, event, content, name, "application/pdf", shown=is_shown)


def _printed(request: TrialRequest, case: IndividualCase, kind: str) -> bytes:
    """Return the bytes of the PDF. Raises NotPrinted."""
    audience = Audience.of(request.access, reader_language())
    at = timezone.now()
    by = f"{request.user.full_name} ({request.user.get_username()})"
    making = Making(at=at, at_words=audience.instant(at), by=by)
    with TemporaryDirectory() as folder:
        out = Path(folder) / "cioms.pdf"
        write_cioms(case=case, kind=kind, audience=audience, making=making, out=out)
        return out.read_bytes()


@trial_page(see=P.JUDGE_CASE)
def unblinded_e2b(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Send E2B(R3) with the treatment, only to who opened it. `?report=1`: as that report was sent, else as it stands.

    404 in an open trial, whose file names the product anyway; 422 for who has not opened the treatment, and for a case
    that the authority would reject.
    """
    # Imported here: only a web worker that reads or writes a message holds the library for XML.
    from safety.icsr.reading import case_of
    from safety.icsr.writing import xml_of

    event = event_of(request, patient_of(request, code), number)
    if not request.trial.masked:
        raise Http404
    report = report_asked(request, event)
    if not may_know(request.access, event.patient):
        return _refused(request, event, not_opened())
    case = case_to_send(event).case if report is None else case_of(report.message.encode())
    products = opened_products(event.patient)
    if not products:
        return _refused(request, event, _("This patient is not allocated to a treatment yet."))
    checked = rechecked(event, unblinded(case, products), loaded(meddra_of(event.patient.trial.rules)))
    if report is None and checked.findings:
        return _refused(request, event, " ".join(checked.sentences))
    show_treatment(request, event.patient_id)
    name = f"{event.patient.code}-AE{event.number}-{report or 'draft'}.xml"
    return _sent(request, event, marked(xml_of(checked.case)), marked_name(name, marked=True))


def marked(message: bytes) -> bytes:
    """Return an XML file with the sentence that it holds the treatment, as a comment before its first element."""
    declaration, separator, rest = message.partition(b"?>")
    return declaration + separator + f"\n<!-- {LINE} -->".encode() + rest


def _refused(request: TrialRequest, event: AdverseEvent, words: str) -> HttpResponse:
    context = {**authority_context(request, event), "not_printed": words}
    return render(request, "safety/authority/case.html", context, status=422)


def _sent(request: TrialRequest, event: AdverseEvent, content: bytes, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    response = HttpResponse(content, content_type="application/xml", headers=headers)
    sending = Sending(
        channel=Channel.DOCUMENT,
        trial_id=request.trial.pk,
        patient_id=event.patient_id,
        treatment=True,
        # Size and hash of the file tell the arm, also to others of drug safety.
        see=str(P.SEE_TREATMENT),
        told={"file": name, "event": event.number},
    )
    return sent(response, sending, request=request)
