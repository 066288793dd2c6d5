"""Models of bags and of the ledger of their movements (CEL-07, CEL-08)."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit.trail import FactMarks, Trail
from dosing.models.donors import ChainRow
from dosing.models.infusions import Infusion
from dosing.models.lots import Lot
from dosing.models.treatments import SlotQuerySet
from dosing.stock import ledger
from patients.models import Patient
from trials.models import Trial

# The facts of a movement that queries and marks name.
MOVEMENT_FACTS = ("kind", "bag", "lot", "donor", "volume_ul", "at", "place", "carrier", "logger", "note")


class Bag(ChainRow):
    """One bag of a lot, under a number that occurs once in the trial.

    european_code: its Single European Code, if it carries one; scheme: the rules by which it was read. cells: whole
    viable cells at filling. volume_ul: microlitres at filling. Where its content is follows from its movements.
    """

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="bags", verbose_name=_("Trial"))
    lot = models.ForeignKey(Lot, models.PROTECT, related_name="bags", verbose_name=_("Lot"))
    number = models.CharField(_("Bag"), max_length=20)
    european_code = models.CharField(_("Single European Code"), max_length=40, blank=True)
    scheme = models.CharField(_("Coding scheme"), max_length=20, blank=True)
    cells = models.DecimalField(_("Cells"), max_digits=14, decimal_places=0, null=True)
    volume_ul = models.PositiveIntegerField(_("Volume (µL)"))

    objects = SlotQuerySet.as_manager()
    history = Trail(trial="trial_id", see="see_treatment", final=True)

    class Meta:
        verbose_name = _("Bag")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                "trial",
                models.functions.Upper("number"),
                name="bag_number_once",
                violation_error_message=_("This bag is in the stock already."),
            ),
            models.UniqueConstraint(
                fields=["trial", "european_code"],
                condition=~Q(european_code=""),
                name="european_code_once",
                violation_error_message=_("A bag with this Single European Code is in the stock already."),
            ),
            models.CheckConstraint(condition=Q(volume_ul__gt=0), name="bag_holds_a_volume"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def volume_ml(self) -> Decimal:
        """Millilitres at filling."""
        return Decimal(self.volume_ul) / 1000


class BagMovement(ChainRow):
    """One entry of the ledger: a volume of a bag taken from one account and put into another. Append-only.

    position: 1, 2, 3 … in each bag. at: when it happened. place: the storage place afterwards. lowest_c, highest_c
    (°C) and minutes: of a temperature excursion; judged: whether the bag may still be used. carrier, logger: of a
    transport or of a hand-over. reversed_by: the entry that undid this one. late: recorded after the infusion.
    stops: codes of the hard stops that held and were accepted, or that were found when it was recorded late.
    """

    class Kind(models.TextChoices):
        RECEIPT = "receipt", _("Received")
        TRANSFER = "transfer", _("Stored elsewhere")
        EXCURSION = "excursion", _("Temperature excursion")
        THAW = "thaw", _("Thawed")
        TAKING = "taking", _("Taken for an infusion")
        DISPENSING = "dispensing", _("Dispensed")
        INFUSION = "infusion", _("Infused")
        RETURN = "return", _("Returned")
        WASTE = "waste", _("Discarded")
        DESTRUCTION = "destruction", _("Destroyed")
        REVERSAL = "reversal", _("Reversed")

    class Account(models.TextChoices):
        SUPPLIER = "supplier", _("Supplier")
        STORE = "store", _("Store")
        BENCH = "bench", _("Laboratory")
        WARD = "ward", _("Ward")
        PATIENT = "patient", _("Patient")
        RETURNED = "returned", _("Returned")
        WASTE = "waste", _("Waste")
        DESTROYED = "destroyed", _("Destroyed")

    class Judgement(models.TextChoices):
        USABLE = "usable", _("May be used")
        UNUSABLE = "unusable", _("May not be used")

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="bag_movements", verbose_name=_("Trial"))
    lot = models.ForeignKey(Lot, models.PROTECT, related_name="movements", verbose_name=_("Lot"))
    bag = models.ForeignKey(Bag, models.PROTECT, related_name="movements", verbose_name=_("Bag"))
    position = models.PositiveSmallIntegerField(_("Position"))
    kind = models.CharField(_("Movement"), max_length=12, choices=Kind)
    source = models.CharField(_("From"), max_length=10, choices=Account)
    target = models.CharField(_("To"), max_length=10, choices=Account)
    volume_ul = models.PositiveIntegerField(_("Volume (µL)"))
    at = models.DateTimeField(_("At"))
    place = models.CharField(_("Storage place"), max_length=100, blank=True)
    infusion = models.ForeignKey(
        Infusion, models.PROTECT, null=True, related_name="bag_movements", verbose_name=_("Infusion")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, null=True, related_name="bag_movements", verbose_name=_("Patient")
    )
    lowest_c = models.DecimalField(_("Lowest temperature (°C)"), max_digits=5, decimal_places=1, null=True)
    highest_c = models.DecimalField(_("Highest temperature (°C)"), max_digits=5, decimal_places=1, null=True)
    minutes = models.PositiveIntegerField(_("Minutes"), null=True)
    carrier = models.CharField(_("Brought or received by"), max_length=100, blank=True)
    logger = models.CharField(_("Temperature logger"), max_length=100, blank=True)
    note = models.TextField(_("Note"), blank=True)
    late = models.BooleanField(_("Recorded late"), default=False)
    stops = models.JSONField(_("Accepted in spite of"), default=list)
    reversed_by = models.OneToOneField(
        "self", models.PROTECT, null=True, related_name="reverses", verbose_name=_("Reversed by")
    )
    judged = models.CharField(_("Assessment"), max_length=10, choices=Judgement, null=True)  # noqa: DJ001  filled once
    judged_reason = models.TextField(_("Reason of the assessment"), null=True)  # noqa: DJ001  filled once
    judged_at = models.DateTimeField(_("Assessed at"), null=True)
    judged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("Assessed by")
    )

    objects = SlotQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="trial_id",
        see="see_treatment",
        final=True,
        # A movement never changes: only its reversal undoes what was compared with its source.
        fact_marks=FactMarks(
            "dosing.ProductMark", "bag_movement", dict.fromkeys(MOVEMENT_FACTS, ("reversed_by",))
        ),
    )

    class Meta:
        verbose_name = _("Movement of a bag")
        ordering = ["bag", "position"]
        indexes = [
            # The balance of a trial reads this index alone.
            models.Index(fields=["trial", "lot", "source", "target", "volume_ul"], name="balance_of_stock"),
            models.Index(fields=["infusion"], name="bags_of_infusion", condition=Q(infusion__isnull=False)),
            models.Index(fields=["patient"], name="bags_of_patient", condition=Q(patient__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["bag", "position"], name="bag_movement_position_once"),
            *(
                models.UniqueConstraint(
                    fields=["bag"],
                    condition=Q(kind=kind.value, reversed_by=None),
                    name=f"bag_{kind.value}_once",
                )
                for kind in sorted(ledger.ONCE)
            ),
            models.CheckConstraint(condition=Q(volume_ul__gt=0), name="movement_has_a_volume"),
            models.CheckConstraint(
                condition=Q(infusion=None, patient=None) | Q(infusion__isnull=False, patient__isnull=False),
                name="movement_of_infusion_has_a_patient",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=sorted(kind.value for kind in ledger.OF_INFUSION))
                | Q(infusion__isnull=False),
                name="use_of_a_bag_has_an_infusion",
            ),
            models.CheckConstraint(
                condition=Q(judged=None, judged_at=None, judged_by=None)
                | Q(kind="excursion", judged__isnull=False, judged_at__isnull=False, judged_by__isnull=False),
                name="excursion_judged_by_a_person",
            ),
        ]

    @property
    def volume_ml(self) -> Decimal:
        """Millilitres moved."""
        return Decimal(self.volume_ul) / 1000

    @property
    def entry(self) -> ledger.Movement:
        """The movement as the ledger reads it."""
        return ledger.Movement(
            kind=ledger.MovementKind(self.kind),
            source=ledger.Account(self.source),
            target=ledger.Account(self.target),
            volume=self.volume_ul,
            at=self.at,
            infusion=self.infusion_id,
            reversed=self.reversed_by_id is not None,
        )
