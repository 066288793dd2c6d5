"""The model of an infusion at the bedside; it holds only facts that both arms share."""

from functools import cached_property
from typing import Any, NoReturn

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from audit.stored_text import StoredTextField
from audit.trail import FactMarks, Locks, Trail, facts_of_columns
from patients.models import OfPatient, Patient, Visit
from patients.participation.death import ended_before_death

# The columns of an infusion that a casebook signature covers. The planned days are not among them: they are
# computed again after each infusion, which would invalidate the signature.
BEDSIDE_FACTS = (
    "weight_kg", "weight_measured", "weight_confirmation", "started", "ended", "volume_ml", "interrupted",
    "interruption_reason", "premedication", "tolerated", "tolerance_note", "timing_deviation_reason",
    "not_given_reason",
)  # fmt: skip
BEDSIDE = ("number", "state", *BEDSIDE_FACTS)


def in_turn(patient: str = "patient", number: str = "number") -> Q:
    """Return the condition that no earlier infusion of the patient is planned: only then it can be recorded, so due.

    patient, number: paths to both columns from the rows that are filtered.
    """
    earlier = Infusion.objects.filter(
        patient=OuterRef(patient), number__lt=OuterRef(number), state=Infusion.State.PLANNED
    )
    return Q(~Exists(earlier))


def awaited(died_on: str | None) -> Q:
    """Return the condition for infusions that may be due: in their turn, and not cut off by a death (`form.item`)."""
    return in_turn() & ended_before_death(died_on)


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
    # The two moments of a window that the protocol states in hours, else empty.
    window_opens_at = models.DateTimeField(_("Window opens at"), null=True)
    window_closes_at = models.DateTimeField(_("Window closes at"), null=True)
    state = models.CharField(_("Status"), max_length=10, choices=State)
    # False in a protocol whose doses need no weight; the same in all arms.
    weight_asked = models.BooleanField(_("Weight asked"), default=True)
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
        fact_marks=FactMarks(
            "patients.Mark", "infusion", facts_of_columns(*BEDSIDE_FACTS), others=("state",)
        ),
        locks=Locks(parents=("visit", "patient", "patient__trial")),
    )

    class Meta:
        verbose_name = _("Infusion")
        ordering = ["patient", "number"]
        constraints = [
            models.UniqueConstraint(fields=["patient", "number"], name="infusion_number_once_per_patient"),
            models.CheckConstraint(
                condition=~Q(state="given")
                | Q(started_at__isnull=False, ended_at__isnull=False)
                & (Q(weight_asked=False) | Q(weight_kg__isnull=False)),
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
        return gettext("infusion %(number)s") % {"number": self.number}

    @cached_property
    def is_awaited(self) -> bool:
        """Return True if no earlier infusion of the patient is planned, and no death came before its window ended.

        One query for a row with its patient, unless the rows were annotated.
        """
        died_on = self.patient.protocol.rules.profile.died_on
        return Infusion.objects.filter(awaited(died_on), pk=self.pk).exists()

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: an infusion is marked as not given, with a reason, never deleted."""
        raise TypeError("an infusion is never deleted")
