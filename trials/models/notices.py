"""Notices of a trial: read or mailed by a person, and those to the sponsor. Not study data: no history is kept."""

from django.db import models
from django.utils import timezone

from accounts.models import User
from trials.models.trials import Trial


class NoticeMark(models.Model):
    """One notice that a person marked read, or that was mailed to them; `key` names it (reports.notices)."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    trial = models.ForeignKey(Trial, models.CASCADE, related_name="+")
    key = models.CharField(max_length=80)
    read_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "trial", "key"], name="notice_marked_once_per_person"),
        ]


class SponsorNotice(models.Model):
    """A mail to the sponsor that has to be sent, or was; each attempt is an event of the trail.

    what, told: which sentence, with which names (`trials.sponsor_notices`). patient_id: the patient concerned.
    """

    trial = models.ForeignKey(Trial, models.CASCADE, related_name="+")
    patient_id = models.BigIntegerField(null=True)
    what = models.CharField(max_length=40)
    told = models.JSONField()
    made_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)
    failed_because = models.TextField(blank=True)
    sent_at = models.DateTimeField(null=True)
