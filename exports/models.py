"""Requested documents: made by a task, kept for some days, downloadable by those who may read them."""

import uuid
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.files.storage import Storage, storages
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.stored_text import StoredText, StoredTextField, system_text
from patients.models import Patient
from trials.access import Access
from trials.blinding.unblinded_files import marked_name
from trials.models import ProtocolVersion, Trial
from trials.permissions import Permission

# Longer than setting a document may take (LONGEST_SECONDS), during which no progress is stored.
STALLED_AFTER = timedelta(minutes=20)
UNNOTICED_AFTER = timedelta(seconds=30)


class DocumentQuerySet(models.QuerySet["Document"]):
    """Documents of a trial."""

    def readable_by(self, access: Access) -> "DocumentQuerySet":
        """Keep the user's own documents, or all for exporters; none with the treatment if blinded (SEC-02, BLD-01)."""
        rows = self.filter(trial=access.trial)
        if not access.may(Permission.EXPORT):
            rows = rows.filter(asked_by=access.user)
        if access.sees_treatment:
            return rows
        # A reader of the closed report knows no patient's treatment: of what holds it, only the packs asked for.
        closed = Q(kind=Document.Kind.PACK, asked_by=access.user)
        may_read = access.may(Permission.SEE_CLOSED_REPORT)
        return rows.filter(Q(treatment=False) | closed if may_read else Q(treatment=False))


class Document(models.Model):
    """A requested document with its progress and file. It is not study data: events in the trail record it."""

    class Kind(models.TextChoices):
        CASEBOOK = "casebook", _("Casebook")
        CASEBOOKS = "casebooks", _("Casebooks, one PDF per patient")
        BLANK_CRF = "blank_crf", _("Blank case report form")
        ANNOTATED_CRF = "annotated_crf", _("Annotated case report form")
        VISIT_REPORT = "visit_report", _("Monitoring visit report")
        ACCOUNTABILITY_LOG = "accountability_log", _("Accountability log of the product")
        WORKSHEET = "worksheet", _("Preparation worksheet")
        INVESTIGATOR_COPY = "investigator_copy", _("Copy of the investigator")
        EXPORT = "export", _("Study data")
        PACK = "pack", _("Report pack")

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        WORKING = "working", _("Being made")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Not made")
        CANCELLED = "cancelled", _("Cancelled")
        FORGOTTEN = "forgotten", _("Deleted after its time")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    trial = models.ForeignKey(Trial, models.PROTECT, related_name="documents")
    patient = models.ForeignKey(Patient, models.PROTECT, null=True, related_name="documents")
    protocol = models.ForeignKey(ProtocolVersion, models.PROTECT, null=True, related_name="+")
    kind = models.CharField(_("document"), max_length=20, choices=Kind)
    infusion = models.PositiveSmallIntegerField(_("infusion"), null=True)
    since = models.DateField(_("from"), null=True)
    until = models.DateField(_("to"), null=True)
    # Of an export: its format, purpose and selection (`exports.background`), and whether it holds attached files.
    # Of a report pack: its code, and the moment whose data it holds, empty for those of the time it is made.
    choices = models.JSONField(_("choices"), default=dict)
    treatment = models.BooleanField(_("holds the treatment"))
    language = models.CharField(max_length=10)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(_("asked for"), default=timezone.now)
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.WAITING)
    progress = models.PositiveSmallIntegerField(_("progress"), default=0)
    touched_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True)
    file = models.CharField(max_length=200, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    error = StoredTextField(blank=True)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        # The key is random: it has no order of its own.
        ordering = ["-asked_at", "-pk"]
        indexes = [models.Index(fields=["trial", "-asked_at"], name="document_of_trial")]
        constraints = [
            models.CheckConstraint(condition=Q(progress__lte=100), name="document_progress_is_a_share"),
            models.CheckConstraint(
                condition=~Q(state="ready") | (~Q(file="") & ~Q(sha256="") & Q(finished_at__isnull=False)),
                name="ready_document_has_a_file",
            ),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(error=""), name="failed_document_says_why"
            ),
        ]

    def __str__(self) -> str:
        return str(self.title)

    @property
    def title(self) -> StoredText:
        """Return kind and patient, version or format. Reads self.patient and self.protocol: may cost queries."""
        return title_of(self.kind, self.about, pack=self.pack)

    @property
    def about(self) -> str:
        """Return the patient, the protocol version or the format. Reads self.patient and self.protocol."""
        if self.patient:
            return self.patient.code
        return self.protocol.version if self.protocol else str(self.choices.get("format") or self.pack)

    @property
    def pack(self) -> str:
        """Return the code of a report pack, empty for other documents."""
        return str(self.choices.get("pack", ""))

    @property
    def as_of(self) -> datetime | None:
        """Return the moment whose data a report pack or an export holds; None for the time at which it is made."""
        typed = self.choices.get("as_of") or self.choices.get("selection", {}).get("as_of")
        return datetime.fromisoformat(typed) if typed else None

    @property
    def interval(self) -> tuple[date | None, date | None]:
        """Return the first and the last day that a report pack was asked for; None for a day that nobody chose."""
        first, last = (self.choices.get(key) for key in ("first", "last"))
        return date.fromisoformat(first) if first else None, date.fromisoformat(last) if last else None

    @property
    def working(self) -> bool:
        """Return whether the file is still being made."""
        return self.state in {self.State.WAITING, self.State.WORKING} and not self.stalled

    @property
    def stalled(self) -> bool:
        """Return whether the worker has not reported progress for too long."""
        return self.state == self.State.WORKING and timezone.now() - self.touched_at > STALLED_AFTER

    @property
    def unnoticed(self) -> bool:
        """Return whether no worker has started although one should have."""
        return self.state == self.State.WAITING and timezone.now() - self.asked_at > UNNOTICED_AFTER

    @property
    def in_queue(self) -> bool:
        """Return whether a worker makes other documents first. One query while this one waits."""
        if self.state != self.State.WAITING:
            return False
        alive = timezone.now() - STALLED_AFTER
        return Document.objects.filter(state=self.State.WORKING, touched_at__gt=alive).exists()

    @property
    def kept_until(self) -> Any:
        """Return when the file is deleted, or None if there is no file."""
        lifetime = timedelta(hours=settings.DOCUMENTS_KEPT_HOURS)
        return self.finished_at + lifetime if self.finished_at and self.state == self.State.READY else None

    @property
    def is_there(self) -> bool:
        """Return whether the file can be downloaded."""
        return self.kept_until is not None and timezone.now() < self.kept_until

    @property
    def extension(self) -> str:
        """Return the file extension without the dot."""
        if self.kind == self.Kind.EXPORT:
            # The formats read models, of this room too.
            from exports.formats.registry import FORMATS

            return FORMATS[self.choices["format"]].extension
        zipped = (self.Kind.CASEBOOKS, self.Kind.INVESTIGATOR_COPY)
        return "zip" if self.kind in zipped else "pdf"

    @property
    def download_name(self) -> str:
        """Return the name of the downloaded file."""
        number = f"infusion-{self.infusion}" if self.infusion else ""
        parts = (
            self.trial.slug,
            self.about.lower(),
            number,
            self.kind.replace("_", "-"),
            f"{self.asked_at:%Y%m%d-%H%M}",
        )
        name = f"{'-'.join(part for part in parts if part)}.{self.extension}"
        return marked_name(name, marked=self.treatment and self.trial.masked)


def title_of(kind: str, about: str = "", pack: str = "") -> StoredText:
    """Return the name of a document of this kind, with the patient, protocol version or report pack it is."""
    if pack:
        return system_text(f"pack.{pack}")
    if kind == Document.Kind.CASEBOOK and not about:
        return system_text("document.casebook_of_all")
    named = system_text(f"document.{kind}")
    return system_text("document.about", document=named, about=about) if about else named


def documents_storage() -> Storage:
    """Return the storage of document files, which is outside the web root or in a bucket."""
    return storages["documents"]
