"""The investigator's decision on a laboratory result that has a grade: clinically significant or not (LAB-06)."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.trail import Locks, Trail
from patients.models import Patient, Record, VisibleToMembers
from trials.models import Trial

RESULT_FACTS = ("value", "unit", "low", "high", "baseline", "ctcae", "grade")
SIGNED = ("record_id", "item", "term", *RESULT_FACTS, "confirmed_grade", "significance")


class LaboratoryDecision(models.Model):
    """An investigator's decision on one result and one CTCAE term, with the result at that time.

    A result, limit or baseline that changes later differs from these columns: the decision is open again. Deciding
    again changes the row, so that its signature is invalidated; the trail keeps what was decided before.
    """

    class Significance(models.TextChoices):
        SIGNIFICANT = "significant", _("Clinically significant")
        NOT_SIGNIFICANT = "not_significant", _("Not clinically significant")

    trial = models.ForeignKey(
        Trial, models.PROTECT, related_name="laboratory_decisions", db_index=False, verbose_name=_("Trial")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="laboratory_decisions", verbose_name=_("Patient")
    )
    # The unique constraint below begins with it.
    record = models.ForeignKey(
        Record, models.PROTECT, related_name="laboratory_decisions", db_index=False, verbose_name=_("Form")
    )
    item = models.CharField(_("Item"), max_length=80)
    term = models.CharField(_("CTCAE term"), max_length=120)
    ctcae = models.CharField(_("CTCAE version"), max_length=8)
    value = models.CharField(_("Result"), max_length=80)
    unit = models.CharField(_("Unit"), max_length=40, blank=True)
    low = models.CharField(_("Lower limit"), max_length=80, blank=True)
    high = models.CharField(_("Upper limit"), max_length=80, blank=True)
    baseline = models.CharField(_("Baseline"), max_length=80, blank=True)
    # Empty: the number alone gave no grade.
    grade = models.PositiveSmallIntegerField(_("Suggested grade"), null=True)
    confirmed_grade = models.PositiveSmallIntegerField(_("Confirmed grade"))
    significance = models.CharField(_("Clinical significance"), max_length=20, choices=Significance)
    event = models.ForeignKey(
        "safety.AdverseEvent",
        models.PROTECT,
        null=True,
        related_name="laboratory_decisions",
        verbose_name=_("Adverse event"),
    )
    decided_at = models.DateTimeField(_("Decided at"), default=timezone.now)

    objects = VisibleToMembers.as_manager()
    history = Trail(
        patient="patient_id",
        trial="trial_id",
        signed_content=SIGNED,
        locks=Locks(parents=("patient", "trial"), freezes=False),
    )

    class Meta:
        app_label = "safety"
        verbose_name = _("Decision on a laboratory result")
        indexes = [models.Index(fields=["trial", "patient"], name="laboratory_decision_by_trial")]
        constraints = [
            models.UniqueConstraint(
                fields=["record", "item", "term"], name="one_decision_per_result_and_term"
            ),
            models.CheckConstraint(
                condition=Q(confirmed_grade__lte=5) & (Q(grade=None) | Q(grade__lte=4)),
                name="laboratory_grade_is_0_to_5",
            ),
            models.CheckConstraint(
                condition=Q(event=None) | Q(significance="significant"),
                name="only_a_significant_result_has_an_event",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.term} {self.confirmed_grade}"

    @property
    def facts(self) -> tuple[Any, ...]:
        """Return the result as it was decided on: compared with the result as it is now."""
        return tuple(getattr(self, name) for name in RESULT_FACTS)

    @property
    def awaits_event(self) -> bool:
        """Return whether the result is significant and no adverse event holds it yet."""
        return self.significance == self.Significance.SIGNIFICANT and self.event_id is None

    def signed_content(self) -> dict[str, Any]:
        """Return the content that a signature on the decision covers."""
        return {"patient": self.patient_id, **{name: getattr(self, name) for name in SIGNED}}
