"""The log of contacts: each attempt to reach a patient after discharge, and what came of it."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.trail import FactMarks, Locks, Trail, facts_of_columns
from patients.models.people import Patient
from patients.models.visibility import OfPatient

CONTACT_FACTS = ("tried_on", "way", "tried_by", "outcome", "note")
CONTACT_SIGNED = (*CONTACT_FACTS, "struck_out_reason")


class ContactQuerySet(OfPatient):
    """Attempts of the trials in which a person holds a role."""

    def in_force(self) -> "ContactQuerySet":
        """Exclude attempts that were struck out."""
        return self.filter(struck_out_reason="")

    def failed(self) -> "ContactQuerySet":
        """Keep attempts in force by which nobody was reached."""
        return self.in_force().filter(outcome__in=ContactAttempt.FAILED)

    def settling(self) -> "ContactQuerySet":
        """Keep attempts in force after which no other is due: the patient was reached, or does not want it."""
        return self.in_force().filter(outcome__in=ContactAttempt.SETTLING)


class ContactAttempt(models.Model):
    """One attempt to reach a patient: the day, the way, who tried, and the outcome."""

    class Way(models.TextChoices):
        PHONE = "phone", _("Telephone")
        MESSAGE = "message", _("E-mail or text message")
        LETTER = "letter", _("Letter")
        IN_PERSON = "in_person", _("In person")
        RELATIVE = "relative", _("Through a relative")
        PHYSICIAN = "physician", _("Through the family physician")

    class Outcome(models.TextChoices):
        REACHED = "reached", _("Patient reached")
        NEWS = "news", _("News from somebody else")
        NO_ANSWER = "no_answer", _("No answer")
        NOT_THERE = "not_there", _("Number or address not valid")
        REFUSED = "refused", _("Does not want to be contacted")

    FAILED = (Outcome.NO_ANSWER, Outcome.NOT_THERE)
    SETTLING = (Outcome.REACHED, Outcome.REFUSED)

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="contacts", verbose_name=_("Patient"))
    number = models.PositiveIntegerField(_("Number"))
    tried_on = models.DateField(_("Day"))
    way = models.CharField(_("Way"), max_length=20, choices=Way)
    tried_by = models.CharField(_("By whom"), max_length=200)
    outcome = models.CharField(_("Outcome"), max_length=20, choices=Outcome)
    note = models.TextField(_("Note"), blank=True)
    struck_out_reason = models.TextField(_("Struck out because"), blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Recorded by")
    )
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)
    version = models.PositiveIntegerField(_("Version"), default=1)
    save_key = models.CharField(_("Save key"), max_length=64, blank=True)

    objects = ContactQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        excluded=("save_key",),
        covered_by=("patient",),
        covered_content=CONTACT_SIGNED,
        fact_marks=FactMarks("patients.Mark", "contact", facts_of_columns(*CONTACT_FACTS)),
        locks=Locks(parents=("patient", "patient__trial")),
    )

    class Meta:
        verbose_name = _("Contact")
        ordering = ["patient", "number"]
        constraints = [
            models.UniqueConstraint(fields=["patient", "number"], name="contact_number_once_per_patient"),
            models.UniqueConstraint(
                fields=["patient", "save_key"], condition=~Q(save_key=""), name="contact_saved_once"
            ),
            models.CheckConstraint(condition=~Q(tried_by=""), name="contact_says_who_tried"),
        ]

    def __str__(self) -> str:
        return str(self.number)

    def signed_content(self) -> dict[str, Any]:
        """Return the part of this attempt that a signature on the casebook covers."""
        return {"number": self.number, **{name: getattr(self, name) for name in CONTACT_SIGNED}}

    @property
    def struck_out(self) -> bool:
        """Return whether the attempt was struck out."""
        return bool(self.struck_out_reason)
