"""Protocol deviations: one row each, with its place, its text and the classification by a person.

Deviations that come from product data are rows of their own (`dosing.ProductDeviation`): in a masked trial they would
reveal the arm. Both logs share the columns of `DeviationRow`.
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.stored_text import StoredTextField, written
from audit.trail import Locks, Trail
from patients.models.people import Patient
from patients.models.visibility import OfPatient
from protocol.values.moments import Moment

DEVIATION_SIGNED = (
    "category", "occurred_on", "detected_on", "description", "classification", "action_taken", "reported_on",
    "struck_out_reason",
)  # fmt: skip
# Like an adverse event: entered under a freeze, and after a lock only with the reason for it.
UNDER_PATIENT_LOCK = Locks(parents=("patient", "patient__trial"), freezes=False, unless="after_lock_reason")
IN_FORCE = Q(struck_out_reason="")


class DeviationClass(models.TextChoices):
    """How much a deviation weighs: a person decides. Minor and major follow ICH E3 (important deviations)."""

    UNCLASSIFIED = "unclassified", _("Not classified")
    MINOR = "minor", _("Minor")
    MAJOR = "major", _("Major")
    REPORTABLE = "reportable", _("Reportable to the sponsor")


class DeviationPlace(models.TextChoices):
    """The kind of row that a deviation was found at. A deviation entered by hand has none."""

    VISIT = "visit", _("Visit")
    INFUSION = "infusion", _("Infusion")
    ELIGIBILITY = "eligibility", _("Eligibility")
    ADVERSE_EVENT = "adverse_event", _("Adverse event")
    RECORD = "record", _("Form")
    SAMPLE = "sample", _("Sample")


class DeviationRow(models.Model):
    """The columns of both logs of deviations.

    place, place_key: what the deviation is about, both empty for one entered by hand; the key is the visit's key, the
    number of the infusion or event, the id of the criterion, or the primary key of the record.
    """

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="%(class)ss", verbose_name=_("Patient"))
    number = models.PositiveIntegerField(_("Number"))
    # Each log has its own categories.
    category = models.CharField(_("Concerns"), max_length=20)
    place = models.CharField(_("Place"), max_length=20, choices=DeviationPlace, blank=True)
    place_key = models.CharField(_("Key of the place"), max_length=40, blank=True)
    # As precise as it is known: an ISO prefix, like the partial dates of the forms.
    occurred_on = models.CharField(_("Happened on"), max_length=10)
    detected_on = models.DateField(_("Noticed on"))
    description = StoredTextField(_("What happened"))
    classification = models.CharField(
        _("Classification"), max_length=20, choices=DeviationClass, default=DeviationClass.UNCLASSIFIED
    )
    classified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("Classified by"),
    )
    classified_at = models.DateTimeField(_("Classified at"), null=True)
    action_taken = models.TextField(_("Action taken"), blank=True)
    reported_on = models.DateField(_("Reported to the sponsor on"), null=True)
    # Set when a person changed the text: what is saved at the place overwrites it no more.
    amended_at = models.DateTimeField(_("Amended at"), null=True)
    # Filled while a classified deviation waits for a person, because its place was corrected.
    place_corrected = StoredTextField(_("Place corrected"), blank=True)
    struck_out_reason = StoredTextField(_("Struck out because"), blank=True)
    after_lock_reason = models.TextField(_("Entered after the lock because"), blank=True)
    # Null: found by the work that runs by time.
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("Recorded by"),
    )
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)
    version = models.PositiveIntegerField(_("Version"), default=1)
    save_key = models.CharField(_("Save key"), max_length=64, blank=True)

    letter = ""

    class Meta:
        abstract = True
        ordering = ["patient", "number"]
        constraints = [
            models.UniqueConstraint(fields=["patient", "number"], name="%(class)s_number_once_per_patient"),
            models.UniqueConstraint(
                fields=["patient", "place", "place_key", "category"],
                condition=IN_FORCE & ~Q(place=""),
                name="one_%(class)s_in_force_per_place",
            ),
            models.UniqueConstraint(
                fields=["patient", "save_key"], condition=~Q(save_key=""), name="%(class)s_saved_once"
            ),
            models.CheckConstraint(
                condition=Q(classification="unclassified", classified_by=None, classified_at=None)
                | ~Q(classification="unclassified")
                & Q(classified_by__isnull=False, classified_at__isnull=False),
                name="%(class)s_is_classified_by_a_person",
            ),
            models.CheckConstraint(
                condition=Q(reported_on=None) | Q(classification="reportable"),
                name="reported_%(class)s_is_reportable",
                violation_error_message=_("Only a reportable deviation is reported to the sponsor."),
            ),
            models.CheckConstraint(
                condition=Q(place="", place_key="") | ~Q(place="") & ~Q(place_key=""),
                name="place_of_%(class)s_has_a_key",
            ),
            models.CheckConstraint(condition=~Q(description=""), name="%(class)s_says_what_happened"),
        ]

    def __str__(self) -> str:
        return f"{self.letter}-{self.number}"

    def signed_content(self) -> dict[str, Any]:
        """Return the part of this deviation that a signature on the casebook covers."""
        facts = {name: getattr(self, name) for name in DEVIATION_SIGNED}
        # The text of the column, which is the same in every reader's language.
        texts = {name: written(facts[name]) for name in ("description", "struck_out_reason")}
        return {"number": self.number, **facts, **texts}

    @property
    def struck_out(self) -> bool:
        """Return whether the deviation was struck out."""
        return bool(self.struck_out_reason)

    @property
    def classified(self) -> bool:
        """Return whether a person classified the deviation."""
        return self.classification != DeviationClass.UNCLASSIFIED

    @property
    def waits(self) -> bool:
        """Return whether a person has to decide: it is not classified, or its place was corrected since."""
        return not self.struck_out and (not self.classified or bool(self.place_corrected))

    @property
    def occurred(self) -> Moment:
        """Return the day on which it happened, as precisely as it is known."""
        return Moment.from_iso(self.occurred_on)


class DeviationQuerySet(OfPatient):
    """Deviations of the trials in which a person holds a role."""

    def in_force(self) -> "DeviationQuerySet":
        """Exclude deviations that were struck out."""
        return self.filter(IN_FORCE)

    def waiting(self) -> "DeviationQuerySet":
        """Keep deviations that wait for a person: not classified, or their place was corrected since."""
        return self.in_force().filter(Q(classification=DeviationClass.UNCLASSIFIED) | ~Q(place_corrected=""))


class Deviation(DeviationRow):
    """One deviation of the general log, D-1, D-2 … in each patient. Holds only facts that both arms share."""

    class Category(models.TextChoices):
        CONSENT = "consent", _("Consent")
        ELIGIBILITY = "eligibility", _("Eligibility")
        INFUSION_TIME = "infusion_time", _("Time of an infusion")
        INFUSION_COURSE = "infusion_course", _("Volume or duration of an infusion")
        NOT_DISPENSED = "not_dispensed", _("Infusion documented late, without a dispensed kit")
        VISIT_WINDOW = "visit_window", _("Visit outside its window")
        ASSESSMENT = "assessment", _("Visit, examination or sample missed")
        MEDICATION = "medication", _("Prohibited medicine")
        SAFETY_REPORT = "safety_report", _("Safety report")
        SAMPLE_TIME = "sample_time", _("Time to the freezing of a sample")
        SAMPLE_CONDITION = "sample_condition", _("Sample missing or damaged")
        OTHER = "other", _("Other")

    category = models.CharField(_("Concerns"), max_length=20, choices=Category)

    letter = "D"
    objects = DeviationQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        excluded=("save_key",),
        covered_by=("patient",),
        covered_content=DEVIATION_SIGNED,
        locks=UNDER_PATIENT_LOCK,
    )

    class Meta(DeviationRow.Meta):
        verbose_name = _("Protocol deviation")
