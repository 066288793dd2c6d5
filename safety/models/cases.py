"""Clocks of the sponsor, which all members of the trial see, and what came of a case, which drug safety alone sees."""

from datetime import datetime
from typing import Any, NoReturn

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.restricted_reads import RestrictedRow
from audit.trail import Trail
from patients.models import OfPatient, Patient
from safety.models.events import AdverseEvent
from safety.reporting_clocks import clocks
from safety.reporting_clocks.clock_table import ClockKind

# A plain string: a migration must not refer to an enumeration of this project.
JUDGE = "judge_case"


class CaseClock(models.Model):
    """A clock of the sponsor that an event started. It never changes and never ends: a later one stands beside it.

    The row does not tell whether a report was sent, so that it is the same in both arms. site_due_at: when it would
    end if the sponsor had known as early as the site, which may be the same hospital (CLK-02).
    """

    event = models.ForeignKey(
        AdverseEvent, models.PROTECT, related_name="case_clocks", verbose_name=_("Adverse event")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="case_clocks", verbose_name=_("Patient")
    )
    kind = models.CharField(_("Clock"), max_length=30)
    starts_at = models.DateTimeField(_("Starts at"))
    due_at = models.DateTimeField(_("Due at"))
    site_due_at = models.DateTimeField(_("Due by the awareness of the site"), null=True)
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)

    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id", final=True)

    class Meta:
        verbose_name = _("Clock of the sponsor")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["event", "kind", "starts_at"], name="case_clock_starts_once"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.kind}"

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: a clock that ran stays."""
        raise TypeError("a clock of the sponsor is never deleted")

    def read(self, now: datetime, decision: "CaseDecision | None" = None) -> clocks.ClockReading:
        """Return the state of the clock; only drug safety knows the decision that stops it."""
        stopped = decision.decided_on_at if decision is not None else None
        return clocks.read(starts_at=self.starts_at, due_at=self.due_at, now=now, stopped_at=stopped)


class CaseDecision(RestrictedRow):
    """The decision on a case whose clock runs: sent to the authority, or not to be reported. Drug safety alone sees it.

    Whether a SUSAR is reported depends on the arm, so the presence of a row with one of the two answers would unblind.
    follow_up_due_at: until when the first report of a fatal or life-threatening SUSAR has to be completed.
    """

    class Result(models.TextChoices):
        SENT = "sent", _("Sent to the authority")
        NOT_REPORTABLE = "not_reportable", _("Not reportable")

    clock = models.OneToOneField(
        CaseClock, models.PROTECT, related_name="decision", verbose_name=_("Clock of the sponsor")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="case_decisions", verbose_name=_("Patient")
    )
    result = models.CharField(_("Decision"), max_length=20, choices=Result)
    decided_on = models.CharField(_("Sent or decided"), max_length=60)
    decided_on_at = models.DateTimeField(_("Sent or decided at"))
    reason = models.TextField(_("Reason"), blank=True)
    late_reason = models.TextField(_("Reason for the late report"), blank=True)
    follow_up_due_at = models.DateTimeField(_("Follow-up due at"), null=True)
    follow_up_sent_at = models.DateTimeField(_("Follow-up sent at"), null=True)
    follow_up_late_reason = models.TextField(_("Reason for the late follow-up"), null=True)  # noqa: DJ001  filled once
    decided_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("Decided by"))
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)

    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id", see=JUDGE, final=True)

    class Meta:
        verbose_name = _("Decision on a case")
        constraints = [
            models.CheckConstraint(
                condition=Q(result="sent") | ~Q(reason=""), name="case_that_is_not_reported_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.clock} {self.result}"

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: what was sent cannot be unsent."""
        raise TypeError("a decision on a case is never deleted")


def kind_of(clock: CaseClock) -> ClockKind:
    """Return the kind of a stored clock."""
    return ClockKind(clock.kind)
