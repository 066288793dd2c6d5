"""Adverse events: what happened, how bad, how it is related, who knew when."""

from typing import Any

from django.db import models
from django.db.models import Case, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.trail import Trail
from patients.models import Patient, VisibleToMembers
from trials.models import Trial


class AdverseEvent(models.Model):
    """One untoward occurrence. Never deleted, only marked as entered in error (SAF-09)."""

    class Causality(models.TextChoices):
        DEFINITE = "definite", _("Definite")
        PROBABLE = "probable", _("Probable")
        POSSIBLE = "possible", _("Possible")
        UNLIKELY = "unlikely", _("Unlikely")
        NOT_RELATED = "not_related", _("Not related")

    class Outcome(models.TextChoices):
        RECOVERED = "recovered", _("Recovered")
        RECOVERING = "recovering", _("Recovering")
        SEQUELAE = "sequelae", _("Recovered with sequelae")
        NOT_RECOVERED = "not_recovered", _("Not recovered")
        FATAL = "fatal", _("Fatal")
        UNKNOWN = "unknown", _("Unknown")

    class Action(models.TextChoices):
        NONE = "none", _("None")
        INTERRUPTED = "interrupted", _("Infusion interrupted")
        STOPPED = "stopped", _("Infusion stopped")
        NEXT_POSTPONED = "next_postponed", _("Next infusion postponed")
        WITHDRAWN = "withdrawn", _("No further infusion")
        NOT_APPLICABLE = "not_applicable", _("Not applicable")

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="adverse_events")
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="adverse_events")
    number = models.PositiveIntegerField(_("number"))
    term = models.CharField(_("term"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    onset = models.CharField(_("onset"), max_length=60)
    onset_earliest = models.DateTimeField()
    onset_latest = models.DateTimeField()
    ongoing = models.CharField(_("ongoing"), max_length=1)
    end = models.CharField(_("end"), max_length=60, blank=True)
    end_earliest = models.DateTimeField(null=True)
    end_latest = models.DateTimeField(null=True)
    grade = models.PositiveSmallIntegerField(_("grade"))
    results_in_death = models.BooleanField(_("results in death"))
    life_threatening = models.BooleanField(_("life-threatening"))
    hospitalisation = models.BooleanField(_("hospitalisation or prolongation"))
    disability = models.BooleanField(_("persistent disability"))
    congenital_anomaly = models.BooleanField(_("congenital anomaly"))
    medically_important = models.BooleanField(_("medically important"))
    causality = models.CharField(_("causality"), max_length=20, choices=Causality, blank=True)
    outcome = models.CharField(_("outcome"), max_length=20, choices=Outcome)
    action_taken = models.CharField(_("action taken"), max_length=20, choices=Action)
    aesi = models.CharField(_("special interest"), max_length=40, blank=True)
    aware = models.CharField(_("site aware"), max_length=60, blank=True)
    aware_at = models.DateTimeField(null=True)
    reported = models.CharField(_("reported to the sponsor"), max_length=60, blank=True)
    reported_at = models.DateTimeField(null=True)
    late_reason = models.TextField(_("reason for the late report"), blank=True)
    in_error_reason = models.TextField(_("entered in error because"), blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    # Derived by the database, so that no write path can make them disagree with their sources.
    serious = models.GeneratedField(
        expression=Case(
            When(
                Q(results_in_death=True) | Q(life_threatening=True) | Q(hospitalisation=True)
                | Q(disability=True) | Q(congenital_anomaly=True) | Q(medically_important=True),
                then=Value(True),
            ),
            default=Value(False),
        ),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    related = models.GeneratedField(
        expression=Case(When(causality__in=["unlikely", "not_related"], then=Value(False)), default=Value(True)),
        output_field=models.BooleanField(),
        db_persist=True,
    )

    objects = VisibleToMembers.as_manager()
    history = Trail(
        patient="patient_id",
        trial="trial_id",
        excluded=("serious", "related"),
        signed_content=(
            "term", "description", "onset", "ongoing", "end", "grade", "results_in_death", "life_threatening",
            "hospitalisation", "disability", "congenital_anomaly", "medically_important", "causality", "outcome",
            "action_taken", "aesi", "aware", "reported", "late_reason", "in_error_reason",
        ),
    )

    class Meta:
        indexes = [
            models.Index(fields=["trial", "-onset_earliest", "-id"], name="event_by_onset"),
            models.Index(fields=["trial", "patient", "number"], name="event_by_patient"),
            models.Index(fields=["trial", "-grade", "-id"], name="event_by_grade"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["patient", "number"], name="event_number_once_per_patient"),
            models.CheckConstraint(
                condition=Q(grade__gte=1, grade__lte=5), name="grade_is_1_to_5",
                violation_error_message=_("The grade is 1 to 5."),
            ),
        ]

    def __str__(self) -> str:
        return f"AE {self.number}"

    def signed_content(self) -> dict[str, Any]:
        """Return what a review signature covers."""
        names = self.__class__._trail.signed_content  # type: ignore[attr-defined]
        return {"patient": self.patient_id, "number": self.number, **{name: getattr(self, name) for name in names}}
