"""Problems that people report from a page, what was done about them, and their periodic review (VAL-03)."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from audit.trail import Trail


class Incident(models.Model):
    """One problem with the software: on which page, in which request, in whose words, and what was done.

    page: the name of the page, without codes of patients. request: id of the request that showed it.
    """

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("state of a problem", "Open")
        LOOKED_AT = "looked_at", pgettext_lazy("state of a problem", "Being looked at")
        CLOSED = "closed", pgettext_lazy("state of a problem", "Closed")

    trial = models.ForeignKey("Trial", models.PROTECT, related_name="incidents", verbose_name=_("Trial"))
    number = models.PositiveIntegerField(_("Number"))
    page = models.CharField(_("Page"), max_length=60, blank=True)
    request = models.CharField(_("Request"), max_length=40, blank=True)
    role = models.CharField(_("Role"), max_length=40)
    text = models.TextField(_("What happened"))
    reported_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("Reported by"))
    reported_at = models.DateTimeField(_("Reported at"), default=timezone.now)
    state = models.CharField(_("Status"), max_length=10, choices=State, default=State.OPEN)
    handled_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, verbose_name=_("Looked at by")
    )
    done = models.TextField(_("What was done"), blank=True)
    closed_at = models.DateTimeField(_("Closed at"), null=True)

    history = Trail(trial="trial_id")

    class Meta:
        verbose_name = _("Problem")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "number"], name="incident_number_once_per_trial"),
            models.CheckConstraint(condition=~Q(text=""), name="incident_says_what_happened"),
            models.CheckConstraint(
                condition=Q(state="closed", closed_at__isnull=False) & ~Q(done="")
                | ~Q(state="closed") & Q(closed_at=None),
                name="closed_incident_says_what_was_done",
            ),
        ]


class IncidentReview(models.Model):
    """Somebody looked through the problems of a period, and says what comes of them.

    reported, still_open: how many were reported until then, and how many of them are not closed.
    """

    trial = models.ForeignKey("Trial", models.PROTECT, related_name="+", verbose_name=_("Trial"))
    reviewed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("Reviewed by"))
    reviewed_at = models.DateTimeField(_("Reviewed at"), default=timezone.now)
    reported = models.PositiveIntegerField(_("Problems reported"))
    still_open = models.PositiveIntegerField(_("Problems not closed"))
    conclusion = models.TextField(_("Conclusion"))

    history = Trail(trial="trial_id", final=True)

    class Meta:
        verbose_name = _("Review of the problems")
        constraints = [models.CheckConstraint(condition=~Q(conclusion=""), name="incident_review_concludes")]
