"""Models of the product of an infusion and its deviations, behind the right to know the treatment."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.restricted_reads import RestrictedRow
from audit.trail import FactMarks, Locks, Trail, facts_of_columns
from dosing.models.infusions import Infusion
from dosing.models.treatments import TreatmentQuerySet
from patients.models import DeviationQuerySet, DeviationRow, Patient
from patients.models.deviations import UNDER_PATIENT_LOCK

# The facts of a product that queries and marks name, and the columns of each.
PRODUCT_FACTS = facts_of_columns(
    "donor_code", "donor_deviation_reason", "lot", "bag", "viable_cells", "viability_percent", "thawed",
    "dose_finding", "dose_deviation_reason", dose_basis=("dose_basis", "dose_measure"),
)  # fmt: skip


class Preparation(RestrictedRow):
    """The product of one infusion, recorded by the cell laboratory, hidden from blinded roles (CEL-18).

    Its mere presence can unblind, so it is a row of its own with a history of its own, behind SEE_TREATMENT.
    """

    class Finding(models.TextChoices):
        BELOW = "below", _("Below the range")
        WITHIN = "within", _("Within the range")
        ABOVE = "above", _("Above the range")

    class Basis(models.TextChoices):
        ACTUAL_WEIGHT = "actual_weight", _("Actual weight")
        PREDICTED_WEIGHT = "predicted_weight", _("Predicted weight")
        BODY_SURFACE = "body_surface", _("Body surface")
        FIXED = "fixed", _("Fixed number of cells")

    infusion = models.OneToOneField(
        Infusion, models.PROTECT, related_name="preparation", verbose_name=_("Infusion")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="preparations", verbose_name=_("Patient")
    )
    # Donor, lot and bags follow from the chain: texts, so that a listing, a file and the trail show them without it.
    donor_code = models.CharField(_("Donor"), max_length=200, blank=True)
    lot = models.CharField(_("Lot"), max_length=200, blank=True)
    bag = models.CharField(_("Bags"), max_length=200, blank=True)
    viable_cells = models.DecimalField(_("Viable cells given"), max_digits=14, decimal_places=0, null=True)
    viability_percent = models.DecimalField(_("Viability"), max_digits=5, decimal_places=2, null=True)
    thawed = models.CharField(_("Thawed"), max_length=60, blank=True)
    # What the dose was compared by: kg or m², as computed then; 1 for a fixed number of cells.
    dose_basis = models.CharField(_("Basis of the dose"), max_length=20, choices=Basis, blank=True)
    dose_measure = models.DecimalField(
        _("Kg or m² of the basis"), max_digits=13, decimal_places=10, null=True
    )
    cells_per_kg = models.DecimalField(_("Dose per kg"), max_digits=14, decimal_places=2, null=True)
    dose_finding = models.CharField(_("Dose"), max_length=10, choices=Finding, blank=True)
    dose_deviation_reason = models.TextField(_("Reason for the dose"), blank=True)
    donor_deviation_reason = models.TextField(_("Reason for another donor"), blank=True)
    prepared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Prepared by")
    )
    prepared_at = models.DateTimeField(_("Prepared at"), default=timezone.now)
    version = models.PositiveIntegerField(_("Version"), default=1)

    objects = TreatmentQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        see="see_treatment",
        fact_marks=FactMarks("dosing.ProductMark", "preparation", PRODUCT_FACTS),
        locks=Locks(parents=("patient", "patient__trial")),
    )

    class Meta:
        verbose_name = _("Preparation")
        constraints = [
            models.CheckConstraint(
                condition=Q(viability_percent=None) | Q(viability_percent__gte=0, viability_percent__lte=100),
                name="viability_is_a_share",
                violation_error_message=_("Viability lies between 0 and 100 %."),
            ),
            models.CheckConstraint(
                condition=Q(viable_cells=None) | Q(viable_cells__gte=0),
                name="cells_are_counted_from_zero",
                violation_error_message=_("The number of cells cannot be negative."),
            ),
            models.CheckConstraint(
                condition=Q(dose_finding__in=["", "below", "within", "above"]), name="dose_finding_is_known"
            ),
            models.CheckConstraint(
                condition=Q(dose_basis="", dose_measure=None, dose_finding="")
                | ~Q(dose_basis="") & ~Q(dose_finding="") & Q(dose_measure__gt=0),
                name="dose_finding_names_its_basis",
            ),
        ]

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: product data are kept for thirty years; they are amended with a reason."""
        raise TypeError("a preparation is never deleted")


class ProductDeviationQuerySet(DeviationQuerySet, TreatmentQuerySet):  # type: ignore[override]
    """Product deviations: in a masked trial visible only with SEE_TREATMENT."""


class ProductDeviation(RestrictedRow, DeviationRow):
    """One deviation of the product, P-1, P-2 … in each patient; in a masked trial behind SEE_TREATMENT (CEL-18).

    It has a log, numbers and counts of its own: a gap in the general log would tell that the patient received cells.
    """

    class Category(models.TextChoices):
        DOSE = "dose", _("Dose")
        DONOR = "donor", _("Donor changed between infusions")
        BAG = "bag", _("Bag used in spite of a hard stop")
        OVERRIDE = "override", _("Hard stop overridden by an investigator")
        VIABILITY = "viability", _("Viability outside the limits")
        DMSO = "dmso", _("DMSO outside the limits")
        THAW_TO_END = "thaw_to_end", _("Time from the thaw to the end")
        SPECIFICATION = "specification", _("Product out of specification accepted")
        OTHER = "other", _("Other")

    category = models.CharField(_("Concerns"), max_length=20, choices=Category)

    letter = "P"
    objects = ProductDeviationQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        see="see_treatment",
        excluded=("save_key",),
        locks=UNDER_PATIENT_LOCK,
    )

    class Meta(DeviationRow.Meta):
        verbose_name = _("Product deviation")
