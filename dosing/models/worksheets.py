"""Models of the preparation worksheet and of the check at the bedside (CEL-09, CEL-12, CEL-13).

The worksheet lies behind SEE_TREATMENT. The check at the bedside and an infusion that was documented late are facts
that both arms share. No row is ever changed: a wrong step is struck out with a reason and recorded again.
"""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.restricted_reads import RestrictedRow
from audit.stored_text import StoredTextField
from audit.trail import FactMarks, Locks, Trail
from dosing.models.bags import Bag
from dosing.models.infusions import Infusion
from dosing.models.treatments import TreatmentQuerySet
from dosing.worksheet.plan import VALUES
from patients.models import OfPatient, Patient

LOCKS = Locks(parents=("patient", "patient__trial"))
# The facts of a step that queries and marks name: its moment, what was scanned or signed, and the values of
# `dosing.worksheet.plan`.
STEP_FACTS = tuple(
    dict.fromkeys(
        [
            *("at", "source", "subject", "bag", "lot", "bags", "kit", "second_identifier", "dose_reason"),
            *(value.name for values in VALUES.values() for value in values),
        ]
    )
)
SIGNED_OF_STEP = ("infusion_id", "kind", "bag_id", "at", "values")
SIGNED_OF_CHECK = ("infusion_id", "kit", "second_identifier", "checked_at", "checked_by_id")
SIGNED_OF_LATE = ("infusion_id", "reason", "recorded_at", "recorded_by_id")
SIGNED_OF_OVERRIDE = ("infusion_id", "stop", "reason", "requested_at", "requested_by_id")


class KeptRow(models.Model):
    """A row that is never deleted."""

    class Meta:
        abstract = True

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: what happened to a product is kept for thirty years."""
        raise TypeError("a row of the worksheet is never deleted")


class WorksheetStep(KeptRow, RestrictedRow):
    """One step of the preparation of an infusion: who, when, and the values as they were typed.

    values: text by name of the field. bag: of a bag that was chosen. source: the paper from which the step was
    transcribed, empty if it was recorded at the bench; written_at: when it was written there. read_by: the second
    reader who compared the transcription with the paper.
    """

    class Kind(models.TextChoices):
        ORDER = "order", _("Order identified")
        BAG = "bag", _("Bag chosen")
        IDENTITY = "identity", _("Second person before thawing")
        THAW_BEGUN = "thaw_begun", _("Thaw begun")
        THAW_ENDED = "thaw_ended", _("Thaw ended")
        DILUTION = "dilution", _("Wash and dilution")
        COUNT = "count", _("Count and viability")
        DRAWN = "drawn", _("Volume drawn")
        LABELLED = "labelled", _("Labelled with the kit number")
        CHECK = "check", _("Checked by a second person")
        DISPENSED = "dispensed", _("Dispensed")

    infusion = models.ForeignKey(
        Infusion, models.PROTECT, related_name="worksheet_steps", verbose_name=_("Infusion")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="worksheet_steps", verbose_name=_("Patient")
    )
    kind = models.CharField(_("Step"), max_length=12, choices=Kind)
    bag = models.ForeignKey(
        Bag, models.PROTECT, null=True, related_name="worksheet_steps", verbose_name=_("Bag")
    )
    at = models.DateTimeField(_("At"))
    values = models.JSONField(_("Values"), default=dict)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Recorded by")
    )
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)
    source = models.CharField(_("Transcribed from"), max_length=200, blank=True)
    written_at = models.DateTimeField(_("Written on paper at"), null=True)
    read_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("Second reader")
    )
    read_at = models.DateTimeField(_("Compared with the paper at"), null=True)
    struck_out_reason = StoredTextField(_("Struck out because"), null=True)

    objects = TreatmentQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        see="see_treatment",
        final=True,
        signed_content=SIGNED_OF_STEP,
        # A step never changes: only striking it out undoes what was compared with its source.
        fact_marks=FactMarks(
            "dosing.ProductMark", "worksheet_step", dict.fromkeys(STEP_FACTS, ("struck_out_reason",))
        ),
        locks=LOCKS,
    )

    class Meta:
        verbose_name = _("Step of the preparation")
        ordering = ["infusion", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["infusion", "kind"],
                condition=Q(struck_out_reason=None, bag=None),
                name="worksheet_step_once",
                violation_error_message=_("This step is recorded already."),
            ),
            models.UniqueConstraint(
                fields=["infusion", "bag"],
                condition=Q(struck_out_reason=None, bag__isnull=False),
                name="bag_chosen_once",
                violation_error_message=_("This bag is chosen already."),
            ),
            models.CheckConstraint(
                condition=Q(kind="bag", bag__isnull=False) | ~Q(kind="bag") & Q(bag=None),
                name="chosen_bag_is_named",
            ),
            models.CheckConstraint(
                condition=Q(source="", written_at=None, read_by=None, read_at=None)
                | ~Q(source="") & Q(written_at__isnull=False),
                name="transcribed_step_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(read_by=None, read_at=None) | Q(read_by__isnull=False, read_at__isnull=False),
                name="second_reader_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(read_by=None) | ~Q(read_by=models.F("recorded_by")),
                name="second_reader_is_another_person",
            ),
            models.CheckConstraint(
                condition=Q(struck_out_reason=None) | ~Q(struck_out_reason=""),
                name="struck_out_step_has_a_reason",
            ),
        ]

    def signed_content(self) -> dict[str, Any]:
        """Return the content that a second person signs: the step and its values."""
        return {name: getattr(self, name) for name in SIGNED_OF_STEP}


class KitCheck(KeptRow):
    """A kit number scanned at the bedside that fits the patient; the same in both arms (CEL-13).

    second_identifier: by which the patient was identified besides the subject code; never the identifier itself. A
    second person signs it.
    """

    class Identifier(models.TextChoices):
        BIRTH_YEAR = "birth_year", _("Year of birth")
        HOSPITAL_NUMBER = "hospital_number", _("Hospital number")
        NAME = "name", _("Name")

    infusion = models.ForeignKey(
        Infusion, models.PROTECT, related_name="kit_checks", verbose_name=_("Infusion")
    )
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="kit_checks", verbose_name=_("Patient"))
    kit = models.CharField(_("Kit number"), max_length=20)
    second_identifier = models.CharField(_("Second identifier"), max_length=16, choices=Identifier)
    checked_at = models.DateTimeField(_("Compared at"), default=timezone.now)
    checked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Compared by")
    )

    objects = OfPatient.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        final=True,
        signed_content=SIGNED_OF_CHECK,
        locks=LOCKS,
    )

    class Meta:
        verbose_name = _("Kit compared at the bedside")
        ordering = ["infusion", "pk"]

    def signed_content(self) -> dict[str, Any]:
        """Return the content that the second person signs: kit and patient were compared."""
        return {name: getattr(self, name) for name in SIGNED_OF_CHECK}


class LateInfusion(KeptRow):
    """Why an infusion was recorded though no kit was dispensed for it: documented late. A second person signs it.

    The same in both arms: whether a kit was dispensed says nothing about its content.
    """

    infusion = models.OneToOneField(
        Infusion, models.PROTECT, related_name="documented_late", verbose_name=_("Infusion")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="late_infusions", verbose_name=_("Patient")
    )
    reason = models.TextField(_("Reason"))
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Recorded by")
    )

    objects = OfPatient.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        final=True,
        signed_content=SIGNED_OF_LATE,
        locks=LOCKS,
    )

    class Meta:
        verbose_name = _("Infusion documented late")
        ordering = ["infusion"]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="late_infusion_has_a_reason"),
        ]

    def signed_content(self) -> dict[str, Any]:
        """Return the content that the second person signs."""
        return {name: getattr(self, name) for name in SIGNED_OF_LATE}


class StopOverride(KeptRow, RestrictedRow):
    """A hard stop that the protocol lets an investigator override, with the reason; in force once it is signed."""

    infusion = models.ForeignKey(
        Infusion, models.PROTECT, related_name="stop_overrides", verbose_name=_("Infusion")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="stop_overrides", verbose_name=_("Patient")
    )
    stop = models.CharField(_("Hard stop"), max_length=24)
    reason = models.TextField(_("Reason"))
    requested_at = models.DateTimeField(_("Recorded at"), default=timezone.now)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Recorded by")
    )

    objects = TreatmentQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        see="see_treatment",
        final=True,
        signed_content=SIGNED_OF_OVERRIDE,
        locks=LOCKS,
    )

    class Meta:
        verbose_name = _("Hard stop overridden")
        ordering = ["infusion", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["infusion", "stop"], name="stop_overridden_once"),
            models.CheckConstraint(condition=~Q(reason=""), name="override_has_a_reason"),
        ]

    def signed_content(self) -> dict[str, Any]:
        """Return the content that the investigator signs."""
        return {name: getattr(self, name) for name in SIGNED_OF_OVERRIDE}
