"""The download of a file attached to an item; it is never shown inside a page of the application (SEC-13)."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header

from audit import events
from audit.export_register import Channel, Sending, sent
from patients.entry.files.attachments import Damaged, content
from patients.models import Attachment
from protocol.values.file_kinds import MEDIA_TYPES
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


@trial_page(see=P.SEE_FILES)
def file(request: TrialRequest, code: str, attachment: str) -> HttpResponse:
    """Send a file as a download. Every look is recorded, because a scan may name the patient (AUD-08)."""
    rows = Attachment.objects.visible_to(request.user).filter(
        patient__trial=request.trial, patient__code=code
    )
    row = rows.filter(key=attachment).first()
    if row is None:
        raise Http404
    detail = {"file": row.name, "form": row.form, "item": row.item, "sha256": row.sha256}
    return send_file(request, row, told=detail, patient_id=row.patient_id)


def send_file(
    request: TrialRequest,
    row: Any,
    *,
    told: dict[str, Any],
    patient_id: int | None = None,
    treatment: bool = False,
) -> HttpResponse:
    """Send a stored file as a download and record the look; 409 if its bytes are damaged.

    row: of the file, with its key, name, kind and hash. told: what the trail keeps of it.
    """
    try:
        data = content(row)
    except Damaged:
        return render(request, "patients/file_damaged.html", status=409)
    response = HttpResponse(data, content_type=MEDIA_TYPES[row.kind])
    response["Content-Disposition"] = content_disposition_header(True, row.name) or "attachment"
    # A browser that opens the file all the same runs nothing in it and gives it no access to this origin.
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    sending = Sending(
        kind=events.AccessKind.FILE_SEEN,
        channel=Channel.FILE,
        trial_id=request.trial.pk,
        patient_id=patient_id,
        treatment=treatment,
        told=told,
        # In a masked trial a blinded reader must not learn of a file with the product.
        see=str(P.SEE_TREATMENT) if treatment and request.trial.masked else "",
    )
    return sent(response, sending, request=request)
