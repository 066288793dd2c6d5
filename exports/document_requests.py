"""Request a document: store the request, register it and enqueue the task, in one transaction."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid4, uuid5

from django.db import transaction
from django.utils import timezone

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

# A page that the browser shows again later, with its key, asks for new data.
SAME_PRESS: Final = timedelta(minutes=1)
NO_FILE: Final = (Document.State.CANCELLED, Document.State.FAILED, Document.State.FORGOTTEN)


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
    save_key: str = "",
) -> Document:
    """Request a document. The same `save_key` again, as after a double click, returns the first request.

    Raises PermissionDenied if the user may not read its content.
    """
    chosen = dict(choices or {})
    if not may_have(access, kind, chosen):
        raise role_refused(access)
    row, is_new = _stored(
        access,
        save_key,
        patient_id=patient.pk if patient else None,
        protocol_id=protocol.pk if protocol else None,
        kind=kind,
        infusion=infusion,
        since=since,
        until=until,
        choices=chosen,
        treatment=treatment_in(access, kind, chosen),
    )
    if is_new:
        register(row, SendingStage.STARTED)
        # The task is a database row: if the transaction is rolled back, no worker looks for a missing document.
        make_document.enqueue(str(row.pk))
    return row


@transaction.atomic
def ask_for_export(
    *, access: Access, format_code: str, purpose: str, selection: ChosenRows, save_key: str = ""
) -> Document:
    """Request an export and enqueue its task. The same `save_key` again returns the first request.

    Raises PermissionDenied without the right to export.
    """
    if not access.may(P.EXPORT):
        raise role_refused(access)
    row, is_new = _stored(
        access,
        save_key,
        kind=Document.Kind.EXPORT,
        choices={
            "format": format_code,
            "purpose": purpose,
            "selection": selection.told(),
            "files": access.may(P.SEE_FILES) and not selection.shared,
        },
        treatment=access.sees_treatment,
    )
    if is_new:
        sending_of_request(row).record(SendingStage.STARTED)
        # The task is a database row: if the transaction is rolled back, no worker looks for a missing request.
        make_document.enqueue(str(row.pk))
    return row


def _stored(access: Access, save_key: str, **columns: Any) -> tuple[Document, bool]:
    """Return the stored request, and whether it is new: pressed twice, a button asks for one document.

    The key of the row tells who asked for what on which page, so that of two requests at the same time one is stored.
    """
    told = json.dumps([access.trial.pk, access.user.pk, save_key, columns], default=str, sort_keys=True)
    key = uuid5(NAMESPACE_OID, told) if save_key else uuid4()
    earlier = Document.objects.filter(pk=key).first()
    if earlier is not None and (earlier.asked_at < timezone.now() - SAME_PRESS or earlier.state in NO_FILE):
        key = uuid4()
    return Document.objects.get_or_create(
        pk=key,
        defaults={
            "trial": access.trial, "language": reader_language(), "asked_by": access.user, **columns,
        },
    )  # fmt: skip
