"""Models of the patient, the identity behind the subject code, consents and eligibility decisions."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from audit.trail import Locks, Trail
from patients.models.visibility import OfPatient, VisibleToMembers
from patients.signals import casebook_content
from trials.models import ProtocolVersion, Trial
from trials.reader import shown_moment

PATIENT_SIGNED = (
    "code", "protocol", "state", "screened_on", "group", "enrolled_on", "first_infusion_on", "failed_on",
    "failure_reason", "ended_on", "end_reason", "end_note",
)  # fmt: skip
CONSENT_SIGNED = ("type", "version", "given", "capacity_regained_on")
UNDER_PATIENT = Locks(parents=("patient", "patient__trial"))


class Patient(models.Model):
    """One participant of one trial, under a subject code that reveals nothing about the person."""

    class State(models.TextChoices):
        SCREENING = "screening", _("Screening")
        SCREEN_FAILED = "screen_failed", _("Screen failure")
        ENROLLED = "enrolled", _("In follow-up")
        ENDED = "ended", _("Study ended")

    class EndReason(models.TextChoices):
        COMPLETED = "completed", pgettext_lazy("how the study ended", "Completed")
        DEATH = "death", _("Death")
        WITHDRAWAL = "withdrawal", _("Withdrawal")
        LOST = "lost", _("Lost to follow-up")

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="patients", verbose_name=_("Trial"))
    protocol = models.ForeignKey(
        ProtocolVersion, models.PROTECT, related_name="+", verbose_name=_("Protocol")
    )
    # Version of the consent form that an amendment asks for; it stays set after the patient has signed it.
    reconsent_version = models.CharField(_("Consent to sign again"), max_length=40, blank=True)
    number = models.PositiveIntegerField(_("Number"))
    code = models.CharField(_("Patient"), max_length=20)
    state = models.CharField(_("Status"), max_length=20, choices=State)
    screened_on = models.DateField(_("Screened on"))
    group = models.CharField(_("Group"), max_length=20, blank=True)
    enrolled_on = models.DateField(_("Included on"), null=True)
    enrolled_at = models.DateTimeField(_("Enrolled at"), null=True)
    first_infusion_on = models.DateField(_("First infusion"), null=True)
    failed_on = models.DateField(_("Screen failure on"), null=True)
    failure_reason = models.TextField(_("Reason for screen failure"), blank=True)
    ended_on = models.DateField(_("End of study"), null=True)
    end_reason = models.CharField(_("Reason for the end"), max_length=20, choices=EndReason, blank=True)
    end_note = models.TextField(_("Note on the end"), blank=True)
    frozen_at = models.DateTimeField(_("Frozen at"), null=True)
    locked_at = models.DateTimeField(_("Locked at"), null=True)
    created_at = models.DateTimeField(_("Created at"), default=timezone.now)
    # Identifies the screening form that made the row, so that a double click uses one subject code.
    save_key = models.CharField(_("Save key"), max_length=64, blank=True)

    objects = VisibleToMembers.as_manager()
    history = Trail(
        patient="id",
        trial="trial_id",
        excluded=("save_key",),
        signed_content=PATIENT_SIGNED,
        locks=Locks(parents=("trial",), level="patient", stored_in="patients.DataLock"),
    )

    class Meta:
        verbose_name = _("Patient")
        constraints = [
            models.UniqueConstraint(fields=["trial", "number"], name="patient_number_once_per_trial"),
            models.UniqueConstraint(fields=["trial", "code"], name="patient_code_once_per_trial"),
            models.UniqueConstraint(
                fields=["trial", "save_key"], condition=~Q(save_key=""), name="patient_screened_once"
            ),
            models.CheckConstraint(
                condition=~Q(state="enrolled") | Q(enrolled_on__isnull=False),
                name="enrolled_patient_has_a_date",
            ),
            models.CheckConstraint(
                condition=~Q(state="screen_failed") | (Q(failed_on__isnull=False) & ~Q(failure_reason="")),
                name="screen_failure_keeps_its_reason",
            ),
            models.CheckConstraint(
                condition=~Q(state="ended") | (Q(ended_on__isnull=False) & ~Q(end_reason="")),
                name="end_of_study_has_date_and_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    def share(self, trial: Trial, protocol: ProtocolVersion | None) -> None:
        """Set the trial and protocol already read: the text of a protocol is too long to read twice."""
        self.trial = trial
        if protocol is not None and protocol.pk == self.protocol_id:
            self.protocol = protocol
        if protocol is not None and protocol.pk == trial.protocol_id:
            trial.protocol = protocol

    def signed_content(self) -> dict[str, Any]:
        """Return the content that a signature on the casebook covers: the patient and everything captured.

        Reads the consents, visits, forms, logs and deviations, and what the receivers of `casebook_content` add.
        """
        facts = {name: getattr(self, f"{name}_id" if name == "protocol" else name) for name in PATIENT_SIGNED}
        visits = self.visits.order_by("pk").prefetch_related("records")
        logs = self.records.filter(visit=None).order_by("pk")
        parts_of_rooms: list[tuple[Any, Any]] = casebook_content.send(sender=Patient, patient=self)
        return {
            **facts,
            "consents": [consent.signed_content() for consent in self.consents.order_by("pk")],
            "visits": [visit.signed_content() for visit in visits],
            "logs": [record.signed_content() for record in logs],
            "deviations": [each.signed_content() for each in self.deviations.order_by("number")],
            **{name: rows for _receiver, part in parts_of_rooms for name, rows in part.items()},
        }


class Identity(models.Model):
    """Identifying data of a patient, kept apart from clinical data behind a permission of its own (PRV-01)."""

    patient = models.OneToOneField(
        Patient, models.PROTECT, related_name="identity", verbose_name=_("Patient")
    )
    name = models.CharField(_("Name"), max_length=200, blank=True)
    hospital_number = models.CharField(_("Hospital number"), max_length=60, blank=True)
    birth_date = models.CharField(_("Date of birth"), max_length=10, blank=True)
    contact = models.TextField(_("Contact"), blank=True)

    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id", see="see_identity")

    class Meta:
        verbose_name = _("Identity")


class Consent(models.Model):
    """One informed consent: who gave it, on which version of the form, and when."""

    class Type(models.TextChoices):
        PATIENT = "patient", _("Patient")
        LEGAL_REPRESENTATIVE = "legal_representative", _("Legal representative")
        IMPARTIAL_WITNESS = "impartial_witness", _("Impartial witness")

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="consents", verbose_name=_("Patient"))
    type = models.CharField(_("Given by"), max_length=30, choices=Type)
    version = models.CharField(_("Version of the form"), max_length=40)
    # `given` is the moment as entered, with its UTC offset; `given_at` the same instant, for ordering.
    given = models.CharField(_("Date and time"), max_length=60)
    given_at = models.DateTimeField(_("Given at"))
    capacity_regained_on = models.DateField(_("Capacity regained on"), null=True)
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Recorded by")
    )

    objects = OfPatient.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        covered_by=("patient",),
        covered_content=CONSENT_SIGNED,
        locks=UNDER_PATIENT,
    )

    class Meta:
        verbose_name = _("Consent")
        ordering = ["given_at", "pk"]

    def signed_content(self) -> dict[str, Any]:
        """Return the part of this consent that a signature on the casebook covers."""
        return {name: getattr(self, name) for name in CONSENT_SIGNED}

    @property
    def given_words(self) -> str:
        """Return the date and time of the consent in the reader's language."""
        return shown_moment(self.given)


class EligibilityDecision(models.Model):
    """One investigator's decision on eligibility, with the result and the inputs of every criterion."""

    class Conclusion(models.TextChoices):
        ELIGIBLE = "eligible", _("Eligible")
        NOT_ELIGIBLE = "not_eligible", _("Not eligible")

    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="eligibility_decisions", verbose_name=_("Patient")
    )
    protocol = models.ForeignKey(
        ProtocolVersion, models.PROTECT, related_name="+", verbose_name=_("Protocol")
    )
    conclusion = models.CharField(_("Conclusion"), max_length=20, choices=Conclusion)
    group = models.CharField(_("Group"), max_length=20, blank=True)
    inclusion_on = models.DateField(_("Intended day of inclusion"))
    criteria = models.JSONField(_("Criteria"))
    decided_at = models.DateTimeField(_("Decided at"))
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Decided by")
    )

    objects = OfPatient.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        signed_content=("conclusion", "group", "inclusion_on", "criteria"),
        locks=UNDER_PATIENT,
    )

    class Meta:
        verbose_name = _("Eligibility decision")
        ordering = ["pk"]

    def signed_content(self) -> dict[str, Any]:
        """Return the content that the investigator's signature covers."""
        return {
            "patient": self.patient_id,
            "protocol": self.protocol_id,
            "conclusion": self.conclusion,
            "group": self.group,
            "inclusion_on": self.inclusion_on.isoformat(),
            "criteria": self.criteria,
        }
