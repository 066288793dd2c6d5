"""The reports of a serious event that were sent. A row is what was sent: it never changes (SAF-12)."""

from typing import Any, NoReturn

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.trail import Trail
from patients.models import OfPatient, Patient


class SaeReport(models.Model):
    """One report as it was sent: number 0 is the initial report, 1 the first follow-up.

    facts: name, label and text of each answer of the event at that time, in the language of the sender.
    The row is the same in both arms. Freezes and locks do not hold it up: what becomes known after the end of the trial
    is reported too (SAF-11).
    """

    event = models.ForeignKey(
        "safety.AdverseEvent", models.PROTECT, related_name="reports", verbose_name=_("Adverse event")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="sae_reports", verbose_name=_("Patient")
    )
    number = models.PositiveIntegerField(_("Number of the report"))
    narrative = models.TextField(_("Narrative"))
    news = models.TextField(_("What is new"), blank=True)
    facts = models.JSONField(_("Answers as sent"))
    event_version = models.PositiveIntegerField(_("Version of the event"))
    sent_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("Sent by"))
    sent_at = models.DateTimeField(_("Sent at"), default=timezone.now)
    save_key = models.CharField(_("Save key"), max_length=64)

    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id", excluded=("save_key",), final=True)

    class Meta:
        verbose_name = _("Report of a serious event")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["event", "number"], name="sae_report_number_once_per_event"),
            models.UniqueConstraint(fields=["event", "save_key"], name="sae_report_sent_once"),
            models.CheckConstraint(condition=~Q(narrative=""), name="sae_report_has_a_narrative"),
            models.CheckConstraint(
                condition=Q(number=0, news="") | (Q(number__gt=0) & ~Q(news="")),
                name="sae_follow_up_says_what_is_new",
            ),
        ]

    def __str__(self) -> str:
        return label_of(self.number)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: what was sent cannot be unsent."""
        raise TypeError("a report of a serious event is never deleted")


def label_of(number: int) -> str:
    """Return how a report is named in files and commands: `initial`, `FU1`, `FU2`."""
    return f"FU{number}" if number else "initial"


def number_of(label: str) -> int | None:
    """Return the number of a report from its name, in upper or lower case; None for another text."""
    words = label.strip().casefold()
    if words == "initial":
        return 0
    digits = words.removeprefix("fu")
    return int(digits) if digits != words and digits.isdecimal() and int(digits) > 0 else None
