"""Dose levels of an escalation: places opened at a level, and the level at which each patient was included."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.trail import Trail
from patients.models import OfPatient, Patient
from trials.models import Trial


class LevelOpening(models.Model):
    """Places opened at a dose level: the next one, the same again or a lower one; signed, never changed.

    The first level of the protocol is open from the start and has no row.
    """

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="level_openings", verbose_name=_("Trial"))
    level = models.CharField(_("Dose level"), max_length=40)
    places = models.PositiveIntegerField(_("Places"))
    reason = models.TextField(_("Reason"))
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Opened by")
    )
    opened_at = models.DateTimeField(_("Opened at"), default=timezone.now)

    history = Trail(trial="trial_id", signed_content=("level", "places", "reason"))

    class Meta:
        verbose_name = _("Opening of a dose level")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=models.Q(places__gt=0), name="level_is_opened_for_patients"),
        ]

    def signed_content(self) -> dict[str, Any]:
        """Return the content that the person who opens the level signs."""
        return {"trial": self.trial_id, "level": self.level, "places": self.places, "reason": self.reason}

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: a level that was opened stays opened; patients may be at it."""
        raise TypeError("the opening of a dose level is never deleted")


class LevelPatient(models.Model):
    """The dose level at which a patient was included. The same for both arms of a masked trial."""

    patient = models.OneToOneField(
        Patient, models.PROTECT, related_name="dose_level", verbose_name=_("Patient")
    )
    level = models.CharField(_("Dose level"), max_length=40)
    placed_at = models.DateTimeField(_("Placed at"), default=timezone.now)

    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id")

    class Meta:
        verbose_name = _("Dose level of a patient")
