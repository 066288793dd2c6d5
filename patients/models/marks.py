"""The model of source verification and medical review marks on captured forms."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.stored_text import read
from audit.system_texts import actor_words
from audit.trail import Locks, Trail
from patients.models.attachments import OF_FILES
from patients.models.captured import Query, Record
from patients.models.people import Patient
from patients.models.visibility import OfPatient


class MarkQuerySet(OfPatient):
    """Query set of marks."""

    def valid(self) -> "MarkQuerySet":
        """Keep marks that were neither undone by a later change nor withdrawn."""
        return self.filter(undone_at=None)

    def on_forms(self) -> "MarkQuerySet":
        """Keep marks on forms and their items."""
        return self.filter(record__isnull=False)

    def outside_forms(self) -> "MarkQuerySet":
        """Keep marks on events, infusions, consents, decisions and the end of study."""
        return self.filter(record=None)


class MarkRow(models.Model):
    """The columns of a mark on a fact, of the general marks and of those of the product (`dosing.ProductMark`).

    Its model has the patient, `target` and `target_id`.
    """

    class Kind(models.TextChoices):
        VERIFICATION = "verification", _("Source verification")
        REVIEW = "review", _("Medical review")

    item = models.CharField(_("Item"), max_length=80, blank=True)
    kind = models.CharField(_("Mark"), max_length=12, choices=Kind)
    at = models.DateTimeField(_("Marked at"), default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Marked by")
    )
    role = models.CharField(_("Role"), max_length=40)
    undone_at = models.DateTimeField(_("Undone at"), null=True)
    undone = models.JSONField(_("Undone"), null=True)

    target: Any
    target_id: Any
    objects: Any

    class Meta:
        abstract = True
        ordering = ["pk"]

    @property
    def undone_detail(self) -> dict[str, Any]:
        """Return who undid the mark, why, and the values before and after; empty while it stands."""
        told: dict[str, Any] = self.undone or {}
        return {**told, "by": actor_words(told["by"]), "because": read(told["because"])} if told else {}


UNDONE_TELLS_WHY = models.CheckConstraint(
    condition=Q(undone_at=None, undone=None) | Q(undone_at__isnull=False, undone__isnull=False),
    name="undone_%(class)s_tells_why",
)


class Mark(MarkRow):
    """One person's mark on an item of a record, or on the whole record when `item` is empty.

    Outside the forms it is on a fact of an event, infusion, consent, decision, contact or end of study, or on the whole
    row: `target` and `target_id` name the row as those of a query do. A trigger undoes the mark in the statement that
    changes the item, whatever writes it (`audit.triggers`): `undone` then holds who changed it, why, and the values
    before and after. An undone mark stays undone: the item gets a new mark.
    """

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="marks", verbose_name=_("Patient"))
    target = models.CharField(_("About"), max_length=20, choices=Query.Target, default=Query.Target.RECORD)
    record = models.ForeignKey(
        Record, models.PROTECT, null=True, related_name="marks", verbose_name=_("Record")
    )
    target_id = models.PositiveBigIntegerField(_("Row marked"), null=True)
    version = models.PositiveIntegerField(_("Version of the form"), null=True)

    objects = MarkQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        final=True,
        # A freeze stops data entry only: verification and review go on.
        locks=Locks(parents=("record", "record__visit", "patient", "patient__trial"), freezes=False),
        concealed=OF_FILES,
        describe="patients.casebook.record_changes.describe_mark",
    )

    class Meta(MarkRow.Meta):
        verbose_name = _("Mark")
        indexes = [models.Index(fields=["patient", "-undone_at"], name="marks_undone")]
        constraints = [
            models.UniqueConstraint(
                fields=["record", "item", "kind"], condition=Q(undone_at=None), name="one_standing_mark"
            ),
            models.UniqueConstraint(
                fields=["target", "target_id", "item", "kind"],
                condition=Q(undone_at=None),
                name="one_standing_mark_per_fact",
            ),
            models.CheckConstraint(
                condition=Q(target="record", record__isnull=False, target_id=None, version__isnull=False)
                | (~Q(target="record") & Q(record=None, target_id__isnull=False, version=None)),
                name="mark_is_on_one_row",
            ),
            UNDONE_TELLS_WHY,
        ]
