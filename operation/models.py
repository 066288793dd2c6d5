"""Runs of due work. Technical rows, no study data: they are not audited."""

from django.db import models


class DueRun(models.Model):
    """The latest run of one piece of work that `manage.py due` starts."""

    name = models.CharField(max_length=60, primary_key=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    succeeded_at = models.DateTimeField(null=True)
    # What the last run said, or why it failed.
    said = models.TextField(blank=True)
    failed = models.BooleanField(default=False)

    class Meta:
        verbose_name = "Due run"

    def __str__(self) -> str:
        return self.name
