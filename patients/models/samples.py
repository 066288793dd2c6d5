"""Samples of patients: collected at a visit, divided into aliquots, moved through an append-only ledger, shipped.

Nothing here depends on the arm: both arms give the same samples. A freeze stops the entry of samples, not the
movements of their tubes; a lock stops both.
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from audit.trail import FactMarks, Locks, Trail, facts_of_columns
from patients.models.captured import Visit
from patients.models.people import Patient
from patients.models.visibility import OfPatient, VisibleToMembers
from trials.models import Trial

IN_FORCE = Q(struck_out_reason="")
# What a casebook signature covers of a sample. Not the steps of its tubes: they go on after the signature.
SAMPLE_SIGNED = (
    "visit_id", "plan", "specimen", "code", "collected", "collected_by", "note", "not_collected_reason",
    "struck_out_reason",
)  # fmt: skip
SAMPLE_FACTS = ("collected", "collected_by", "note", "not_collected_reason")
# A freeze stops data entry; tubes are moved on until the lock.
UNDER_LOCK = Locks(parents=("patient", "patient__trial"), freezes=False)


class SampleQuerySet(OfPatient):
    """Samples of the trials in which a person holds a role."""

    def in_force(self) -> "SampleQuerySet":
        """Exclude samples that were struck out."""
        return self.filter(IN_FORCE)


class Sample(models.Model):
    """One sample that the protocol asks for at a visit: collected, or not collected with the reason.

    plan: code of the kind of sample in the protocol file. code: what stands on its labels.
    """

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="samples", verbose_name=_("Patient"))
    visit = models.ForeignKey(Visit, models.PROTECT, related_name="samples", verbose_name=_("Visit"))
    number = models.PositiveIntegerField(_("Number"))
    plan = models.CharField(_("Kind of sample"), max_length=40)
    specimen = models.CharField(_("Specimen"), max_length=60)
    code = models.CharField(_("Code of the sample"), max_length=40)
    # The moment as entered, with its UTC offset; `collected_at` is the same instant. Both empty if not collected.
    collected = models.CharField(_("Collected"), max_length=60, blank=True)
    collected_at = models.DateTimeField(_("Collected at"), null=True)
    collected_by = models.CharField(_("Collected by"), max_length=200, blank=True)
    note = models.TextField(_("Note"), blank=True)
    not_collected_reason = models.TextField(_("Not collected because"), blank=True)
    struck_out_reason = models.TextField(_("Struck out because"), blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Recorded by")
    )
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)
    version = models.PositiveIntegerField(_("Version"), default=1)
    save_key = models.CharField(_("Save key"), max_length=64, blank=True)

    objects = SampleQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        excluded=("save_key",),
        covered_by=("patient",),
        covered_content=SAMPLE_SIGNED,
        fact_marks=FactMarks(
            "patients.Mark", "sample", facts_of_columns(*SAMPLE_FACTS), others=("struck_out_reason",)
        ),
        locks=Locks(parents=("visit", "patient", "patient__trial")),
    )

    class Meta:
        verbose_name = _("Sample")
        ordering = ["patient", "number"]
        constraints = [
            models.UniqueConstraint(fields=["patient", "number"], name="sample_number_once_per_patient"),
            models.UniqueConstraint(
                fields=["visit", "plan"], condition=IN_FORCE, name="one_sample_in_force_per_visit"
            ),
            models.UniqueConstraint(
                fields=["patient", "save_key"], condition=~Q(save_key=""), name="sample_saved_once"
            ),
            models.CheckConstraint(
                condition=Q(collected_at__isnull=False, not_collected_reason="")
                & ~Q(collected="")
                & ~Q(collected_by="")
                | Q(collected_at=None, collected="", collected_by="") & ~Q(not_collected_reason=""),
                name="sample_is_collected_or_says_why_not",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def struck_out(self) -> bool:
        """Return whether the sample was struck out."""
        return bool(self.struck_out_reason)

    @property
    def taken(self) -> bool:
        """Return whether the sample was collected."""
        return self.collected_at is not None

    def signed_content(self) -> dict[str, Any]:
        """Return the part of this sample that a signature on the casebook covers."""
        return {"number": self.number, **{name: getattr(self, name) for name in SAMPLE_SIGNED}}


class Shipment(models.Model):
    """Aliquots on their way to another place: carrier, packing, logger, when they were sent and received."""

    class Packing(models.TextChoices):
        DRY_ICE = "dry_ice", _("Dry ice")
        NITROGEN = "nitrogen", _("Nitrogen vapour")
        COLD_PACKS = "cold_packs", _("Cold packs")
        AMBIENT = "ambient", _("Room temperature")

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="shipments", verbose_name=_("Trial"))
    number = models.PositiveIntegerField(_("Number"))
    destination = models.CharField(_("Destination"), max_length=200)
    carrier = models.CharField(_("Carrier"), max_length=200)
    consignment = models.CharField(_("Number of the consignment"), max_length=60, blank=True)
    packing = models.CharField(_("Packing"), max_length=20, choices=Packing)
    logger = models.CharField(_("Temperature logger"), max_length=60, blank=True)
    sent = models.CharField(_("Sent"), max_length=60)
    sent_at = models.DateTimeField(_("Sent at"))
    sent_by = models.CharField(_("Sent by"), max_length=200)
    received = models.CharField(_("Received"), max_length=60, blank=True)
    received_at = models.DateTimeField(_("Received at"), null=True)
    received_by = models.CharField(_("Received by"), max_length=200, blank=True)
    receipt_note = models.TextField(_("Note on the receipt"), blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Recorded by")
    )
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)
    version = models.PositiveIntegerField(_("Version"), default=1)
    save_key = models.CharField(_("Save key"), max_length=64, blank=True)

    objects = VisibleToMembers.as_manager()
    history = Trail(trial="trial_id", excluded=("save_key",))

    class Meta:
        verbose_name = _("Shipment")
        ordering = ["trial", "number"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "number"], name="shipment_number_once_per_trial"),
            models.UniqueConstraint(
                fields=["trial", "save_key"], condition=~Q(save_key=""), name="shipment_saved_once"
            ),
            models.CheckConstraint(
                condition=Q(received="", received_at=None, received_by="")
                | Q(received_at__isnull=False) & ~Q(received="") & ~Q(received_by=""),
                name="received_shipment_says_when_and_by_whom",
            ),
            models.CheckConstraint(
                condition=Q(received_at=None) | Q(received_at__gte=models.F("sent_at")),
                name="shipment_is_received_after_it_was_sent",
            ),
        ]

    def __str__(self) -> str:
        return str(self.number)


class AliquotQuerySet(OfPatient):
    """Aliquots of the trials in which a person holds a role."""

    def in_force(self) -> "AliquotQuerySet":
        """Exclude aliquots of samples that were struck out."""
        return self.filter(sample__struck_out_reason="")

    def to_destroy(self) -> "AliquotQuerySet":
        """Keep aliquots that still exist though consent for samples is withdrawn."""
        return self.in_force().filter(patient__samples_withdrawn_on__isnull=False, state__in=Aliquot.EXISTING)


class Aliquot(models.Model):
    """One tube of a sample. `state` and `place` are those of its last movement that was not reversed."""

    class State(models.TextChoices):
        COLLECTED = "collected", _("Collected")
        PROCESSED = "processed", _("Processed")
        FROZEN = "frozen", pgettext_lazy("a sample", "Frozen")
        STORED = "stored", _("Stored")
        SHIPPED = "shipped", _("On its way")
        RECEIVED = "received", _("Received")
        THAWED = "thawed", _("Thawed")
        USED = "used", _("Used up")
        MISSING = "missing", _("Missing")
        DESTROYED = "destroyed", _("Destroyed")

    PRESENT = (State.COLLECTED, State.PROCESSED, State.FROZEN, State.STORED, State.RECEIVED, State.THAWED)
    EXISTING = (*PRESENT, State.SHIPPED)

    sample = models.ForeignKey(Sample, models.PROTECT, related_name="aliquots", verbose_name=_("Sample"))
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="aliquots", verbose_name=_("Patient"))
    number = models.PositiveIntegerField(_("Number"))
    code = models.CharField(_("Code of the aliquot"), max_length=40)
    volume_ml = models.DecimalField(_("Volume (mL)"), max_digits=9, decimal_places=3)
    state = models.CharField(_("Status"), max_length=12, choices=State)
    place = models.CharField(_("Place"), max_length=200, blank=True)

    objects = AliquotQuerySet.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id", locks=UNDER_LOCK)

    class Meta:
        verbose_name = _("Aliquot")
        ordering = ["patient", "code"]
        indexes = [models.Index(fields=["state", "code"])]
        constraints = [
            models.UniqueConstraint(fields=["sample", "number"], name="aliquot_number_once_per_sample"),
            models.UniqueConstraint(fields=["code"], name="aliquot_code_once"),
            models.CheckConstraint(condition=Q(volume_ml__gt=0), name="aliquot_has_a_volume"),
        ]

    def __str__(self) -> str:
        return self.code


class MovementQuerySet(OfPatient):
    """Movements of the trials in which a person holds a role."""

    def in_force(self) -> "MovementQuerySet":
        """Exclude movements that were reversed, and their reversals."""
        return self.filter(reverses=None, reversal=None)


class SampleMovement(models.Model):
    """One row of the ledger of an aliquot. Never changed: a wrong one is reversed by another row, with the reason.

    moment: as entered, with its UTC offset; `at` is the same instant. place: where it is stored from then on.
    """

    class Kind(models.TextChoices):
        COLLECTED = "collected", _("Collected")
        PROCESSED = "processed", _("Processed")
        FROZEN = "frozen", pgettext_lazy("a sample", "Frozen")
        STORED = "stored", _("Stored")
        MOVED = "moved", pgettext_lazy("a sample", "Moved")
        SHIPPED = "shipped", pgettext_lazy("a sample", "Shipped")
        RECEIVED = "received", _("Received")
        THAWED = "thawed", _("Thawed")
        USED = "used", _("Used up")
        MISSING = "missing", _("Missing")
        DESTROYED = "destroyed", _("Destroyed")
        REVERSED = "reversed", _("Reversed")

    class Condition(models.TextChoices):
        INTACT = "intact", _("As it was sent")
        THAWED = "thawed", _("Thawed")
        DAMAGED = "damaged", _("Damaged")

    aliquot = models.ForeignKey(Aliquot, models.PROTECT, related_name="movements", verbose_name=_("Aliquot"))
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="+", verbose_name=_("Patient"))
    kind = models.CharField(_("What was done"), max_length=12, choices=Kind)
    moment = models.CharField(_("Date and time"), max_length=60)
    at = models.DateTimeField(_("At"))
    place = models.CharField(_("Place"), max_length=200, blank=True)
    done_by = models.CharField(_("By whom"), max_length=200)
    reason = models.TextField(_("Reason"), blank=True)
    condition = models.CharField(_("Condition"), max_length=12, choices=Condition, blank=True)
    shipment = models.ForeignKey(
        Shipment, models.PROTECT, null=True, related_name="movements", verbose_name=_("Shipment")
    )
    reverses = models.OneToOneField(
        "self", models.PROTECT, null=True, related_name="reversal", verbose_name=_("Reverses")
    )
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Recorded by")
    )
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)

    objects = MovementQuerySet.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id", final=True, locks=UNDER_LOCK)

    class Meta:
        verbose_name = _("Movement of a sample")
        ordering = ["at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="reversed", reverses__isnull=False) & ~Q(reason="")
                | ~Q(kind="reversed") & Q(reverses=None),
                name="only_a_reversal_names_a_movement",
            ),
            models.CheckConstraint(
                condition=~Q(kind="destroyed") | ~Q(reason=""), name="destruction_has_a_reason"
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["stored", "moved"]) | ~Q(place=""), name="stored_aliquot_has_a_place"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["shipped", "received", "missing"], shipment__isnull=False)
                | ~Q(kind__in=["shipped", "received"]) & Q(shipment=None),
                name="shipped_aliquot_names_its_shipment",
            ),
            models.CheckConstraint(
                condition=~Q(kind="received") | ~Q(condition=""), name="received_aliquot_says_its_condition"
            ),
            models.CheckConstraint(condition=~Q(done_by=""), name="movement_says_by_whom"),
        ]
