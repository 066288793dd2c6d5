"""Files attached to items of captured forms: what they are and where their bytes lie."""

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

# Where the bytes lie and their hash: in the value of an item, which tells the name, kind and size to everybody.
OF_FILES = Concealed(parts=("file", "sha256"), may="see_files")


def attachment_storage() -> Storage:
    """Return where files lie: outside the web root, under names that say nothing (SEC-13)."""
    return storages["attachments"]


class Attachment(models.Model):
    """One file that was sent for an item. Never changed: another file is another row.

    A record refers to it by its key, in the value of the item; one that no record ever held may be cleared.
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
        deletable=True,
        concealed=Concealed(
            columns=("key", "sha256"),
            words=gettext_noop("told to those who may read files"),
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
        """Return what the record holds of it."""
        told = {name: getattr(self, name) for name in ("name", "kind", "size", "sha256")}
        return {"file": self.key, **told}

    def open(self) -> File:
        """Open the bytes."""
        return attachment_storage().open(self.key)
