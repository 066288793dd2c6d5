"""Models of a lot of the product, the results of its release tests, and the signed decisions about it."""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.trail import Trail
from dosing.models.donors import CellBank, ChainRow
from dosing.models.treatments import SlotQuerySet
from trials.models import Trial


class Lot(ChainRow):
    """A lot of the product, cells or placebo (CEL-05). A lot of cells comes from one bank, a placebo from none.

    product, product_version: of `[[products]]` in the protocol file. cells_per_bag: whole viable cells at filling.
    volume_ul: microlitres in each bag at filling. frozen_on: None for a product that is not cryopreserved.
    status: follows from the last signed decision.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("Not released")
        RELEASED = "released", _("Released")
        CONDITIONAL = "conditional", _("Released, results pending")
        QUARANTINED = "quarantined", _("In quarantine")
        RECALLED = "recalled", _("Recalled")
        REJECTED = "rejected", _("Rejected")

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="lots", verbose_name=_("Trial"))
    bank = models.ForeignKey(
        CellBank, models.PROTECT, null=True, related_name="lots", verbose_name=_("Cell bank")
    )
    number = models.CharField(_("Lot"), max_length=20)
    product = models.CharField(_("Product"), max_length=48)
    product_version = models.CharField(_("Version of the product"), max_length=40)
    cells = models.BooleanField(_("Holds cells"))
    passage = models.PositiveSmallIntegerField(_("Passage"), null=True)
    population_doublings = models.DecimalField(
        _("Population doublings"), max_digits=5, decimal_places=2, null=True
    )
    manufactured_on = models.DateField(_("Manufactured on"))
    frozen_on = models.DateField(_("Frozen on"), null=True)
    expires_on = models.DateField(_("Expires on"))
    cryoprotectant = models.CharField(_("Cryoprotectant"), max_length=100, blank=True)
    dmso_percent = models.DecimalField(_("DMSO (%)"), max_digits=5, decimal_places=2, null=True)
    cells_per_bag = models.DecimalField(_("Cells per bag"), max_digits=14, decimal_places=0, null=True)
    volume_ul = models.PositiveIntegerField(_("Volume per bag (µL)"))
    viability_at_freeze = models.DecimalField(
        _("Viability at freezing (%)"), max_digits=5, decimal_places=2, null=True
    )
    retention_samples = models.CharField(_("Retention samples"), max_length=200, blank=True)
    status = models.CharField(_("Status"), max_length=12, choices=Status, default=Status.WAITING)
    version = models.PositiveIntegerField(_("Version"), default=1)

    objects = SlotQuerySet.as_manager()
    history = Trail(trial="trial_id", see="see_treatment")

    class Meta:
        verbose_name = _("Lot")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                "trial",
                models.functions.Lower("number"),
                name="lot_number_once",
                violation_error_message=_("This lot is recorded already."),
            ),
            models.CheckConstraint(
                condition=Q(cells=True, bank__isnull=False, cells_per_bag__gt=0)
                | Q(cells=False, bank=None, cells_per_bag=None),
                name="lot_of_cells_has_a_bank",
                violation_error_message=_("A lot of cells comes from a cell bank; a placebo from none."),
            ),
            models.CheckConstraint(
                condition=Q(expires_on__gte=models.F("manufactured_on")),
                name="lot_expires_after_manufacture",
                violation_error_message=_("The day of expiry is before the manufacture."),
            ),
            models.CheckConstraint(
                condition=Q(frozen_on=None) | Q(frozen_on__gte=models.F("manufactured_on")),
                name="lot_frozen_after_manufacture",
                violation_error_message=_("The lot was frozen before it was manufactured."),
            ),
            models.CheckConstraint(
                condition=Q(volume_ul__gt=0),
                name="bag_volume_is_positive",
                violation_error_message=_("The volume of a bag must be above zero."),
            ),
            models.CheckConstraint(
                condition=Q(viability_at_freeze=None)
                | Q(viability_at_freeze__gte=0, viability_at_freeze__lte=100),
                name="viability_at_freeze_is_a_share",
                violation_error_message=_("Viability lies between 0 and 100 %."),
            ),
            models.CheckConstraint(
                condition=Q(dmso_percent=None) | Q(dmso_percent__gte=0, dmso_percent__lte=100),
                name="dmso_is_a_share",
                violation_error_message=_("A share lies between 0 and 100 %."),
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def volume_ml(self) -> Decimal:
        """Millilitres in each bag at filling."""
        return Decimal(self.volume_ul) / 1000

    @property
    def tone(self) -> str:
        """How loud the status is shown."""
        if self.status in {self.Status.RELEASED, self.Status.CONDITIONAL}:
            return "done" if self.status == self.Status.RELEASED else "due"
        return "draft" if self.status == self.Status.WAITING else "late"

    @property
    def million_cells_per_bag(self) -> Decimal | None:
        """Viable cells of each bag at filling, in millions; None without cells."""
        return None if self.cells_per_bag is None else self.cells_per_bag / 1_000_000

    @property
    def is_frozen(self) -> bool:
        """True if the bags are thawed before use."""
        return self.frozen_on is not None


class LotResult(ChainRow):
    """The result of one release test of a lot. The newest row of a test holds; an earlier one stays.

    value: as reported; empty while it is pending. limit: of the specification, in English, as it was when recorded.
    late: it arrived when bags of the lot had been given already (ATM-02).
    """

    class Finding(models.TextChoices):
        PENDING = "pending", _("Pending")
        PASSED = "passed", _("Within the specification")
        FAILED = "failed", _("Out of specification")
        INFORMATIVE = "informative", _("For information")

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="lot_results", verbose_name=_("Trial"))
    lot = models.ForeignKey(Lot, models.PROTECT, related_name="results", verbose_name=_("Lot"))
    test = models.CharField(_("Test"), max_length=48)
    value = models.CharField(_("Result"), max_length=100, blank=True)
    limit = models.CharField(_("Limit"), max_length=200, blank=True)
    finding = models.CharField(_("Finding"), max_length=12, choices=Finding)
    reported_on = models.DateField(_("Reported on"), null=True)
    late = models.BooleanField(_("After the first infusion"), default=False)
    note = models.TextField(_("Note"), blank=True)

    objects = SlotQuerySet.as_manager()
    history = Trail(trial="trial_id", see="see_treatment", final=True)

    class Meta:
        verbose_name = _("Result of a release test")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(finding="pending", value="") | ~Q(finding="pending") & ~Q(value=""),
                name="pending_result_has_no_value",
            ),
        ]


class LotDecision(ChainRow):
    """A signed decision about a lot; the newest one decides its status."""

    class Kind(models.TextChoices):
        RELEASE = "release", _("Release")
        CONDITIONAL = "conditional", _("Release with results pending")
        QUARANTINE = "quarantine", _("Quarantine")
        LIFT = "lift", _("End of the quarantine")
        RECALL = "recall", _("Recall")
        REJECT = "reject", _("Rejection")

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="lot_decisions", verbose_name=_("Trial"))
    lot = models.ForeignKey(Lot, models.PROTECT, related_name="decisions", verbose_name=_("Lot"))
    kind = models.CharField(_("Decision"), max_length=12, choices=Kind)
    status = models.CharField(_("Status"), max_length=12, choices=Lot.Status)
    reason = models.TextField(_("Reason"), blank=True)
    pending = models.JSONField(_("Results pending"), default=list)
    decided_at = models.DateTimeField(_("Decided at"), default=timezone.now)

    objects = SlotQuerySet.as_manager()
    history = Trail(
        trial="trial_id",
        see="see_treatment",
        signed_content=("lot_id", "kind", "status", "reason", "pending", "decided_at"),
    )

    class Meta:
        verbose_name = _("Decision about a lot")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["release", "conditional"]) | ~Q(reason=""),
                name="lot_decision_has_a_reason",
                violation_error_message=_("Say why."),
            ),
        ]

    def signed_content(self) -> dict[str, Any]:
        """Return the decision and its lot."""
        return {
            "lot": self.lot_id, "kind": self.kind, "status": self.status, "reason": self.reason,
            "pending": self.pending, "decided_at": self.decided_at,
        }  # fmt: skip
