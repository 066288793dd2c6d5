"""Additions of drug safety to a case for the authority, the reports sent, and the answers of the authority.

Drug safety alone reads these rows: whether a case is completed and sent depends on the arm (A.8). Freezes and locks do
not hold them up: a serious event is reported after the end of the trial too (SAF-11).
"""

from typing import Any, NoReturn

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.restricted_reads import RestrictedRow
from audit.trail import Trail
from patients.models import OfPatient, Patient
from safety.models.cases import JUDGE


class AuthorityCase(RestrictedRow):
    """The answers of drug safety that E2B(R3) asks for and no other page has. One row for each event."""

    class Answer(models.TextChoices):
        YES = "yes", _("Yes")
        NO = "no", _("No")

    class Autopsy(models.TextChoices):
        YES = "yes", _("Yes")
        NO = "no", _("No")
        UNKNOWN = "unknown", _("Unknown")

    event = models.OneToOneField(
        "safety.AdverseEvent", models.PROTECT, related_name="authority_case", verbose_name=_("Adverse event")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="authority_cases", verbose_name=_("Patient")
    )
    sender = models.CharField(_("Identifier of the sender"), max_length=60, blank=True)
    receiver = models.CharField(_("Identifier of the authority"), max_length=60, blank=True)
    expedited = models.CharField(_("Expedited report"), max_length=3, choices=Answer, blank=True)
    history_text = models.TextField(_("Text on the medical history"), blank=True)
    autopsy = models.CharField(_("Autopsy done"), max_length=7, choices=Autopsy, blank=True)
    sender_comment = models.TextField(_("Comment of the sender"), blank=True)
    version = models.PositiveIntegerField(_("Version of these answers"), default=1)

    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id", see=JUDGE)

    class Meta:
        app_label = "safety"
        verbose_name = _("Case for the authority")

    def __str__(self) -> str:
        return str(self.event)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: what was judged is changed, not deleted."""
        raise TypeError("a case for the authority is never deleted")


class CaseTerm(RestrictedRow):
    """A term that drug safety gave to a case, with its release. Taken out, it stays with the reason."""

    class Use(models.TextChoices):
        EVENT = "event", _("Event")
        HISTORY = "history", _("Medical history")
        INDICATION = "indication", _("Indication of the study product")
        CAUSE_OF_DEATH = "cause_of_death", _("Cause of death")
        AUTOPSY_CAUSE = "autopsy_cause", _("Cause found by autopsy")
        DIAGNOSIS = "diagnosis", _("Diagnosis of the sender")

    event = models.ForeignKey(
        "safety.AdverseEvent", models.PROTECT, related_name="case_terms", verbose_name=_("Adverse event")
    )
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="case_terms", verbose_name=_("Patient"))
    use = models.CharField(_("Used for"), max_length=20, choices=Use)
    dictionary = models.ForeignKey(
        "safety.Dictionary", models.PROTECT, related_name="+", verbose_name=_("Dictionary")
    )
    code = models.CharField(_("Code"), max_length=250)
    name = models.CharField(_("Coded term"), max_length=250)
    removed_reason = models.TextField(_("Reason for taking it out"), blank=True)

    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id", see=JUDGE)

    class Meta:
        app_label = "safety"
        verbose_name = _("Coded term of a case")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(code="") & ~Q(name=""), name="case_term_has_a_code"),
            models.UniqueConstraint(
                fields=["event", "use", "code"], condition=Q(removed_reason=""), name="case_term_once_per_use"
            ),
            models.UniqueConstraint(
                fields=["event"], condition=Q(removed_reason="", use="event"), name="case_has_one_event_term"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: a term is taken out with a reason."""
        raise TypeError("a coded term of a case is never deleted")


class AuthorityReport(RestrictedRow):
    """One report as it was sent to the authority: number 0 is the initial one, 1 the first follow-up. It never changes.

    content: element, name and value of each row of the sheet, in the language of the sender. message: the E2B(R3) file.
    based_on: the report of the site whose narrative it has.
    """

    event = models.ForeignKey(
        "safety.AdverseEvent",
        models.PROTECT,
        related_name="authority_reports",
        verbose_name=_("Adverse event"),
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="authority_reports", verbose_name=_("Patient")
    )
    number = models.PositiveIntegerField(_("Number of the report"))
    based_on = models.ForeignKey(
        "safety.SaeReport", models.PROTECT, related_name="+", verbose_name=_("Report of the site")
    )
    batch = models.CharField(_("Batch number"), max_length=100)
    case_number = models.CharField(_("Number of the case"), max_length=100)
    news = models.TextField(_("What is new"), blank=True)
    narrative = models.TextField(_("Narrative"))
    content = models.JSONField(_("Answers as sent"))
    message = models.TextField(_("File of the report"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    sent_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("Sent by"))
    sent_at = models.DateTimeField(_("Sent at"), default=timezone.now)
    save_key = models.CharField(_("Save key"), max_length=64)

    objects = OfPatient.as_manager()
    history = Trail(
        patient="patient_id", trial="patient__trial_id", see=JUDGE, excluded=("save_key",), final=True
    )

    class Meta:
        app_label = "safety"
        verbose_name = _("Report to the authority")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["event", "number"], name="authority_report_number_once"),
            models.UniqueConstraint(fields=["event", "save_key"], name="authority_report_sent_once"),
            models.CheckConstraint(
                condition=Q(number=0, news="") | (Q(number__gt=0) & ~Q(news="")),
                name="authority_follow_up_says_what_is_new",
            ),
        ]

    def __str__(self) -> str:
        return f"FU{self.number}" if self.number else "initial"

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: what was sent cannot be unsent."""
        raise TypeError("a report to the authority is never deleted")


class AuthorityAnswer(RestrictedRow):
    """The acknowledgement of a report as the authority sent it. `words`: what it says is wrong. It never changes."""

    report = models.ForeignKey(
        AuthorityReport, models.PROTECT, related_name="answers", verbose_name=_("Report to the authority")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="authority_answers", verbose_name=_("Patient")
    )
    number = models.CharField(_("Number of the answer"), max_length=100, blank=True)
    is_accepted = models.BooleanField(_("Accepted"))
    code = models.CharField(_("Code of the answer"), max_length=2)
    words = models.TextField(_("Errors"), blank=True)
    file = models.TextField(_("File of the answer"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("Recorded by"))
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)

    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id", see=JUDGE, final=True)

    class Meta:
        app_label = "safety"
        verbose_name = _("Answer of the authority")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["report", "sha256"], name="authority_answer_once"),
        ]

    def __str__(self) -> str:
        return f"{self.report} {self.code}"

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: what the authority answered stays."""
        raise TypeError("an answer of the authority is never deleted")
