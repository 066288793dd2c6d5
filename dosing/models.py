"""Models of infusions at the bedside and, apart from them, of all that depends on the arm: allocation, product."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop, pgettext_lazy

from accounts.models import User
from audit.stored_text import StoredTextField
from audit.trail import Concealed, Locks, Trail
from patients.models import DeviationQuerySet, DeviationRow, OfPatient, Patient, Visit
from patients.models.deviations import UNDER_PATIENT_LOCK
from trials.access import Access
from trials.models import Trial
from trials.roles import ROLES


class TreatmentQuerySet(OfPatient):
    """Rows that depend on the arm: in a masked trial visible only with SEE_TREATMENT."""

    def visible_to(self, user: User) -> "TreatmentQuerySet":  # type: ignore[override]
        """Keep rows of trials in which this person may know the treatment today. One query more."""
        return self.filter(**{f"{self.trial_path}__in": _trials_seen_unblinded(user)})


def _trials_seen_unblinded(user: User) -> list[int]:
    """Return the keys of the trials in which a person may know the treatment today. One query."""
    # A person may hold several roles in a trial: the latest counts, as it does on pages (`trials.access`).
    delegations = user.delegations.active().filter(trial__protocol__isnull=False)
    delegations = delegations.select_related("trial__protocol").order_by("starts_on", "pk")
    roles = {delegation.trial_id: delegation for delegation in delegations}
    return [
        pk
        for pk, delegation in roles.items()
        if Access(user=user, trial=delegation.trial, role=ROLES[delegation.role]).sees_treatment
    ]


class SlotQuerySet(TreatmentQuerySet):
    """Rows that belong to a trial, such as slots that no patient has taken."""

    trial_path = "trial"


class AllocationList(models.Model):
    """The parameters from which the slots of a trial were generated and can be generated again (RND-01).

    The seed reveals the arms of all future patients: it is concealed until the trial is locked.
    """

    trial = models.OneToOneField(
        Trial, models.PROTECT, related_name="allocation_list", verbose_name=_("Trial")
    )
    algorithm = models.CharField(_("Algorithm"), max_length=60)
    seed = models.CharField(_("Seed"), max_length=80)
    block_sizes = models.JSONField(_("Block sizes"))
    ratio = models.JSONField(_("Ratio"))
    generated_at = models.DateTimeField(_("Generated at"), default=timezone.now)

    objects = SlotQuerySet.as_manager()
    history = Trail(
        trial="trial_id",
        see="see_treatment",
        final=True,
        concealed=Concealed(
            columns=("seed",),
            until="trial__locked_at",
            words=gettext_noop("concealed until the trial is locked"),
        ),
    )

    class Meta:
        verbose_name = _("Allocation list")


class AllocationSlot(models.Model):
    """One slot of the allocation list. Taken once, never edited (RND-03).

    Arm and block of a free slot are concealed from everybody: at the end of a known block its last arms can be
    derived from the first ones (RND-02).
    """

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="allocation_slots", verbose_name=_("Trial"))
    stratum = models.CharField(_("Stratum"), max_length=200, blank=True)
    position = models.PositiveIntegerField(_("Position"))
    block = models.PositiveIntegerField(_("Block"))
    arm = models.CharField(_("Arm"), max_length=40)
    patient = models.OneToOneField(
        Patient, models.PROTECT, null=True, related_name="allocation", verbose_name=_("Patient")
    )
    taken_at = models.DateTimeField(_("Allocated at"), null=True)

    objects = SlotQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="trial_id",
        see="see_treatment",
        final=True,
        concealed=Concealed(
            columns=("arm", "block"),
            until="patient",
            words=gettext_noop("concealed until the slot is taken"),
        ),
    )

    class Meta:
        verbose_name = _("Allocation slot")
        ordering = ["stratum", "position"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "stratum", "position"], name="slot_position_once"),
            models.CheckConstraint(
                condition=Q(patient=None, taken_at=None) | Q(patient__isnull=False, taken_at__isnull=False),
                name="slot_taken_by_a_patient_at_a_time",
            ),
        ]

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: a slot is never deleted, and a trigger refuses to change a filled column (`final`)."""
        raise TypeError("an allocation slot is never deleted")


# The columns of an infusion that a casebook signature covers. The planned days are not among them: they are
# computed again after each infusion, which would invalidate the signature.
BEDSIDE = (
    "number", "state", "weight_kg", "weight_measured", "weight_confirmation", "started", "ended", "volume_ml",
    "interrupted", "interruption_reason", "premedication", "tolerated", "tolerance_note",
    "timing_deviation_reason", "not_given_reason",
)  # fmt: skip


class Infusion(models.Model):
    """One infusion at the bedside, planned, given or not given. Holds only facts that both arms share."""

    class State(models.TextChoices):
        PLANNED = "planned", pgettext_lazy("status", "Planned")
        GIVEN = "given", _("Given")
        NOT_GIVEN = "not_given", _("Not given")

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="infusions", verbose_name=_("Patient"))
    visit = models.ForeignKey(
        Visit, models.PROTECT, null=True, related_name="infusions", verbose_name=_("Visit")
    )
    number = models.PositiveIntegerField(_("Infusion"))
    planned_on = models.DateField(_("Planned on"), null=True)
    window_from = models.DateField(_("Window from"), null=True)
    window_to = models.DateField(_("Window to"), null=True)
    state = models.CharField(_("Status"), max_length=10, choices=State)
    weight_kg = models.DecimalField(_("Weight of the day"), max_digits=6, decimal_places=2, null=True)
    weight_measured = models.CharField(_("Weight measured"), max_length=60, blank=True)
    weight_confirmation = models.TextField(_("Why the unusual weight is right"), blank=True)
    started = models.CharField(_("Start"), max_length=60, blank=True)
    started_at = models.DateTimeField(_("Started at"), null=True)
    ended = models.CharField(_("End"), max_length=60, blank=True)
    ended_at = models.DateTimeField(_("Ended at"), null=True)
    volume_ml = models.DecimalField(_("Volume infused"), max_digits=7, decimal_places=2, null=True)
    interrupted = models.CharField(_("Interrupted"), max_length=1, blank=True)
    interruption_reason = models.TextField(_("Reason for the interruption"), blank=True)
    premedication = models.TextField(_("Premedication"), blank=True)
    tolerated = models.CharField(_("Well tolerated"), max_length=1, blank=True)
    tolerance_note = models.TextField(_("What was not tolerated"), blank=True)
    timing_deviation_reason = models.TextField(_("Reason for the timing"), blank=True)
    not_given_reason = StoredTextField(_("Reason it was not given"), blank=True)
    version = models.PositiveIntegerField(_("Version"), default=1)

    objects = OfPatient.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        covered_by=("patient",),
        covered_content=BEDSIDE,
        locks=Locks(parents=("visit", "patient", "patient__trial")),
    )

    class Meta:
        verbose_name = _("Infusion")
        ordering = ["patient", "number"]
        constraints = [
            models.UniqueConstraint(fields=["patient", "number"], name="infusion_number_once_per_patient"),
            models.CheckConstraint(
                condition=~Q(state="given")
                | Q(started_at__isnull=False, ended_at__isnull=False, weight_kg__isnull=False),
                name="given_infusion_has_times_and_weight",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gt=models.F("started_at")),
                name="infusion_ends_after_it_starts",
                violation_error_message=_("The end must be after the start."),
            ),
            models.CheckConstraint(
                condition=~Q(state="not_given") | ~Q(not_given_reason=""),
                name="not_given_infusion_has_a_reason",
                violation_error_message=_("Say why the infusion was not given."),
            ),
            models.CheckConstraint(
                condition=Q(weight_kg=None) | Q(weight_kg__gte=25, weight_kg__lte=350),
                name="infusion_weight_is_possible",
                violation_error_message=_("A weight lies between 25 and 350 kg."),
            ),
            models.CheckConstraint(
                condition=Q(volume_ml=None) | Q(volume_ml__gt=0),
                name="infusion_volume_is_positive",
                violation_error_message=_("The volume must be above zero."),
            ),
            models.CheckConstraint(
                condition=Q(interrupted__in=["", "N"]) | Q(interrupted="Y") & ~Q(interruption_reason=""),
                name="interrupted_infusion_has_a_reason",
                violation_error_message=_("Say why the infusion was interrupted."),
            ),
            models.CheckConstraint(
                condition=Q(tolerated__in=["", "Y"]) | Q(tolerated="N") & ~Q(tolerance_note=""),
                name="infusion_not_tolerated_says_what",
                violation_error_message=_("Say what was not tolerated."),
            ),
        ]

    def __str__(self) -> str:
        return f"infusion {self.number}"

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: an infusion is marked as not given, with a reason, never deleted."""
        raise TypeError("an infusion is never deleted")


class Preparation(models.Model):
    """The product of one infusion, recorded by the cell laboratory, hidden from blinded roles (CEL-18).

    Its mere presence can unblind, so it is a row of its own with a history of its own, behind SEE_TREATMENT.
    """

    class Finding(models.TextChoices):
        BELOW = "below", _("Below the range")
        WITHIN = "within", _("Within the range")
        ABOVE = "above", _("Above the range")

    infusion = models.OneToOneField(
        Infusion, models.PROTECT, related_name="preparation", verbose_name=_("Infusion")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="preparations", verbose_name=_("Patient")
    )
    donor_code = models.CharField(_("Donor"), max_length=60, blank=True)
    lot = models.CharField(_("Lot"), max_length=60, blank=True)
    bag = models.CharField(_("Bags"), max_length=200, blank=True)
    viable_cells = models.DecimalField(_("Viable cells given"), max_digits=14, decimal_places=0, null=True)
    viability_percent = models.DecimalField(_("Viability"), max_digits=5, decimal_places=2, null=True)
    thawed = models.CharField(_("Thawed"), max_length=60, blank=True)
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
        ]

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: product data are kept for thirty years; they are amended with a reason."""
        raise TypeError("a preparation is never deleted")


class ProductDeviationQuerySet(DeviationQuerySet, TreatmentQuerySet):  # type: ignore[override]
    """Product deviations: in a masked trial visible only with SEE_TREATMENT."""


class ProductDeviation(DeviationRow):
    """One deviation of the product, P-1, P-2 … in each patient; in a masked trial behind SEE_TREATMENT (CEL-18).

    It has a log, numbers and counts of its own: a gap in the general log would tell that the patient received cells.
    """

    class Category(models.TextChoices):
        DOSE = "dose", _("Dose")
        DONOR = "donor", _("Donor changed between infusions")
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
