"""Trials and the immutable versions of their protocols."""

from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.db import models
from django.utils import timezone

from accounts.models import Delegation, User
from audit.trail import Locks, Trail
from trials.protocol import Protocol, load

if TYPE_CHECKING:
    from datetime import tzinfo


@lru_cache(maxsize=64)
def _parsed(sha256: str, text: str) -> Protocol:
    return load(text)


class TrialQuerySet(models.QuerySet["Trial"]):
    """Trials a person may open."""

    def visible_to(self, user: User) -> "TrialQuerySet":
        """Keep trials in which the person holds a role today."""
        return self.filter(pk__in=Delegation.objects.trials_of(user))


class Trial(models.Model):
    """One study at one site. Its rules are in the protocol version in force."""

    slug = models.SlugField(unique=True)
    protocol = models.ForeignKey(
        "ProtocolVersion",
        models.PROTECT,
        null=True,
        related_name="+",
        help_text="The version new patients are screened under.",
    )
    recruiting = models.BooleanField(default=True)
    frozen_at = models.DateTimeField(null=True)
    locked_at = models.DateTimeField(null=True)

    objects = TrialQuerySet.as_manager()
    history = Trail(trial="id", locks=Locks(level="trial", kept_in="patients.DataLock"))

    def __str__(self) -> str:
        return self.slug.upper()

    @property
    def rules(self) -> Protocol:
        """Return the protocol in force. Reads self.protocol: may cost a query."""
        if self.protocol is None:
            raise ValueError(f"{self.slug} has no protocol yet: run load_protocol")
        return self.protocol.rules

    @property
    def masked(self) -> bool:
        """Tell whether roles without SEE_TREATMENT must not learn the arm."""
        return self.rules.trial.masking != "open"

    @property
    def zone(self) -> "tzinfo":
        """Return the time zone of the site."""
        return ZoneInfo(self.rules.trial.site.time_zone)


class ProtocolVersion(models.Model):
    """The text of a protocol file as it was loaded. Never changed: an amendment is a new version."""

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="versions")
    version = models.CharField(max_length=40)
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    effective_from = models.DateField()
    loaded_at = models.DateTimeField(default=timezone.now)

    history = Trail(trial="trial_id")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trial", "version"], name="one_text_per_protocol_version"),
        ]

    def __str__(self) -> str:
        return f"{self.trial_id} {self.version}"

    @property
    def rules(self) -> Protocol:
        """Return the parsed protocol (parsed once per process and text)."""
        return _parsed(self.sha256, self.text)
