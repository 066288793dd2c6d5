"""The rows of unblinding: who came to know the treatment of whom, since when, why and how. They name no arm."""

from datetime import datetime
from typing import Any, NoReturn

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.trail import Trail
from patients.models import OfPatient, Patient
from protocol.values.moments import Moment
from trials.models import Trial


class Unblinding(models.Model):
    """One person came to know the treatment of one patient (BLD-04, BLD-05, BLD-06). Never changed.

    The row is the same in both arms, so blinded roles may read it; what was learned is a code, never an arm.
    known_to: the person, or `known_to_name` for somebody without an account. known_since: an ISO moment as precise as
    it is known. Freezes and locks do not hold it up: a patient in an emergency is treated also after the lock.
    """

    class Category(models.TextChoices):
        EMERGENCY = "emergency", _("Emergency: the treatment decides what is done now")
        PLANNED = "planned", _("Planned in the protocol")
        INADVERTENT = "inadvertent", _("Inadvertent")
        SUSAR = "susar", _("Report of a SUSAR")
        INSTRUCTION = "instruction", _("Instruction for treatment")
        OTHER = "other", _("Other reason")

    class Learned(models.TextChoices):
        ARM = "arm", _("The arm")
        PRODUCT = "product", _("Something about the product: lot, donor, cells, thaw")
        RESULT = "result", _("A result that reveals the arm")
        GUESSED = "guessed", _("A suspicion that proved to be well founded")

    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="unblindings", verbose_name=_("Patient")
    )
    category = models.CharField(_("Category"), max_length=20, choices=Category)
    learned = models.CharField(_("What became known"), max_length=20, choices=Learned)
    reason = models.TextField(_("Reason, or how it became known"))
    known_to = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("Known to")
    )
    known_to_name = models.CharField(_("Known to somebody without an account"), max_length=200, blank=True)
    known_since = models.CharField(_("Known since"), max_length=80)
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("Recorded by"))
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)
    save_key = models.CharField(_("Save key"), max_length=64)

    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id", excluded=("save_key",), final=True)

    class Meta:
        verbose_name = _("Unblinding")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["patient", "save_key"], name="unblinding_saved_once"),
            models.CheckConstraint(
                condition=Q(known_to=None) & ~Q(known_to_name="")
                | Q(known_to__isnull=False, known_to_name=""),
                name="unblinding_names_one_person",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="unblinding_has_a_reason"),
            # Who opens the treatment knows it: nobody opens it for somebody else.
            models.CheckConstraint(
                condition=Q(category="inadvertent") | Q(known_to=models.F("recorded_by")),
                name="unblinding_is_known_to_who_opened",
            ),
        ]

    def __str__(self) -> str:
        return str(_("Unblinding %(number)s")) % {"number": self.pk}

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: that somebody knows cannot be undone."""
        raise TypeError("an unblinding is never deleted")

    @property
    def since(self) -> datetime:
        """First instant at which the person may have known it."""
        return Moment.from_iso(self.known_since, self.patient.trial.time_zone).earliest

    @property
    def who(self) -> str:
        """Name of the person who knows. Reads `known_to`."""
        return self.known_to.full_name if self.known_to is not None else self.known_to_name


class PlannedUnblinding(models.Model):
    """The treatment of all patients was opened after the lock, for the roles that the protocol names.

    opened_to: codes of the roles. `Trial.opened_to` repeats them, so that each request knows them without a query.
    """

    trial = models.OneToOneField(
        Trial, models.PROTECT, related_name="planned_unblinding", verbose_name=_("Trial")
    )
    opened_to = models.JSONField(_("Opened to the roles"))
    reason = models.TextField(_("Reason"))
    opened_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("Opened by"))
    opened_at = models.DateTimeField(_("Opened at"), default=timezone.now)

    history = Trail(trial="trial_id", final=True)

    class Meta:
        verbose_name = _("Planned unblinding")
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="planned_unblinding_has_a_reason"),
        ]

    def __str__(self) -> str:
        return str(_("Planned unblinding"))

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: what is open cannot be closed again."""
        raise TypeError("a planned unblinding is never deleted")
