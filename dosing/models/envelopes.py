"""Sealed envelopes for the day on which the server is away, and what became of each. No row names an arm (BKP-02)."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.trail import Trail
from patients.models import OfPatient, Patient
from trials.models import Trial


class Envelope(models.Model):
    """One sheet with the treatment of one patient, which only its code opens. The same for every arm.

    The sheet itself is not stored. code: encrypted until another person has printed it, then empty. Freezes and locks
    do not hold it up: an emergency comes after the lock too.
    """

    class State(models.TextChoices):
        SEALED = "sealed", _("Sealed")
        OPENED = "opened", _("Opened")
        DESTROYED = "destroyed", _("Destroyed")

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="envelopes", verbose_name=_("Trial"))
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="envelopes", verbose_name=_("Patient"))
    number = models.PositiveIntegerField(_("Number"))
    state = models.CharField(_("Status"), max_length=10, choices=State, default=State.SEALED)
    code = models.TextField(_("Code"), blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Printed by")
    )
    made_at = models.DateTimeField(_("Printed at"), default=timezone.now)
    codes_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("Code printed by"),
    )
    codes_at = models.DateTimeField(_("Code printed at"), null=True)

    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="trial_id", excluded=("code",))

    class Meta:
        verbose_name = _("Envelope")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "number"], name="envelope_number_once_per_trial"),
            models.UniqueConstraint(
                fields=["patient"], condition=Q(state="sealed"), name="one_sealed_envelope_per_patient"
            ),
            models.CheckConstraint(
                condition=Q(codes_at=None, codes_by=None)
                | Q(codes_at__isnull=False, codes_by__isnull=False, code="")
                & ~Q(codes_by=models.F("made_by")),
                name="code_is_printed_by_another_person",
            ),
        ]

    def __str__(self) -> str:
        return f"E-{self.number}"

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: an envelope is reconciled, not forgotten."""
        raise TypeError("an envelope is never deleted")


class EnvelopeCheck(models.Model):
    """A finding about an envelope: intact, opened or destroyed. Never changed. seen_on: the day, as an ISO date."""

    class Finding(models.TextChoices):
        INTACT = "intact", _("Found intact")
        OPENED = "opened", _("Opened")
        DESTROYED = "destroyed", _("Destroyed")

    envelope = models.ForeignKey(Envelope, models.PROTECT, related_name="checks", verbose_name=_("Envelope"))
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="+", verbose_name=_("Patient"))
    finding = models.CharField(_("What was found or done"), max_length=10, choices=Finding)
    happened = models.CharField(_("When"), max_length=80)
    note = models.TextField(_("Note"), blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Recorded by")
    )
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)

    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id", final=True)

    class Meta:
        verbose_name = _("Check of an envelope")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(finding="intact") | ~Q(note=""), name="opened_or_destroyed_envelope_says_why"
            )
        ]

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: what was found cannot be undone."""
        raise TypeError("a check of an envelope is never deleted")
