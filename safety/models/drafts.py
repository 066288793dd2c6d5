"""The draft of an adverse event: what was typed before the event is saved."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from audit.trail import Locks, Trail
from patients.models import Patient, VisibleToMembers
from safety.models.events import AdverseEvent
from safety.reporting_clocks import clocks
from trials.models import Trial


class EventDraft(models.Model):
    """The typed input of an adverse event that is not saved yet. Its clock runs as soon as it may be serious.

    It stays when it is finished or discarded: the trail shows from when on the site knew of the event.
    """

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("status of a draft", "Open")
        FINISHED = "finished", pgettext_lazy("status of a draft", "Finished")
        DISCARDED = "discarded", pgettext_lazy("status of a draft", "Discarded")

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="event_drafts", verbose_name=_("Trial"))
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="event_drafts", db_index=False, verbose_name=_("Patient")
    )
    number = models.PositiveIntegerField(_("Number"))
    # The page that keeps it; an event saved from that page finishes the draft.
    save_key = models.CharField(_("Save key"), max_length=64)
    payload = models.JSONField(_("Typed"))
    term = models.CharField(_("Term"), max_length=200, blank=True)
    state = models.CharField(_("Status"), max_length=20, choices=State, default=State.OPEN)
    first_saved_at = models.DateTimeField(_("First saved at"))
    saved_at = models.DateTimeField(_("Last saved at"))
    aware_at = models.DateTimeField(_("Aware at"), null=True)
    clock_starts_at = models.DateTimeField(_("Clock started at"), null=True)
    due_at = models.DateTimeField(_("Due at"), null=True)
    event = models.OneToOneField(
        AdverseEvent, models.PROTECT, null=True, related_name="draft", verbose_name=_("Adverse event")
    )
    discarded_reason = models.TextField(_("Discarded because"), blank=True)

    objects = VisibleToMembers.as_manager()
    history = Trail(
        patient="patient_id",
        trial="trial_id",
        # What is typed is no data yet, and is kept every few seconds: the trail has the clock and the end of the draft.
        excluded=("save_key", "payload", "term", "saved_at"),
        locks=Locks(parents=("patient", "trial"), freezes=False),
    )

    class Meta:
        verbose_name = _("Draft of an adverse event")
        constraints = [
            models.UniqueConstraint(fields=["patient", "number"], name="draft_number_once_per_patient"),
            models.UniqueConstraint(fields=["patient", "save_key"], name="draft_kept_once"),
            models.CheckConstraint(
                condition=Q(clock_starts_at__isnull=True, due_at__isnull=True)
                | Q(clock_starts_at__isnull=False, due_at__isnull=False),
                name="draft_clock_has_a_deadline",
            ),
            models.CheckConstraint(
                condition=~Q(state="discarded") | ~Q(discarded_reason=""),
                name="discarded_draft_has_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(state="finished", event__isnull=False) | (~Q(state="finished") & Q(event=None)),
                name="finished_draft_has_its_event",
            ),
        ]

    def __str__(self) -> str:
        return f"Draft {self.number}"

    def clock(self, now: datetime | None = None) -> clocks.ClockReading | None:
        """Return the state of the draft's reporting clock, or None without one."""
        if self.state != self.State.OPEN or self.clock_starts_at is None or self.due_at is None:
            return None
        return clocks.read(starts_at=self.clock_starts_at, due_at=self.due_at, now=now or timezone.now())
