"""Models of the allocation: the parameters of the list, its published hash, and its slots."""

from typing import Any, NoReturn

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from audit.restricted_reads import RestrictedRow
from audit.trail import Concealed, Trail
from dosing.models.treatments import SlotQuerySet
from patients.models import Patient
from trials.models import Trial


class AllocationList(RestrictedRow):
    """The parameters from which the slots of a trial were generated and can be generated again (RND-01).

    The seed reveals the arms of all future patients: it is concealed until the trial is locked. An uploaded list
    has none.
    """

    trial = models.OneToOneField(
        Trial, models.PROTECT, related_name="allocation_list", verbose_name=_("Trial")
    )
    algorithm = models.CharField(_("Algorithm"), max_length=60)
    seed = models.CharField(_("Seed"), max_length=80, blank=True)
    block_sizes = models.JSONField(_("Block sizes"))
    ratio = models.JSONField(_("Ratio"))
    # 256 random bits, sealed with the list: without them the published hash could be guessed.
    nonce = models.CharField(_("Random value"), max_length=64, default="")
    # Places by stratum when the list was made, which the published hash covers.
    committed = models.JSONField(_("Places by stratum"), default=dict)
    generated_at = models.DateTimeField(_("Generated at"), default=timezone.now)

    objects = SlotQuerySet.as_manager()
    history = Trail(
        trial="trial_id",
        see="see_treatment",
        final=True,
        concealed=Concealed(
            columns=("seed", "nonce"),
            until="trial__locked_at",
            words=gettext_noop("concealed until the trial is locked"),
        ),
    )

    class Meta:
        verbose_name = _("Allocation list")


class AllocationCommitment(models.Model):
    """The published hash of a sealed list: blinded roles read it, and it proves the list once opened (RND-01)."""

    trial = models.OneToOneField(
        Trial, models.PROTECT, related_name="allocation_commitment", verbose_name=_("Trial")
    )
    sha256 = models.CharField(_("SHA-256 of the sealed list"), max_length=64)
    algorithm = models.CharField(_("Algorithm"), max_length=60)
    published_at = models.DateTimeField(_("Published at"), default=timezone.now)

    history = Trail(trial="trial_id", final=True)

    class Meta:
        verbose_name = _("Commitment to the allocation list")

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: what was published stays."""
        raise TypeError("a commitment is never deleted")


class AllocationSlot(RestrictedRow):
    """One slot of the allocation list. Taken once, never edited (RND-03).

    The arm of a free slot is concealed from everybody, and the block of any slot until the trial is locked: at the end
    of a known block its last arms can be derived from the first ones (RND-02).
    """

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="allocation_slots", verbose_name=_("Trial"))
    stratum = models.CharField(_("Stratum"), max_length=200, blank=True)
    position = models.PositiveIntegerField(_("Position"))
    block = models.PositiveIntegerField(_("Block"))
    arm = models.CharField(_("Arm"), max_length=40)
    # Of an uploaded list; the kit of the first infusion then bears it.
    kit = models.CharField(_("Kit number"), max_length=20, blank=True)
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
            columns=("arm", "block", "kit"),
            until="patient",
            words=gettext_noop("concealed until the slot is taken"),
            # Who knows which places are one block, and the arms taken in it, knows the next arm.
            later=Concealed(
                columns=("block",),
                until="trial__locked_at",
                words=gettext_noop("concealed until the trial is locked"),
            ),
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
