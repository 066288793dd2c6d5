"""Send a sheet of labels as a file, which the export register keeps (PRV-04)."""

import re
from collections.abc import Sequence

from django.http import Http404, HttpResponse

from audit.export_register import Channel, Sending, sent
from patients.samples.label_sheet import Label, label_sheet
from trials.access import TrialRequest


def send_labels(
    request: TrialRequest, labels: Sequence[Label], name: str, *, patient_id: int | None = None, see: str = ""
) -> HttpResponse:
    """Send labels as a PDF sheet. Raises Http404 without a label.

    name: what they are the labels of. see: permission that is needed to know of the sheet. No label holds the
    treatment of a patient: that of a kit is the same in every arm, that of a bag names no patient.
    """
    if not labels:
        raise Http404
    response = HttpResponse(label_sheet(labels), content_type="application/pdf")
    # A number may have signs that no file name has.
    file = f"labels-{re.sub(r'[^A-Za-z0-9-]', '_', name)}.pdf"
    response["Content-Disposition"] = f'attachment; filename="{file}"'
    sending = Sending(
        channel=Channel.LABELS,
        trial_id=request.trial.pk,
        patient_id=patient_id,
        treatment=False,
        see=see,
        told={"file": file},
    )
    return sent(response, sending, request=request)
