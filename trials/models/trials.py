"""Trials and their immutable protocol versions."""

from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts.models import User
from audit.trail import Concealed, Locks, Trail
from protocol.checking.loading import stored
from protocol.document.document import Protocol
from trials.models.people import Delegation

if TYPE_CHECKING:
    from datetime import tzinfo


_MOST_PARSED = 64
_parsed: dict[str, Protocol] = {}


class TrialQuerySet(models.QuerySet["Trial"]):
    """Trials that a user may open."""

    def visible_to(self, user: User) -> "TrialQuerySet":
        """Keep trials in which the user has a role today."""
        return self.filter(pk__in=Delegation.objects.trials_of(user))

    def for_update(self, pk: int) -> "Trial":
        """Return a trial as stored now, its row locked until the transaction ends."""
        # `no_key`: whoever holds a patient may still add a row that refers to the trial. With the stronger lock, that
        # request and one that holds the trial and asks for the patient would wait for each other.
        return self.select_for_update(no_key=True).get(pk=pk)


class Trial(models.Model):
    """One study at one site. Its rules are in the protocol version in force."""

    slug = models.SlugField(_("Slug"), unique=True)
    protocol = models.ForeignKey(
        "ProtocolVersion",
        models.PROTECT,
        null=True,
        related_name="+",
        help_text="The version new patients are screened under.",
        verbose_name=_("Protocol"),
    )
    # Of the protocol in force, stored so that a query can tell the day at the site (`SiteDay`).
    time_zone = models.CharField(_("Time zone of the site"), max_length=64, default="UTC", db_default="UTC")
    recruiting = models.BooleanField(_("Recruiting"), default=True)
    # While a hold is in force (`trials.holds`): nobody is included, allocated or treated.
    held_since = models.DateTimeField(_("On hold since"), null=True)
    frozen_at = models.DateTimeField(_("Frozen at"), null=True)
    locked_at = models.DateTimeField(_("Locked at"), null=True)
    # Codes of the roles that know the treatment since the planned unblinding (`dosing.unblinding`); null before it.
    opened_to = models.JSONField(_("Treatment opened to"), null=True)

    objects = TrialQuerySet.as_manager()
    history = Trail(
        trial="id", locks=Locks(level="trial", stored_in="patients.DataLock", later=("opened_to",))
    )

    class Meta:
        verbose_name = _("Trial")

    def __str__(self) -> str:
        return self.slug.upper()

    @property
    def rules(self) -> Protocol:
        """The protocol in force; before one is, the version awaited. Reads self.protocol: may cost a query.

        Raises ValueError without any version.
        """
        version = self.protocol or self.awaited
        if version is None:
            raise ValueError(f"{self.slug} has no protocol yet: run load_protocol")
        return version.rules

    @cached_property
    def awaited(self) -> "ProtocolVersion | None":
        """The version whose rules hold while none was put in force, so that every page of the trial can answer.

        The newest whose day has come, else the first to come, else the last one withdrawn. One query.
        """
        rows = list(ProtocolVersion.with_withdrawn.filter(trial=self).order_by("effective_from", "pk"))
        usable = [row for row in rows if row.withdrawn_at is None]
        begun = [row for row in usable if row.effective_from <= self.today and row.may_be_in_force]
        return begun[-1] if begun else usable[0] if usable else rows[-1] if rows else None

    @property
    def awaited_notice(self) -> "ProtocolVersion | None":
        """The version to name on every page while nobody can be screened: one to come, or one withdrawn."""
        if self.protocol_id is not None or self.awaited is None:
            return None
        usable = self.awaited.withdrawn_at is None and self.awaited.effective_from <= self.today
        return None if usable and self.awaited.may_be_in_force else self.awaited

    @cached_property
    def all_rules(self) -> dict[int, Protocol]:
        """Rules of every version by its key: the one in force first, then the newest. One query."""
        rows = list(self.versions.order_by("-effective_from", "-pk").defer("text"))
        if not rows and self.awaited is not None:
            return {self.awaited.pk: self.awaited.rules}
        in_force = {version.pk: self.rules for version in rows if version.pk == self.protocol_id}
        return in_force | {version.pk: version.rules for version in rows if version.pk not in in_force}

    @property
    def masked(self) -> bool:
        """True if roles without SEE_TREATMENT must not learn the arm."""
        return self.rules.trial.masking != "open"

    @property
    def zone(self) -> "tzinfo":
        """Time zone of the site."""
        return ZoneInfo(self.time_zone)

    @property
    def today(self) -> date:
        """Today in the time zone of the site."""
        return self.day_of(timezone.now())

    def day_of(self, moment: datetime) -> date:
        """Return the day of an aware moment in the time zone of the site."""
        return moment.astimezone(self.zone).date()


class UsableVersions(models.Manager["ProtocolVersion"]):
    """Versions that were not withdrawn."""

    def get_queryset(self) -> "models.QuerySet[ProtocolVersion]":
        return super().get_queryset().filter(withdrawn_at=None)


class ProtocolVersion(models.Model):
    """The text of a protocol file as loaded. Never changed: an amendment is a new version.

    A version that no patient was on can be withdrawn; then it is left out of `objects` and of `trial.versions`.
    """

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="versions", verbose_name=_("Trial"))
    version = models.CharField(_("Version"), max_length=40)
    text = models.TextField(_("Text"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    effective_from = models.DateField(_("Effective from"))
    loaded_at = models.DateTimeField(_("Loaded at"), default=timezone.now)
    # None: nobody was named at the command line; the history names the account of the operating system.
    loaded_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, verbose_name=_("Loaded by")
    )
    load_reason = models.TextField(_("Loaded because"), blank=True)
    approved_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, verbose_name=_("Approved by")
    )
    approved_at = models.DateTimeField(_("Approved at"), null=True)
    withdrawn_at = models.DateTimeField(_("Withdrawn at"), null=True)
    withdrawn_because = models.TextField(_("Withdrawn because"), blank=True)

    objects = UsableVersions()
    with_withdrawn = models.Manager["ProtocolVersion"]()
    history = Trail(
        trial="trial_id",
        signed_content=("version", "sha256", "effective_from"),
        concealed=Concealed(
            columns=("text",),
            may="see_treatment",
            words=gettext_noop(
                "the file, shown to users who may know the treatment: it holds the block sizes"
            ),
        ),
    )

    class Meta:
        verbose_name = _("Protocol version")
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "version"],
                condition=Q(withdrawn_at=None),
                name="one_text_per_protocol_version",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None, withdrawn_because="")
                | (Q(withdrawn_at__isnull=False) & ~Q(withdrawn_because="")),
                name="version_is_withdrawn_for_a_reason",
            ),
            # Two persons: whoever loads a version does not approve it.
            models.CheckConstraint(
                condition=Q(approved_at=None, approved_by=None)
                | (
                    Q(approved_at__isnull=False, approved_by__isnull=False)
                    & (Q(loaded_by=None) | ~Q(approved_by=models.F("loaded_by")))
                ),
                name="version_approved_by_another",
            ),
        ]

    def __str__(self) -> str:
        return self.version

    def signed_content(self) -> dict[str, Any]:
        """Return the content that the principal investigator approves: this very text, from this day."""
        return {
            "trial": self.trial_id, "version": self.version, "sha256": self.sha256,
            "effective_from": self.effective_from,
        }  # fmt: skip

    @property
    def may_be_in_force(self) -> bool:
        """True unless the installation requires an approval that is missing."""
        return self.approved_at is not None or not settings.VERSIONS_NEED_APPROVAL

    @property
    def rules(self) -> Protocol:
        """The parsed protocol. Parsed once per process; the text is read only then."""
        known = _parsed.get(self.sha256)
        if known is None:
            if len(_parsed) >= _MOST_PARSED:
                _parsed.pop(next(iter(_parsed)))
            known = _parsed[self.sha256] = stored(self.text)
        return known
