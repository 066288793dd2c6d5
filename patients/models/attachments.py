"""Files attached to items of captured forms: one row per file; the bytes are in a storage outside the database."""

from collections.abc import Callable, Iterable

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import Storage, storages
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from audit.trail import Concealed, Trail
from patients.models.people import Patient
from patients.models.visibility import OfPatient

# Everybody may read name, kind and size of the file in a value; storage key and hash need `see_files`.
OF_FILES = Concealed(parts=("file", "sha256"), may="see_files")


also_stored: list[Callable[[], Iterable[str]]] = []
"""Functions of other rooms that return the keys of their files in the same storage: they are not cleared as strays."""


def attachment_storage() -> Storage:
    """Return the storage of attached files: outside the web root, under random names (SEC-13)."""
    return storages["attachments"]


class Attachment(models.Model):
    """One file uploaded for an item. Never changed: a replacement is another row.

    The record holds the file's key in the value of the item. A file that no record ever held may be deleted.
    """

    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="attachments", verbose_name=_("Patient")
    )
    form = models.CharField(_("Form"), max_length=60)
    item = models.CharField(_("Item"), max_length=80)
    key = models.CharField(_("Key"), max_length=32, unique=True)
    name = models.CharField(_("File name"), max_length=120)
    kind = models.CharField(_("Kind"), max_length=10)
    size = models.PositiveIntegerField(_("Bytes"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Uploaded by")
    )
    uploaded_at = models.DateTimeField(_("Sent at"), default=timezone.now)

    objects = OfPatient.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        final=True,
        # Clinical rows are never deleted, but an upload whose form was never saved is none (`clear_uploads`).
        deletable=True,
        concealed=Concealed(
            columns=("key", "sha256"),
            words=gettext_noop("shown to users who may read files"),
            may="see_files",
        ),
    )

    class Meta:
        verbose_name = _("Attached file")
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "form", "item", "sha256", "name"], name="same_file_once_per_item"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def value(self) -> dict[str, object]:
        """Return the value of the item that holds the file: its key as `file`, name, kind, size in bytes, SHA-256."""
        facts = {name: getattr(self, name) for name in ("name", "kind", "size", "sha256")}
        return {"file": self.key, **facts}

    def open(self) -> File:
        """Open the file for reading. Raises OSError if the storage does not have it."""
        return attachment_storage().open(self.key)
