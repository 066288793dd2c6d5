"""Private addresses of a calendar: each belongs to one delegation and ends with it. Only a digest is stored."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.trail import Trail
from trials.models.people import Delegation


class CalendarAddress(models.Model):
    """An address at which a calendar program reads the days of a trial without signing in."""

    delegation = models.ForeignKey(Delegation, models.PROTECT, related_name="+", verbose_name=_("Delegation"))
    digest = models.CharField(_("Address"), max_length=64, unique=True)
    made_at = models.DateTimeField(_("Made at"), default=timezone.now)
    with_codes = models.BooleanField(_("With subject codes"))
    ended_at = models.DateTimeField(_("Ended at"), null=True)

    history = Trail(trial="delegation__trial_id", watched=("digest",), see="see_people")

    class Meta:
        verbose_name = _("Address of a calendar")
        constraints = [
            models.UniqueConstraint(
                fields=["delegation"], condition=Q(ended_at=None), name="one_open_calendar_per_delegation"
            ),
        ]
