"""Request a document: store the request, register it and enqueue the task, in one transaction."""

from datetime import date

from django.db import transaction

from audit.export_register import SendingStage
from exports.documents import HOLDS_DATA, NEEDED, register
from exports.models import Document
from exports.tasks import make_document
from patients.models import Patient
from trials.access import Access, role_refused
from trials.models import ProtocolVersion
from trials.reader import reader_language


@transaction.atomic
def ask_for(
    *,
    kind: str,
    access: Access,
    patient: Patient | None = None,
    protocol: ProtocolVersion | None = None,
    infusion: int | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Document:
    """Request a document. Raises PermissionDenied if the user may not read its content."""
    needed = NEEDED[Document.Kind(kind)]
    if not access.may(needed):
        raise role_refused(access)
    row = Document.objects.create(
        trial=access.trial,
        patient=patient,
        protocol=protocol,
        kind=kind,
        infusion=infusion,
        since=since,
        until=until,
        treatment=access.sees_treatment and kind in HOLDS_DATA,
        language=reader_language(),
        asked_by=access.user,
    )
    register(row, SendingStage.STARTED)
    # The task is a database row: if the transaction is rolled back, no worker looks for a missing document.
    make_document.enqueue(str(row.pk))
    return row
