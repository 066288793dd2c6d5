"""Asking for a document: stored, registered and handed to a worker in one step."""

from datetime import date

from django.db import transaction

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
    since: date | None = None,
    until: date | None = None,
) -> Document:
    """Ask for a document as the person of this access. Raises PermissionDenied without the right to its content."""
    needed = NEEDED[Document.Kind(kind)]
    if not access.may(needed):
        raise role_refused(access)
    row = Document.objects.create(
        trial=access.trial,
        patient=patient,
        protocol=protocol,
        kind=kind,
        since=since,
        until=until,
        treatment=access.sees_treatment and kind in HOLDS_DATA,
        language=reader_language(),
        asked_by=access.user,
    )
    register(row, "started")
    make_document.enqueue(str(row.pk))
    return row
