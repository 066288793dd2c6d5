"""Links of an adverse event: to medication, results, stays in hospital and other forms, and infusions."""

from typing import Any, NoReturn

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.trail import Locks, Trail
from patients.models import OfPatient, Patient, Record
from safety.models.events import AdverseEvent


class LinkQuerySet(OfPatient):
    """Links of events of the trials that a user may open."""

    def in_force(self) -> "LinkQuerySet":
        """Exclude links entered in error."""
        return self.filter(in_error_reason="")


class EventLink(models.Model):
    """One form, row of a log or infusion that has to do with an event.

    Infusions belong to another room: the link holds their number.
    """

    class Role(models.TextChoices):
        SUSPECT = "suspect", _("Suspected cause")
        TREATMENT = "treatment", _("Treatment of the event")
        EVIDENCE = "evidence", _("Result or finding")
        STAY = "stay", _("Stay in hospital because of it")
        OTHER = "other", _("Otherwise related")

    event = models.ForeignKey(
        AdverseEvent, models.PROTECT, related_name="links", verbose_name=_("Adverse event")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="event_links", verbose_name=_("Patient")
    )
    record = models.ForeignKey(
        Record, models.PROTECT, null=True, related_name="event_links", verbose_name=_("Form")
    )
    infusion = models.PositiveIntegerField(_("Infusion"), null=True)
    role = models.CharField(_("Relation"), max_length=12, choices=Role)
    in_error_reason = models.TextField(_("Entered in error because"), blank=True)
    # As that of its event: without one it is locked with the patient.
    after_lock_reason = models.TextField(_("Reported after the lock because"), blank=True)
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)

    objects = LinkQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        locks=Locks(parents=("patient", "patient__trial"), freezes=False, unless="after_lock_reason"),
    )

    class Meta:
        verbose_name = _("Link of an adverse event")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(record=None, infusion__isnull=False) | Q(record__isnull=False, infusion=None),
                name="event_link_names_one_thing",
                violation_error_message=_("Choose one form or one infusion."),
            ),
            models.UniqueConstraint(
                fields=["event", "record"],
                condition=Q(in_error_reason="", record__isnull=False),
                name="event_links_a_form_once",
            ),
            models.UniqueConstraint(
                fields=["event", "infusion"],
                condition=Q(in_error_reason="", infusion__isnull=False),
                name="event_links_an_infusion_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} – {self.infusion or self.record_id}"

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: a link is struck out, never deleted."""
        raise TypeError("a link of an adverse event is never deleted")
