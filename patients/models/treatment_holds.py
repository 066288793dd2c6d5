"""Holds of one patient's treatment: the next infusion waits for an investigator's signed decision (CEL-16)."""

from typing import Any, NoReturn

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.trail import Trail
from patients.models.people import Patient
from patients.models.visibility import OfPatient


class TreatmentHold(models.Model):
    """A stopping rule about one patient fired; an investigator decides whether the treatment goes on.

    rule, title: of the rule, as it read then. events: the adverse events that made it fire, as `AE 2`.
    """

    class Decision(models.TextChoices):
        CONTINUE = "continue", _("The treatment goes on")
        STOP = "stop", _("No further infusion")

    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="treatment_holds", verbose_name=_("Patient")
    )
    number = models.PositiveIntegerField(_("Number"))
    rule = models.CharField(_("Stopping rule"), max_length=48)
    title = models.CharField(_("Title of the rule"), max_length=4000)
    events = models.JSONField(_("Adverse events"), default=list)
    set_at = models.DateTimeField(_("Set at"), default=timezone.now)
    decision = models.CharField(_("Decision"), max_length=10, choices=Decision, blank=True)
    reason = models.TextField(_("Reason"), blank=True)
    decided_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, verbose_name=_("Decided by")
    )
    decided_at = models.DateTimeField(_("Decided at"), null=True)

    objects = OfPatient.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        signed_content=("rule", "events", "decision", "reason"),
    )

    class Meta:
        verbose_name = _("Hold of the treatment")
        ordering = ["patient", "number"]
        constraints = [
            models.UniqueConstraint(fields=["patient", "number"], name="treatment_hold_number_once"),
            models.CheckConstraint(
                condition=Q(decision="", reason="", decided_by=None, decided_at=None)
                | ~Q(decision="") & ~Q(reason="") & Q(decided_by__isnull=False, decided_at__isnull=False),
                name="treatment_hold_is_decided_for_a_reason",
            ),
        ]

    def signed_content(self) -> dict[str, Any]:
        """Return the content that the investigator signs."""
        return {
            "patient": self.patient_id, "rule": self.rule, "events": self.events,
            "decision": self.decision, "reason": self.reason,
        }  # fmt: skip

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: a hold is decided on, never deleted."""
        raise TypeError("a hold of the treatment is never deleted")
