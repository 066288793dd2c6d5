"""The kit of an infusion: a number that ward and laboratory know, and that tells nothing about the arm."""

from typing import Any, NoReturn

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.trail import Trail
from dosing.allocation.kit_numbers import LENGTH, written
from dosing.models.infusions import Infusion
from patients.models import OfPatient, Patient
from trials.models import Trial


class Kit(models.Model):
    """One number for one infusion, the same kind in every arm. Never changed, never given to another infusion.

    The content of the kit is the product of the infusion (`Preparation`), behind `see_treatment`.
    """

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="kits", verbose_name=_("Trial"))
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="kits", verbose_name=_("Patient"))
    infusion = models.OneToOneField(Infusion, models.PROTECT, related_name="kit", verbose_name=_("Infusion"))
    number = models.CharField(_("Kit number"), max_length=20)
    made_at = models.DateTimeField(_("Given at"), default=timezone.now)

    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="trial_id", final=True)

    class Meta:
        verbose_name = _("Kit")
        ordering = ["patient", "infusion"]
        constraints = [models.UniqueConstraint(fields=["number"], name="kit_number_once")]

    def __str__(self) -> str:
        return self.shown

    @property
    def shown(self) -> str:
        """The number as it is printed; that of an uploaded list stays as it is."""
        return written(self.number) if len(self.number) == LENGTH and "-" not in self.number else self.number

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: a number is never used again."""
        raise TypeError("a kit is never deleted")
