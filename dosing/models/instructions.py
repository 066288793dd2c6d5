"""Instructions for the treatment of a patient after a recall or a late result, and who read the recipients (ATM-02)."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.restricted_reads import RestrictedRow
from audit.trail import Trail
from dosing.models.lots import Lot
from dosing.models.treatments import SlotQuerySet, TreatmentQuerySet
from patients.models import Patient
from trials.models import Trial


class RecipientsOpening(RestrictedRow):
    """A blinded person read who received a lot. Behind SEE_TREATMENT: the patients alone tell who received what.

    patients: their keys.
    """

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="+", verbose_name=_("Trial"))
    lot = models.ForeignKey(Lot, models.PROTECT, related_name="openings", verbose_name=_("Lot"))
    reason = models.TextField(_("Reason"))
    patients = models.JSONField(_("Recipients"), default=list)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Opened by")
    )
    opened_at = models.DateTimeField(_("Opened at"), default=timezone.now)

    objects = SlotQuerySet.as_manager()
    history = Trail(trial="trial_id", see="see_treatment", final=True)

    class Meta:
        verbose_name = _("Opening of the recipients of a lot")
        ordering = ["pk"]
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="recipients_opened_for_a_reason")]

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: that somebody knows cannot be undone."""
        raise TypeError("an opening of the recipients is never deleted")


class TreatmentInstruction(RestrictedRow):
    """An instruction to an investigator for one patient who received a lot. Behind SEE_TREATMENT.

    The investigator opens it by the recorded road of unblinding, in an open trial at once. opened_by: who was first.
    """

    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="instructions", verbose_name=_("Patient")
    )
    number = models.PositiveIntegerField(_("Number"))
    lot = models.ForeignKey(Lot, models.PROTECT, related_name="instructions", verbose_name=_("Lot"))
    text = models.TextField(_("Instruction"))
    reason = models.TextField(_("Reason"))
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Issued by")
    )
    issued_at = models.DateTimeField(_("Issued at"), default=timezone.now)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("Opened by")
    )
    opened_at = models.DateTimeField(_("Opened at"), null=True)
    save_key = models.CharField(_("Save key"), max_length=64)

    objects = TreatmentQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        see="see_treatment",
        excluded=("save_key",),
        final=True,
    )

    class Meta:
        verbose_name = _("Instruction for treatment")
        ordering = ["patient", "number"]
        constraints = [
            models.UniqueConstraint(fields=["patient", "number"], name="instruction_number_once"),
            models.UniqueConstraint(fields=["patient", "save_key"], name="instruction_saved_once"),
            models.CheckConstraint(
                condition=~Q(text="") & ~Q(reason=""), name="instruction_says_what_and_why"
            ),
            models.CheckConstraint(
                condition=Q(opened_by=None, opened_at=None)
                | Q(opened_by__isnull=False, opened_at__isnull=False),
                name="instruction_opened_by_a_person",
            ),
        ]

    def __str__(self) -> str:
        return str(_("Instruction %(number)s")) % {"number": self.number}

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: what was told to an investigator stays."""
        raise TypeError("an instruction is never deleted")
