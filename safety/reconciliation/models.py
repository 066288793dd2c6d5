"""Models of the reconciliation: safety lists of the sponsor, and findings that a person settled (SAF-13)."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.trail import Trail
from patients.models import Patient, VisibleToMembers
from trials.models import Trial


class SafetyList(models.Model):
    """The sponsor's list of serious events as it was uploaded. The newest one is compared with the events.

    content: the lines as CSV with the columns that are compared and no others, so that a column of the treatment in
    the file never reaches the database.
    """

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="safety_lists", verbose_name=_("Trial"))
    name = models.CharField(_("File"), max_length=200)
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    content = models.TextField(_("Lines"))
    lines = models.PositiveIntegerField(_("Number of lines"))
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Uploaded by")
    )
    uploaded_at = models.DateTimeField(_("Uploaded at"), default=timezone.now)

    objects = VisibleToMembers.as_manager()
    history = Trail(trial="trial_id", final=True)

    class Meta:
        app_label = "safety"
        verbose_name = _("Safety list of the sponsor")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: findings were settled against it."""
        raise TypeError("a safety list is never deleted")


class ReconciliationSettlement(models.Model):
    """A finding that a person settled without a change of the data, with the reason.

    finding, digest: what contradicts what, and a digest of the values. Once a value changes, the finding is open again.
    text: the finding as it was shown.
    """

    trial = models.ForeignKey(
        Trial, models.PROTECT, related_name="settlements", db_index=False, verbose_name=_("Trial")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, null=True, related_name="settlements", verbose_name=_("Patient")
    )
    finding = models.CharField(_("Finding"), max_length=200)
    digest = models.CharField(_("Digest of the values"), max_length=64)
    text = models.TextField(_("Finding as shown"))
    reason = models.TextField(_("Settled because"))
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Settled by")
    )
    settled_at = models.DateTimeField(_("Settled at"), default=timezone.now)
    reopened_reason = models.TextField(_("Opened again because"), blank=True)

    objects = VisibleToMembers.as_manager()
    history = Trail(patient="patient_id", trial="trial_id")

    class Meta:
        app_label = "safety"
        verbose_name = _("Settled finding")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "finding", "digest"],
                condition=Q(reopened_reason=""),
                name="finding_settled_once",
            ),
            models.CheckConstraint(
                condition=~Q(reason=""),
                name="settlement_has_a_reason",
                violation_error_message=_("Say why it is settled."),
            ),
        ]

    def __str__(self) -> str:
        return self.finding

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: a settlement is taken back, never deleted."""
        raise TypeError("a settlement is never deleted")
