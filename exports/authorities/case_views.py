"""Form CIOMS I of a case, for drug safety alone: as the case stands, or as a report was sent (ICS-05)."""

from pathlib import Path
from tempfile import TemporaryDirectory

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from exports.paper.audience import Audience
from exports.paper.cioms import write_cioms
from exports.paper.typesetting import Making, NotPrinted
from patients.views.participation import patient_of
from safety.authority.authority_views import authority_context
from safety.authority.file_views import file_of, report_asked
from safety.authority.reporting import case_to_send
from safety.authority.shown import title_of
from safety.event_pages import event_of
from safety.icsr.case import IndividualCase
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


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
    audience = Audience.of(request.access, get_language() or "en")
    at = timezone.now()
    by = f"{request.user.full_name} ({request.user.get_username()})"
    making = Making(at=at, at_words=audience.instant(at), by=by)
    with TemporaryDirectory() as folder:
        out = Path(folder) / "cioms.pdf"
        write_cioms(case=case, kind=kind, audience=audience, making=making, out=out)
        return out.read_bytes()
