"""Sealed envelopes of the next slots of the allocation list, for patients allocated while the server is away (BKP-02).

No row names an arm: the arm stands in the slot, which is shown with SEE_TREATMENT only.
"""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.trail import Trail
from dosing.models.allocation import AllocationSlot
from patients.models import Patient
from patients.models.visibility import VisibleToMembers
from trials.models import Trial


class ReserveEnvelope(models.Model):
    """One sheet with the arm of one free slot, which only its code opens. Until it is destroyed its slot is kept.

    The sheet itself is not stored. code: encrypted until another person has printed it, then empty. stratum, position:
    those of the slot, repeated here because blinded people read them and the slot is not shown to them.
    """

    class State(models.TextChoices):
        SEALED = "sealed", _("Sealed")
        OPENED = "opened", _("Opened")
        LOST = "lost", _("Lost")
        DESTROYED = "destroyed", _("Destroyed")

    trial = models.ForeignKey(
        Trial, models.PROTECT, related_name="reserve_envelopes", verbose_name=_("Trial")
    )
    slot = models.ForeignKey(
        AllocationSlot, models.PROTECT, related_name="reserves", verbose_name=_("Allocation slot")
    )
    number = models.PositiveIntegerField(_("Number"))
    stratum = models.CharField(_("Stratum"), max_length=200, blank=True)
    position = models.PositiveIntegerField(_("Position"))
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

    objects = VisibleToMembers.as_manager()
    history = Trail(trial="trial_id", excluded=("code", "slot"))

    class Meta:
        verbose_name = _("Reserve envelope")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "number"], name="reserve_number_once_per_trial"),
            models.UniqueConstraint(
                fields=["slot"],
                condition=~Q(state="destroyed"),
                name="one_reserve_envelope_per_slot",
            ),
            models.CheckConstraint(
                condition=Q(codes_at=None, codes_by=None)
                | Q(codes_at__isnull=False, codes_by__isnull=False, code="")
                & ~Q(codes_by=models.F("made_by")),
                name="reserve_code_is_printed_by_another_person",
            ),
        ]

    def __str__(self) -> str:
        return f"R-{self.number}"

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: an envelope is reconciled, not forgotten."""
        raise TypeError("a reserve envelope is never deleted")


class ReserveCheck(models.Model):
    """A finding about a reserve envelope, or a step with it. Never changed. patient: who was allocated with it.

    happened: ISO 8601 to the minute. A finding of another stratum is noted when eligibility is signed.
    """

    class Finding(models.TextChoices):
        INTACT = "intact", _("Found intact")
        OPENED = "opened", _("Opened: a patient was allocated")
        LOST = "lost", _("Lost")
        DESTROYED = "destroyed", _("Destroyed unopened")
        STRATUM = "stratum", _("The patient belongs to another stratum")

    envelope = models.ForeignKey(
        ReserveEnvelope, models.PROTECT, related_name="checks", verbose_name=_("Reserve envelope")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, null=True, related_name="+", verbose_name=_("Patient")
    )
    finding = models.CharField(_("What was found or done"), max_length=10, choices=Finding)
    happened = models.CharField(_("When"), max_length=80)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("Opened by")
    )
    opened_by_name = models.CharField(_("Opened by somebody without a role"), max_length=200, blank=True)
    note = models.TextField(_("Note"), blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Recorded by")
    )
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)

    history = Trail(patient="patient_id", trial="envelope__trial_id", final=True)

    class Meta:
        verbose_name = _("Check of a reserve envelope")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(finding__in=["opened", "stratum"], patient__isnull=False)
                | Q(finding__in=["intact", "lost", "destroyed"], patient=None),
                name="reserve_opened_for_a_patient",
            ),
            models.CheckConstraint(
                condition=~Q(finding="opened") | Q(opened_by__isnull=False) | ~Q(opened_by_name=""),
                name="reserve_opened_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(finding="intact") | ~Q(note=""), name="reserve_finding_says_why"
            ),
            models.UniqueConstraint(
                fields=["envelope"], condition=Q(finding="opened"), name="reserve_opened_once"
            ),
        ]

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: what was found cannot be undone."""
        raise TypeError("a check of a reserve envelope is never deleted")
