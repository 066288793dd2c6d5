"""What a person did with the notices of a trial: read, or sent by mail. Not study data: no history is kept."""

from django.db import models

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
