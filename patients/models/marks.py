"""The model of source verification and medical review marks on captured forms."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.stored_text import StoredTextField, read
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


class Mark(models.Model):
    """One person's mark on an item of a record, or on the whole record when `item` is empty.

    A trigger undoes the mark in the statement that changes the item, whatever writes it (`audit.triggers`):
    `undone` then holds who changed it, why, and the values before and after. An undone mark stays undone:
    the item gets a new mark.
    """

    class Kind(models.TextChoices):
        VERIFICATION = "verification", _("Source verification")
        REVIEW = "review", _("Medical review")

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="marks", verbose_name=_("Patient"))
    record = models.ForeignKey(Record, models.PROTECT, related_name="marks", verbose_name=_("Record"))
    item = models.CharField(_("Item"), max_length=80, blank=True)
    kind = models.CharField(_("Mark"), max_length=12, choices=Kind)
    version = models.PositiveIntegerField(_("Version of the form"))
    at = models.DateTimeField(_("Marked at"), default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Marked by")
    )
    role = models.CharField(_("Role"), max_length=40)
    undone_at = models.DateTimeField(_("Undone at"), null=True)
    undone = models.JSONField(_("Undone"), null=True)

    objects = MarkQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        final=True,
        # A freeze stops data entry only: verification and review go on.
        locks=Locks(parents=("record", "record__visit", "patient", "patient__trial"), freezes=False),
        concealed=OF_FILES,
    )

    class Meta:
        verbose_name = _("Mark")
        ordering = ["pk"]
        indexes = [models.Index(fields=["patient", "-undone_at"], name="marks_undone")]
        constraints = [
            models.UniqueConstraint(
                fields=["record", "item", "kind"], condition=Q(undone_at=None), name="one_standing_mark"
            ),
            models.CheckConstraint(
                condition=Q(undone_at=None, undone=None) | Q(undone_at__isnull=False, undone__isnull=False),
                name="undone_mark_tells_why",
            ),
        ]

    @property
    def undone_detail(self) -> dict[str, Any]:
        """Return who undid the mark, why, and the values before and after; empty while it stands."""
        told: dict[str, Any] = self.undone or {}
        return {**told, "by": actor_words(told["by"]), "because": read(told["because"])} if told else {}


class FactMark(models.Model):
    """One person's source verification of a fact outside the forms: of an event, infusion, consent, decision or end.

    It holds while the fact is as it was compared (`compared`). Once the fact differs, the next mark replaces it.
    """

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="fact_marks", verbose_name=_("Patient"))
    target = models.CharField(_("About"), max_length=20, choices=Query.Target)
    target_id = models.PositiveBigIntegerField(_("Row compared"))
    item = models.CharField(_("Item"), max_length=80)
    compared = models.TextField(_("Value compared"))
    at = models.DateTimeField(_("Marked at"), default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Marked by")
    )
    role = models.CharField(_("Role"), max_length=40)
    ended_at = models.DateTimeField(_("Ended at"), null=True)
    ended_because = StoredTextField(_("Ended because"), blank=True)

    objects = OfPatient.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        # A freeze stops data entry only: verification goes on.
        locks=Locks(parents=("patient", "patient__trial"), freezes=False),
    )

    class Meta:
        verbose_name = _("Verified fact")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["target", "target_id", "item"],
                condition=Q(ended_at=None),
                name="one_standing_mark_per_fact",
            ),
            models.CheckConstraint(condition=~Q(target="record"), name="forms_have_marks_of_their_own"),
        ]
