"""Results that reveal the arm: items that the protocol file masks, behind the right to know the treatment (BLD-07)."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.restricted_reads import RestrictedRow
from audit.trail import FactMarks, Locks, Trail, facts_of_columns
from dosing.models.treatments import TreatmentQuerySet
from patients.models import Patient, Visit


class MaskedResult(RestrictedRow):
    """The result of one masked item at one visit. It is in no record, so nothing that reads records can show it.

    value: as `protocol.values` stores it, a result beyond a limit with its sign (`<0.6`); empty if it is missing.
    missing: the missing code. Both are empty once a result was taken back.
    """

    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="masked_results", verbose_name=_("Patient")
    )
    visit = models.ForeignKey(Visit, models.PROTECT, related_name="masked_results", verbose_name=_("Visit"))
    form = models.CharField(_("Form"), max_length=60)
    item = models.CharField(_("Item"), max_length=60)
    value = models.TextField(_("Value"), blank=True)
    missing = models.CharField(_("Missing because"), max_length=10, blank=True)
    version = models.PositiveIntegerField(_("Version"), default=1)
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Entered by")
    )
    entered_at = models.DateTimeField(_("Entered at"), default=timezone.now)

    objects = TreatmentQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        see="see_treatment",
        fact_marks=FactMarks(
            "dosing.ProductMark", "masked_result", facts_of_columns(value=("value", "missing"))
        ),
        locks=Locks(parents=("visit", "patient", "patient__trial")),
    )

    class Meta:
        verbose_name = _("Masked result")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["visit", "form", "item"], name="masked_result_once"),
            models.CheckConstraint(
                condition=Q(value="") | Q(missing=""), name="masked_result_is_given_or_missing"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.form}.{self.item}"

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: a result is amended with a reason."""
        raise TypeError("a masked result is never deleted")
