"""Store, read and clear the files attached to items. The kind of a file is read from its content (SEC-13).

A file is stored when its form is sent, even if the form is then refused. The input `<item>-upload` sends a new file,
`<item>` the key of a stored file; `<item>-clear` removes the file. `receive` stores new files and replaces each key by
the facts of its file (name, kind, size, hash), so that later code reads a file like any other value.
"""

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from django.core.exceptions import BadRequest, ValidationError
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from accounts.models import User
from audit.trail import history_model
from patients.casebook.casebook import Casebook, FormPlace
from patients.entry.entry_guard import entry_refusal
from patients.models import Attachment, Consent, Draft, Patient, Record
from patients.models.attachments import also_stored, attachment_storage
from patients.participation.lifecycle import lock_patients
from protocol.document.items import Form, Item
from protocol.values.file_kinds import clean_name, kind_of
from protocol.values.refusals import ValueRefused, gettext_noop

UPLOAD, CLEAR = "upload", "clear"
TOO_LARGE = gettext_noop(
    "The file has %(size)s MB: at most %(most)s MB are taken. Scan it at a lower resolution."
)
NOT_KEPT = gettext_noop("“%(name)s” was not kept when the session ended: choose the file again.")


def file_items(form: Form) -> list[Item]:
    """Return the items of type `file` of a form."""
    return [item for item in form.items if item.type == "file"]


def receive(request: HttpRequest, casebook: Casebook, place: FormPlace) -> QueryDict:
    """Store the files sent with a form; return the inputs with the facts of each file as JSON.

    Raises BadRequest for an upload to no item of the form, or a key that belongs to another patient, form or item.
    """
    items = file_items(place.form)
    if request.FILES.keys() - {f"{item.name}-{UPLOAD}" for item in items}:
        raise BadRequest(_("The form was altered in transit. Open it again."))
    if request.FILES and entry_refusal(casebook, place, casebook.record(place)):
        # The save will be refused with its reason; a file for a closed form is not stored.
        request.FILES.clear()
    posted = with_file_facts(request.POST, place)
    for item in items:
        upload = request.FILES.get(f"{item.name}-{UPLOAD}")
        if upload is not None:
            posted[item.name] = _stored_facts(upload, item, place, request.user, posted.get(item.name, ""))  # type: ignore[arg-type]
    return posted


def with_file_facts(sent: QueryDict, place: FormPlace, *, was_kept: bool = False) -> QueryDict:
    """Return the sent data with each key replaced by the facts of its file, as JSON. One query if there are keys.

    was_kept: the data were kept when a session ended. Only the name of a new file was kept, so it must be sent again.
    Raises BadRequest for a key that belongs to another patient, form or item.
    """
    items, resolved = file_items(place.form), sent.copy()
    if not items:
        return sent
    keys = {}
    for item in items:
        lost = resolved.pop(f"{item.name}-{UPLOAD}", None) if was_kept else None
        resolved.pop(f"{item.name}-{UPLOAD}", None)
        cleared = resolved.pop(f"{item.name}-{CLEAR}", None)
        key = "" if cleared else resolved.get(item.name, "")
        resolved[item.name] = (
            _refusal_facts(ValueRefused(NOT_KEPT, name=lost[-1]), "") if lost and lost[-1] else ""
        )
        if key and not resolved[item.name]:
            keys[item.name] = key
    for name, value in _values(place, keys).items():
        resolved[name] = value
    return resolved


def _values(place: FormPlace, keys: dict[str, str]) -> dict[str, str]:
    if not keys:
        return {}
    if any("\0" in key for key in keys.values()):
        raise BadRequest(_("This file does not belong here. Open the form again."))
    rows = Attachment.objects.filter(patient=place.patient, form=place.form.code, key__in=keys.values())
    found = {(row.item, row.key): json.dumps(row.value, sort_keys=True) for row in rows}
    try:
        return {name: found[name, key] for name, key in keys.items()}
    except KeyError as unknown:
        raise BadRequest(_("This file does not belong here. Open the form again.")) from unknown


def _stored_facts(upload: UploadedFile, item: Item, place: FormPlace, by: User, before: str) -> str:
    """Return the facts of the stored file as JSON, or the refusal together with the facts of the earlier file."""
    try:
        row = store(upload=upload, item=item, patient=place.patient, form=place.form.code, by=by)
    except ValueRefused as refused:
        return _refusal_facts(refused, before)
    return json.dumps(row.value, sort_keys=True)


def _refusal_facts(refused: ValueRefused, before: str) -> str:
    facts = {"refused": refused.template, "parameters": refused.parameters}
    # A decimal is sent as a number and read back as a decimal, to be written with the reader's decimal sign.
    return json.dumps({**facts, "before": json.loads(before) if before else None}, default=float)


def store(*, upload: UploadedFile, item: Item, patient: Patient, form: str, by: User) -> Attachment:
    """Store a file for an item and return its row; the same file again returns the row that exists.

    Raises ValueRefused if the file is too large, or not of a kind that the item takes.
    """
    size, most = upload.size or 0, item.max_mb * 1_000_000
    if size > most:
        megabytes = (Decimal(size) / 1_000_000).quantize(Decimal("0.1"))
        raise ValueRefused(TOO_LARGE, size=megabytes, most=item.max_mb)
    data = upload.read(most + 1)
    kind = kind_of(data, item.kinds)
    facts: dict[str, Any] = {
        "patient": patient,
        "form": form,
        "item": item.name,
        "name": clean_name(upload.name or "", kind),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    if (there := Attachment.objects.filter(**facts).first()) is not None:
        return there
    key, storage = secrets.token_hex(16), attachment_storage()
    # Bytes before the row: a crash in between leaves bytes without a row (`_strays`), not the reverse.
    storage.save(key, ContentFile(data))
    try:
        with transaction.atomic():
            return Attachment.objects.create(**facts, key=key, kind=kind, size=len(data), uploaded_by=by)
    except IntegrityError:
        # Another request stored the same file since the look-up (`same_file_once_per_item`).
        storage.delete(key)
        return Attachment.objects.get(**facts)


class Damaged(Exception):
    """A stored file is missing, or its bytes no longer have its hash; `problem` says which of the two."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(key)
        self.problem = problem


MISSING, ALTERED = "is missing", "was altered"


class StoredFile(Protocol):
    """A row of a file in the storage, with the hash of its bytes."""

    key: Any
    sha256: Any

    def open(self) -> File:
        """Open the file for reading."""
        ...


def content(row: StoredFile) -> bytes:
    """Return the bytes of a file. Raises Damaged if they are missing or do not have its hash."""
    try:
        with row.open() as file:
            data: bytes = file.read()
    except OSError as error:
        raise Damaged(row.key, MISSING) from error
    if hashlib.sha256(data).hexdigest() != row.sha256:
        raise Damaged(row.key, ALTERED)
    return data


def clear(*, before: datetime) -> tuple[int, int]:
    """Delete files uploaded before a moment that no record ever held and no draft holds.

    A file that a record holds or held is never deleted, also if it was replaced or its form struck out. Return the
    number of files deleted, and the number of stored objects without a row (left by a crash) deleted.
    """
    deleted = 0
    for row in Attachment.objects.filter(uploaded_at__lt=before).order_by("pk"):
        # The row first: a crash in between leaves bytes without a row, which the next run deletes.
        if _is_cleared(row):
            attachment_storage().delete(row.key)
            deleted += 1
    return deleted, sum(_strays(before))


@transaction.atomic
def _is_cleared(row: Attachment) -> bool:
    """Delete the row of a file that nothing holds. Return False if something does."""
    # Under the patient's lock: a save that stores the file meanwhile waits, and then finds it gone.
    lock_patients(Patient.objects.filter(pk=row.patient_id))
    if _is_referenced(row):
        return False
    row.delete()
    return True


def refuse_cleared(place: FormPlace, values: Mapping[str, Any]) -> None:
    """Raise ValidationError if the answers hold a file that was deleted meanwhile. One query if they hold a file."""
    told = (values.get(item.name) for item in file_items(place.form))
    keys = {value["file"] for value in told if isinstance(value, dict) and "file" in value}
    if keys and Attachment.objects.filter(patient=place.patient, key__in=keys).count() != len(keys):
        raise ValidationError(_("A file was deleted because no form held it for some days: choose it again."))


def _is_referenced(row: Attachment) -> bool:
    # The history, not the rows: the trail still refers to a file that was replaced.
    if history_model(Consent)._default_manager.filter(scan_id=row.pk).exists():
        return True
    history: Any = history_model(Record)
    past = history.objects.filter(patient_id=row.patient_id, form=row.form).values_list("values", flat=True)
    values = (each.get(row.item) for each in past.iterator())
    if any(isinstance(value, dict) and value.get("file") == row.key for value in values):
        return True
    drafts = Draft.objects.filter(patient=row.patient_id).values_list("payload", flat=True)
    return any(row.key in str(text) for payload in drafts for _name, text in payload)


def _strays(before: datetime) -> Iterator[int]:
    storage = attachment_storage()
    try:
        _folders, names = storage.listdir("")
    except FileNotFoundError:
        return
    known_keys = set(Attachment.objects.values_list("key", flat=True))
    known_keys.update(key for keys in also_stored for key in keys())
    for name in names:
        if name not in known_keys and storage.get_modified_time(name) < before:
            storage.delete(name)
            yield 1
