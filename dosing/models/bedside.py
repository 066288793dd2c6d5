"""Models of the monitoring at the bedside: steps, observations, checklists, decisions. Facts that both arms share.

Rows are never changed: a correction strikes a row out with a reason, and what is right is recorded anew.
"""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.stored_text import StoredTextField
from audit.trail import Locks, Trail
from dosing.models.infusions import Infusion
from patients.models.visibility import VisibleToMembers

# Of every row that a casebook signature covers.
COVERED = ("at", "struck_out_reason")
SIGNED_OF_STEP = ("kind", "value", "reason", "timing_reason")
SIGNED_OF_OBSERVATION = ("point", "values", "rules_met")
SIGNED_OF_CHECKLIST = ("hours", "answers", "notes")
SIGNED_OF_DECISION = ("observation", "choice", "reason")
SIGNED_OF_GAP = ("gap", "choice", "reason")
OWN_LOCKS = ("infusion__visit", "infusion__patient", "infusion__patient__trial")


class OfInfusion(VisibleToMembers):
    """Rows of an infusion."""

    trial_path = "infusion__patient__trial"

    def in_force(self) -> Any:
        """Keep rows that were not struck out."""
        return self.filter(struck_out_reason=None)


def _trail(*content: str) -> Trail:
    """Return the trail of a row of the bedside. content: its columns that the casebook signature covers."""
    return Trail(
        patient="infusion__patient_id",
        trial="infusion__patient__trial_id",
        excluded=("save_key",),
        final=True,
        covered_by=("infusion__patient",) if content else (),
        covered_content=(*COVERED, *content) if content else (),
        locks=Locks(parents=OWN_LOCKS),
    )


class BedsideRow(models.Model):
    """The columns of every row of the bedside. `at` is the moment at the bedside, `recorded_at` the server's.

    clock_offset: seconds by which the tablet's clock was ahead of the server's; null if the moment was typed or is the
    server's. The save key makes a row that is sent twice be stored once.
    """

    infusion = models.ForeignKey(
        Infusion, models.PROTECT, related_name="%(class)ss", verbose_name=_("Infusion")
    )
    at = models.DateTimeField(_("At"))
    clock_offset = models.IntegerField(_("Clock offset (seconds)"), null=True)
    sent_later = models.BooleanField(_("Sent later"), default=False)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Recorded by")
    )
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)
    save_key = models.CharField(_("Save key"), max_length=64)
    struck_out_reason = StoredTextField(_("Struck out because"), null=True)

    objects = OfInfusion.as_manager()

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["infusion", "save_key"], name="%(class)s_saved_once"),
            models.CheckConstraint(
                condition=Q(struck_out_reason=None) | ~Q(struck_out_reason=""),
                name="struck_out_%(class)s_has_a_reason",
            ),
        ]

    @property
    def struck_out(self) -> bool:
        """Return whether the row was struck out."""
        return self.struck_out_reason is not None

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: what was recorded at the bedside is struck out with a reason, never deleted."""
        raise TypeError("a row of the bedside is never deleted")


class InfusionStep(BedsideRow):
    """A step of an infusion: started, paused, resumed, rate changed, stopped.

    value: the rate in mL/h of a start or a change of rate, the volume infused in mL of a stop.
    """

    class Kind(models.TextChoices):
        STARTED = "started", _("Started")
        PAUSED = "paused", _("Paused")
        RESUMED = "resumed", _("Resumed")
        RATE = "rate", _("Rate changed")
        STOPPED = "stopped", _("Stopped")

    kind = models.CharField(_("Step"), max_length=10, choices=Kind)
    value = models.DecimalField(_("Rate (mL/h) or volume (mL)"), max_digits=8, decimal_places=2, null=True)
    reason = models.TextField(_("Reason"), blank=True)
    timing_reason = models.TextField(_("Reason for the timing"), blank=True)

    history = _trail(*SIGNED_OF_STEP)

    class Meta(BedsideRow.Meta):
        verbose_name = _("Step of an infusion")
        ordering = ["infusion", "at", "pk"]
        constraints = [
            *BedsideRow.Meta.constraints,
            models.CheckConstraint(
                condition=Q(value=None) | Q(value__gt=0), name="value_of_step_is_positive"
            ),
            models.CheckConstraint(
                condition=~Q(kind="rate") | Q(value__isnull=False), name="changed_rate_has_a_value"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%H:%M}"


class BedsideObservation(BedsideRow):
    """An observation at a planned time (`point`), or at another time (empty).

    values: stored values by item. rules_met: the stopping rules that it fulfilled, judged when it was recorded.
    """

    point = models.CharField(_("Planned time"), max_length=40, blank=True)
    values = models.JSONField(_("Observed"), default=dict)
    rules_met = models.JSONField(_("Stopping rules met"), default=list)

    history = _trail(*SIGNED_OF_OBSERVATION)

    class Meta(BedsideRow.Meta):
        verbose_name = _("Observation at the bedside")
        ordering = ["infusion", "at", "pk"]
        constraints = [
            *BedsideRow.Meta.constraints,
            models.UniqueConstraint(
                fields=["infusion", "point"],
                condition=Q(struck_out_reason=None) & ~Q(point=""),
                name="planned_time_observed_once",
            ),
        ]

    def __str__(self) -> str:
        return f"observation {self.point or 'extra'}"


class InfusionEventCheck(BedsideRow):
    """The checklist of events some hours after the infusion. answers: Y or N by event; notes: texts by event."""

    hours = models.PositiveIntegerField(_("Hours after the end"))
    answers = models.JSONField(_("Answers"), default=dict)
    notes = models.JSONField(_("Notes"), default=dict)

    history = _trail(*SIGNED_OF_CHECKLIST)

    class Meta(BedsideRow.Meta):
        verbose_name = _("Checklist of an infusion")
        ordering = ["infusion", "hours", "pk"]
        constraints = [
            *BedsideRow.Meta.constraints,
            models.UniqueConstraint(
                fields=["infusion", "hours"],
                condition=Q(struck_out_reason=None),
                name="checklist_of_infusion_done_once",
            ),
        ]

    def __str__(self) -> str:
        return f"checklist {self.hours} h"


class StopDecision(BedsideRow):
    """A physician's decision on a proposed stop, with the reason (CEL-16)."""

    class Choice(models.TextChoices):
        STOP = "stop", _("Stop the infusion")
        SLOW = "slow", _("Give it more slowly")
        GO_ON = "go_on", _("Go on unchanged")

    observation = models.ForeignKey(
        BedsideObservation, models.PROTECT, related_name="decisions", verbose_name=_("Observation")
    )
    choice = models.CharField(_("Decision"), max_length=10, choices=Choice)
    reason = models.TextField(_("Reason"))

    history = _trail(*SIGNED_OF_DECISION)

    class Meta(BedsideRow.Meta):
        verbose_name = _("Decision on a proposed stop")
        ordering = ["infusion", "pk"]
        constraints = [
            *BedsideRow.Meta.constraints,
            models.UniqueConstraint(
                fields=["observation"],
                condition=Q(struck_out_reason=None),
                name="proposed_stop_decided_once",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="stop_decision_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"decision {self.choice}"


class GiveBefore(BedsideRow):
    """Until when a kit is given (`at`), as the laboratory sets it by the same rule in both arms. The newest counts."""

    kit = models.CharField(_("Kit"), max_length=40, blank=True)

    history = _trail()

    class Meta(BedsideRow.Meta):
        verbose_name = _("Time before which a kit is given")
        ordering = ["infusion", "pk"]

    def __str__(self) -> str:
        return f"give before {self.at:%H:%M}"


class BedsideGap(BedsideRow):
    """A decision on a planned observation that was missed, or on a checklist that was not done.

    gap: `time:` and the code of a planned time, or `checklist:` and its hours.
    """

    class Choice(models.TextChoices):
        DEVIATION = "deviation", _("It is a deviation")
        EXPLAINED = "explained", _("It is no deviation")

    gap = models.CharField(_("Missing"), max_length=60)
    choice = models.CharField(_("Decision"), max_length=10, choices=Choice)
    reason = models.TextField(_("Reason"))

    history = _trail(*SIGNED_OF_GAP)

    class Meta(BedsideRow.Meta):
        verbose_name = _("Decision on a missing observation")
        ordering = ["infusion", "pk"]
        constraints = [
            *BedsideRow.Meta.constraints,
            models.UniqueConstraint(
                fields=["infusion", "gap"], condition=Q(struck_out_reason=None), name="gap_decided_once"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="gap_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"gap {self.gap}"
