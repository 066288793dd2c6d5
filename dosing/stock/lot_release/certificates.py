"""Certificates of a lot as files: stored under random names with their hash, never changed (CEL-05, SEC-13)."""

import hashlib
import secrets
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from dosing.models import Lot, LotCertificate
from patients.models.attachments import attachment_storage
from protocol.values.file_kinds import clean_name, kind_of
from protocol.values.refusals import ValueRefused
from trials.reader import shown_sentence

KINDS = ("pdf", "jpeg", "png")
MOST_MB = 20


def attach(*, lot: Lot, title: str, upload: UploadedFile, by: User) -> LotCertificate:
    """Attach a certificate to a lot.

    Raises ValidationError by field without a title, for a file that is too large or of another kind, and for the same
    file again.
    """
    if not title.strip():
        raise ValidationError({"title": _("Enter what the certificate is.")})
    data = upload.read(MOST_MB * 1_000_000 + 1)
    if len(data) > MOST_MB * 1_000_000:
        raise ValidationError(
            {"upload": _("A certificate has at most %(most)d MB.") % {"most": Decimal(MOST_MB)}}
        )
    try:
        kind = kind_of(data, KINDS)
    except ValueRefused as refused:
        raise ValidationError({"upload": shown_sentence(refused)}) from refused
    row = LotCertificate(
        trial=lot.trial,
        lot=lot,
        title=title.strip(),
        key=secrets.token_hex(16),
        name=clean_name(upload.name or "", kind),
        kind=kind,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        recorded_by=by,
    )
    return _stored(row, data)


def _stored(row: LotCertificate, data: bytes) -> LotCertificate:
    try:
        row.validate_constraints()
    except ValidationError as refused:
        raise ValidationError({"upload": refused.messages}) from refused
    storage: Any = attachment_storage()
    # Bytes before the row: a crash in between leaves bytes without a row, which are cleared.
    storage.save(row.key, ContentFile(data))
    with transaction.atomic():
        row.save()
    return row


def stored_keys() -> Iterable[str]:
    """Return the keys of all certificates, which are not cleared as strays."""
    return LotCertificate.objects.values_list("key", flat=True)
