"""Infusions as the ward sees them, and apart from them what depends on the arm."""



from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.permissions import Permission
from accounts.roles import ROLES
from audit.trail import Trail
from patients.models import OfPatient, Patient, Visit
from trials.models import Trial


class TreatmentQuerySet(OfPatient):
    """Rows that depend on the arm: in a masked trial only for holders of SEE_TREATMENT."""

    def visible_to(self, user: User) -> "TreatmentQuerySet":
        """Keep rows whose content this person may know."""
        seeing = [code for code, role in ROLES.items() if Permission.SEE_TREATMENT in role.permissions]
        rows = super().visible_to(user)
        unblinded = Trial.objects.visible_to(user).filter(
            delegations__user=user, delegations__role__in=seeing, delegations__in=user.delegations.active()
        )
        open_label = [trial.pk for trial in Trial.objects.visible_to(user).select_related("protocol") if not trial.masked]
        return rows.filter(
            Q(**{f"{self.trial_path}__in": unblinded}) | Q(**{f"{self.trial_path}__in": open_label})
        )


class SlotQuerySet(TreatmentQuerySet):
    """Allocation slots belong to the trial, taken or not."""

    trial_path = "trial"


class AllocationList(models.Model):
    """How the slots of a trial were generated: enough to generate them again (RND-01)."""

    trial = models.OneToOneField(Trial, models.PROTECT, related_name="allocation_list")
    algorithm = models.CharField(max_length=60)
    seed = models.CharField(max_length=80)
    block_sizes = models.JSONField()
    ratio = models.JSONField()
    generated_at = models.DateTimeField(default=timezone.now)

    history = Trail(trial="trial_id", see="see_treatment")


class AllocationSlot(models.Model):
    """One place of the allocation list. Taken once, never edited (RND-03)."""

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="allocation_slots")
    stratum = models.CharField(max_length=200, blank=True)
    position = models.PositiveIntegerField()
    block = models.PositiveIntegerField()
    arm = models.CharField(max_length=40)
    patient = models.OneToOneField(Patient, models.PROTECT, null=True, related_name="allocation")
    taken_at = models.DateTimeField(null=True)

    objects = SlotQuerySet.as_manager()
    history = Trail(patient="patient_id", trial="trial_id", see="see_treatment")

    class Meta:
        ordering = ["stratum", "position"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "stratum", "position"], name="slot_position_once"),
            models.CheckConstraint(
                condition=Q(patient=None, taken_at=None) | Q(patient__isnull=False, taken_at__isnull=False),
                name="slot_taken_by_a_patient_at_a_time",
            ),
        ]


class Infusion(models.Model):
    """One infusion at the bedside: only what both arms share."""

    class State(models.TextChoices):
        PLANNED = "planned", _("Planned")
        GIVEN = "given", _("Given")
        NOT_GIVEN = "not_given", _("Not given")

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="infusions")
    visit = models.ForeignKey(Visit, models.PROTECT, null=True, related_name="infusions")
    number = models.PositiveIntegerField(_("infusion"))
    planned_on = models.DateField(_("planned on"), null=True)
    window_from = models.DateField(_("window from"), null=True)
    window_to = models.DateField(_("window to"), null=True)
    state = models.CharField(_("status"), max_length=10, choices=State)
    weight_kg = models.DecimalField(_("weight of the day"), max_digits=6, decimal_places=2, null=True)
    weight_measured = models.CharField(_("weight measured"), max_length=60, blank=True)
    started = models.CharField(_("start"), max_length=60, blank=True)
    started_at = models.DateTimeField(null=True)
    ended = models.CharField(_("end"), max_length=60, blank=True)
    ended_at = models.DateTimeField(null=True)
    volume_ml = models.DecimalField(_("volume infused"), max_digits=7, decimal_places=2, null=True)
    interrupted = models.CharField(_("interrupted"), max_length=1, blank=True)
    interruption_reason = models.TextField(_("reason for the interruption"), blank=True)
    premedication = models.TextField(_("premedication"), blank=True)
    timing_deviation_reason = models.TextField(_("reason for the timing"), blank=True)
    not_given_reason = models.TextField(_("reason it was not given"), blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id")

    class Meta:
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
                condition=~Q(state="not_given") | ~Q(not_given_reason=""), name="not_given_infusion_has_a_reason"
            ),
        ]


class Preparation(models.Model):
    """The product of one infusion: known to the cell laboratory, hidden from blinded roles (CEL-18)."""

    infusion = models.OneToOneField(Infusion, models.PROTECT, related_name="preparation")
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="preparations")
    donor_code = models.CharField(_("donor"), max_length=60, blank=True)
    lot = models.CharField(_("lot"), max_length=60, blank=True)
    viable_cells = models.DecimalField(_("viable cells given"), max_digits=14, decimal_places=0, null=True)
    viability_percent = models.DecimalField(_("viability"), max_digits=5, decimal_places=2, null=True)
    thawed = models.CharField(_("thawed"), max_length=60, blank=True)
    cells_per_kg = models.DecimalField(_("dose per kg"), max_digits=14, decimal_places=2, null=True)
    dose_finding = models.CharField(_("dose"), max_length=10, blank=True)
    dose_deviation_reason = models.TextField(_("reason for the dose"), blank=True)
    donor_deviation_reason = models.TextField(_("reason for another donor"), blank=True)
    prepared_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    prepared_at = models.DateTimeField(default=timezone.now)
    version = models.PositiveIntegerField(default=1)

    objects = TreatmentQuerySet.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id", see="see_treatment")
