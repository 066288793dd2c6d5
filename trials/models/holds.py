"""Holds of a trial: while one is in force nobody is included, allocated or treated (CEL-16)."""

from typing import Any, NoReturn

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.trail import Trail


class TrialHold(models.Model):
    """A hold set by a person, or proposed by a stopping rule of the protocol that fired. Released by two signatures.

    rule, title: of the stopping rule, as it read then; empty if a person set the hold, who gives the `reason`.
    events: the adverse events that made the rule fire, as `LIE-001 AE 2`.
    """

    trial = models.ForeignKey("Trial", models.PROTECT, related_name="holds", verbose_name=_("Trial"))
    number = models.PositiveIntegerField(_("Number"))
    rule = models.CharField(_("Stopping rule"), max_length=48, blank=True)
    title = models.CharField(_("Title of the rule"), max_length=4000, blank=True)
    events = models.JSONField(_("Adverse events"), default=list)
    reason = models.TextField(_("Reason"), blank=True)
    set_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, verbose_name=_("Set by"))
    set_at = models.DateTimeField(_("Set at"), default=timezone.now)
    released_at = models.DateTimeField(_("Released at"), null=True)

    history = Trail(trial="trial_id")

    class Meta:
        verbose_name = _("Hold")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "number"], name="hold_number_once_per_trial"),
            models.CheckConstraint(
                condition=~Q(rule="") & Q(set_by=None) | Q(rule="", set_by__isnull=False) & ~Q(reason=""),
                name="hold_has_a_rule_or_a_person_with_a_reason",
            ),
        ]

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: a hold is released by two signatures, never deleted."""
        raise TypeError("a hold is never deleted")


class HoldRelease(models.Model):
    """One of the two signatures that release a hold: of the site by an investigator, of the sponsor."""

    class Side(models.TextChoices):
        SITE = "site", _("Investigator")
        SPONSOR = "sponsor", _("Representative of the sponsor")

    trial = models.ForeignKey("Trial", models.PROTECT, related_name="+", verbose_name=_("Trial"))
    hold = models.ForeignKey(TrialHold, models.PROTECT, related_name="releases", verbose_name=_("Hold"))
    side = models.CharField(_("For"), max_length=10, choices=Side)
    reason = models.TextField(_("Reason"))
    signed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("Signed by"))
    signed_at = models.DateTimeField(_("Signed at"), default=timezone.now)

    history = Trail(trial="trial_id", signed_content=("hold", "side", "reason"))

    class Meta:
        verbose_name = _("Release of a hold")
        constraints = [
            models.UniqueConstraint(fields=["hold", "side"], name="hold_released_once_by_each_side"),
            models.UniqueConstraint(fields=["hold", "signed_by"], name="hold_released_by_two_persons"),
            models.CheckConstraint(condition=~Q(reason=""), name="hold_is_released_for_a_reason"),
        ]

    def signed_content(self) -> dict[str, Any]:
        """Return the content that the person signs: that this hold may end, and why."""
        return {"trial": self.trial_id, "hold": self.hold_id, "side": self.side, "reason": self.reason}
