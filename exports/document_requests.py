"""Request a document: store the request, register it and enqueue the task, in one transaction."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import transaction

from audit.export_register import SendingStage
from exports.background import sending_of_request
from exports.documents import may_have, register, treatment_in
from exports.models import Document
from exports.selection import ChosenRows
from exports.tasks import make_document
from patients.models import Patient
from trials.access import Access, role_refused
from trials.models import ProtocolVersion
from trials.permissions import Permission as P
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
    choices: Mapping[str, Any] | None = None,
) -> Document:
    """Request a document. Raises PermissionDenied if the user may not read its content."""
    chosen = dict(choices or {})
    if not may_have(access, kind, chosen):
        raise role_refused(access)
    row = Document.objects.create(
        trial=access.trial,
        patient=patient,
        protocol=protocol,
        kind=kind,
        infusion=infusion,
        since=since,
        until=until,
        choices=chosen,
        treatment=treatment_in(access, kind, chosen),
        language=reader_language(),
        asked_by=access.user,
    )
    register(row, SendingStage.STARTED)
    # The task is a database row: if the transaction is rolled back, no worker looks for a missing document.
    make_document.enqueue(str(row.pk))
    return row


@transaction.atomic
def ask_for_export(*, access: Access, format_code: str, purpose: str, selection: ChosenRows) -> Document:
    """Request an export and enqueue its task. Raises PermissionDenied without the right to export."""
    if not access.may(P.EXPORT):
        raise role_refused(access)
    row = Document.objects.create(
        trial=access.trial,
        kind=Document.Kind.EXPORT,
        choices={
            "format": format_code,
            "purpose": purpose,
            "selection": selection.told(),
            "files": access.may(P.SEE_FILES) and not selection.shared,
        },
        treatment=access.sees_treatment,
        language=reader_language(),
        asked_by=access.user,
    )
    sending_of_request(row).record(SendingStage.STARTED)
    # The task is a database row: if the transaction is rolled back, no worker looks for a missing request.
    make_document.enqueue(str(row.pk))
    return row
