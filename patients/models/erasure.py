"""Requests that personal data be erased, with the legal basis and the decision (PRV-03, GDPR 17)."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from audit.trail import Trail
from patients.models.people import Patient


class ErasureRequest(models.Model):
    """One request of a patient, or in the patient's name, and what was decided."""

    class Decision(models.TextChoices):
        GRANTED = "granted", pgettext_lazy("decision on a request", "Granted")
        PARTLY = "partly", pgettext_lazy("decision on a request", "Granted in part")
        REFUSED = "refused", pgettext_lazy("decision on a request", "Refused")

    class Basis(models.TextChoices):
        RESEARCH = "research", _("Kept: scientific research would be impaired (GDPR 17(3)(d))")
        PUBLIC_HEALTH = "public_health", _("Kept: public interest in health (GDPR 17(3)(c))")
        OBLIGATION = "obligation", _("Kept: legal obligation (GDPR 17(3)(b), CTR 28(3), 58)")
        NOT_NEEDED = "not_needed", _("Erased: not needed any more (GDPR 17(1)(a))")
        UNLAWFUL = "unlawful", _("Erased: was not to be recorded (GDPR 17(1)(d))")
        OTHER = "other", _("Other: see the explanation")

    KEEPS = (Basis.RESEARCH, Basis.PUBLIC_HEALTH, Basis.OBLIGATION)
    ERASES = (Basis.NOT_NEEDED, Basis.UNLAWFUL)

    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="erasure_requests", verbose_name=_("Patient")
    )
    received_on = models.DateField(_("Received on"))
    wish = models.TextField(_("What was asked"))
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Recorded by")
    )
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)
    decision = models.CharField(_("Decision"), max_length=10, choices=Decision, blank=True)
    basis = models.CharField(_("Legal basis"), max_length=20, choices=Basis, blank=True)
    explanation = models.TextField(_("Explanation"), blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, verbose_name=_("Decided by")
    )
    decided_at = models.DateTimeField(_("Decided at"), null=True)

    history = Trail(patient="patient_id", trial="patient__trial_id")

    class Meta:
        verbose_name = _("Request for erasure")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(wish=""), name="erasure_says_what_was_asked"),
            models.CheckConstraint(
                condition=Q(decision="", basis="", decided_by=None, decided_at=None)
                | (
                    ~Q(decision="") & ~Q(basis="") & ~Q(explanation="")
                    & Q(decided_by__isnull=False, decided_at__isnull=False)
                ),
                name="erasure_decided_with_a_basis",
            ),
        ]  # fmt: skip
