"""Trials, the delegation log, the immutable protocol versions, and the laboratories' reference ranges."""

from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop, pgettext_lazy

from accounts.models import User
from audit.trail import Concealed, Locks, NoOverlap, Trail
from protocol.checking.loading import stored
from protocol.document.document import Protocol
from trials import roles
from trials.site_day import SiteDay

if TYPE_CHECKING:
    from datetime import tzinfo


_MOST_PARSED = 64
_parsed: dict[str, Protocol] = {}


class DelegationQuerySet(models.QuerySet["Delegation"]):
    """The delegation log."""

    def active(self, at: datetime | None = None) -> "DelegationQuerySet":
        """Keep delegations of active users in force at a moment (default: now), by the day at the site."""
        now = models.Value(at or timezone.now(), models.DateTimeField())
        day = SiteDay(now, F("trial__time_zone"))
        return self.filter(Q(ends_on=None) | Q(ends_on__gte=day), starts_on__lte=day, user__is_active=True)

    def trials_of(self, user: User | int, at: datetime | None = None) -> "models.QuerySet[Delegation, Any]":
        """Return the keys of the trials in which the user has a role at a moment (default: now), for use in a query.

        user: the person or their primary key, which is all that a compiled query has.
        """
        return self.active(at).filter(user_id=getattr(user, "pk", user)).values("trial_id")


class Delegation(models.Model):
    """A user has a role in a trial between two dates (delegation log, ICH E6(R3) 2.3)."""

    user = models.ForeignKey(User, models.PROTECT, related_name="delegations", verbose_name=_("User"))
    trial = models.ForeignKey("Trial", models.PROTECT, related_name="delegations", verbose_name=_("Trial"))
    role = models.CharField(_("Role"), max_length=40, choices=roles.CHOICES)
    starts_on = models.DateField(_("From"))
    ends_on = models.DateField(_("Until"), null=True, blank=True)
    granted_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, verbose_name=_("Granted by")
    )

    objects = DelegationQuerySet.as_manager()
    history = Trail(trial="trial_id")

    class Meta:
        verbose_name = _("Delegation")
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on=None) | Q(ends_on__gte=F("starts_on")),
                name="delegation_ends_after_it_starts",
                violation_error_message=_("The last day must not be before the first day."),
            ),
            models.CheckConstraint(
                condition=~Q(role="inspector") | Q(ends_on__isnull=False),
                name="inspector_is_time_boxed",
                violation_error_message=_("An inspector's access needs a last day."),
            ),
            models.UniqueConstraint(
                fields=["user", "trial"],
                condition=Q(ends_on=None),
                name="one_open_delegation_per_trial",
                violation_error_message=_("This person already holds a role in this trial. End it first."),
            ),
        ]


class Invitation(models.Model):
    """A role offered to a person, who accepts or declines it after signing in.

    It names the person by user name only, and says nothing of whether anybody has it: an administrator does not learn
    who has an account elsewhere.
    """

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("state of an invitation", "Invited")
        ACCEPTED = "accepted", pgettext_lazy("state of an invitation", "Accepted")
        DECLINED = "declined", pgettext_lazy("state of an invitation", "Declined")
        WITHDRAWN = "withdrawn", pgettext_lazy("state of an invitation", "Withdrawn")

    trial = models.ForeignKey("Trial", models.PROTECT, related_name="invitations", verbose_name=_("Trial"))
    username = models.CharField(_("User name"), max_length=150)
    # Typed for a new person; empty for a person named by the user name.
    full_name = models.CharField(_("Full name"), max_length=200, blank=True)
    role = models.CharField(_("Role"), max_length=40, choices=roles.CHOICES)
    starts_on = models.DateField(_("From"))
    ends_on = models.DateField(_("Until"), null=True, blank=True)
    invited_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("Invited by"))
    invited_at = models.DateTimeField(_("Invited at"), default=timezone.now)
    state = models.CharField(_("Status"), max_length=20, choices=State, default=State.OPEN)
    ended_at = models.DateTimeField(_("Ended at"), null=True)

    history = Trail(trial="trial_id", see="see_people")

    class Meta:
        verbose_name = _("Invitation")
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "username"],
                condition=Q(state="open"),
                name="one_open_invitation_per_trial",
                violation_error_message=_("This person is invited already. Withdraw that invitation first."),
            ),
            models.CheckConstraint(
                condition=Q(ends_on=None) | Q(ends_on__gte=F("starts_on")),
                name="invitation_ends_after_it_starts",
            ),
        ]


class FactorRecovery(models.Model):
    """A request to remove the second factors of a person who lost them; another person with another role decides."""

    trial = models.ForeignKey("Trial", models.PROTECT, related_name="recoveries", verbose_name=_("Trial"))
    user = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("User"))
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("Asked by"))
    asked_at = models.DateTimeField(_("Asked at"), default=timezone.now)
    reason = models.CharField(_("Reason"), max_length=500)
    decided_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, verbose_name=_("Decided by")
    )
    decided_at = models.DateTimeField(_("Decided at"), null=True)
    granted = models.BooleanField(_("Granted"), null=True)

    history = Trail(trial="trial_id", see="see_people")

    class Meta:
        verbose_name = _("Recovery of second factors")
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(decided_at=None), name="one_open_recovery_for_each_person"
            ),
            models.CheckConstraint(
                condition=Q(decided_at=None, decided_by=None, granted=None)
                | Q(decided_at__isnull=False, decided_by__isnull=False, granted__isnull=False),
                name="recovery_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("asked_by")),
                name="recovery_decided_by_another",
            ),
        ]


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
    frozen_at = models.DateTimeField(_("Frozen at"), null=True)
    locked_at = models.DateTimeField(_("Locked at"), null=True)

    objects = TrialQuerySet.as_manager()
    history = Trail(trial="id", locks=Locks(level="trial", stored_in="patients.DataLock"))

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
        begun = [row for row in usable if row.effective_from <= self.today]
        return begun[-1] if begun else usable[0] if usable else rows[-1] if rows else None

    @property
    def awaited_notice(self) -> "ProtocolVersion | None":
        """The version to name on every page while nobody can be screened: one to come, or one withdrawn."""
        if self.protocol_id is not None or self.awaited is None:
            return None
        usable = self.awaited.withdrawn_at is None and self.awaited.effective_from <= self.today
        return None if usable else self.awaited

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
        return timezone.now().astimezone(self.zone).date()


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
    withdrawn_at = models.DateTimeField(_("Withdrawn at"), null=True)
    withdrawn_because = models.TextField(_("Withdrawn because"), blank=True)

    objects = UsableVersions()
    with_withdrawn = models.Manager["ProtocolVersion"]()
    history = Trail(
        trial="trial_id",
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
        ]

    def __str__(self) -> str:
        return self.version

    @property
    def rules(self) -> Protocol:
        """The parsed protocol. Parsed once per process; the text is read only then."""
        known = _parsed.get(self.sha256)
        if known is None:
            if len(_parsed) >= _MOST_PARSED:
                _parsed.pop(next(iter(_parsed)))
            known = _parsed[self.sha256] = stored(self.text)
        return known


class Laboratory(models.Model):
    """A laboratory with its own reference ranges."""

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="laboratories", verbose_name=_("Trial"))
    code = models.SlugField(_("Code"), max_length=20)
    name = models.CharField(_("Name"), max_length=200)
    is_default = models.BooleanField(_("Measures unless a form names another"))

    history = Trail(trial="trial_id", locks=Locks(parents=("trial",), freezes=False))

    class Meta:
        verbose_name = _("Laboratory")
        ordering = ["-is_default", "code"]
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "code"],
                name="laboratory_code_once_per_trial",
                violation_error_message=_("Another laboratory of this trial has this code."),
            ),
            models.UniqueConstraint(
                fields=["trial"], condition=Q(is_default=True), name="one_default_laboratory_per_trial"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ReferenceRange(models.Model):
    """A laboratory's normal range for one item: sex, ages, effective dates (protocol.values.reference_ranges).

    A new range sheet is a new period; an error is corrected with a reason.
    """

    class Sex(models.TextChoices):
        FEMALE = "F", _("Female")
        MALE = "M", _("Male")

    laboratory = models.ForeignKey(
        Laboratory, models.PROTECT, related_name="ranges", verbose_name=_("Laboratory")
    )
    form = models.CharField(_("Form"), max_length=60)
    item = models.CharField(_("Item"), max_length=60)
    unit = models.CharField(_("Unit"), max_length=40, blank=True)
    sex = models.CharField(_("Sex"), max_length=1, choices=Sex, blank=True)
    age_from = models.PositiveSmallIntegerField(_("From age"))
    age_to = models.PositiveSmallIntegerField(_("To below age"), null=True)
    effective_from = models.DateField(_("First day in force"))
    effective_to = models.DateField(_("Last day in force"), null=True)
    lower = models.DecimalField(_("Lower bound"), max_digits=15, decimal_places=6, null=True)
    upper = models.DecimalField(_("Upper bound"), max_digits=15, decimal_places=6, null=True)
    source = models.CharField(_("Source"), max_length=200, blank=True)
    entered_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, verbose_name=_("Entered by")
    )
    entered_at = models.DateTimeField(_("Entered at"), default=timezone.now)
    in_error_reason = models.TextField(_("Entered in error because"), blank=True)

    history = Trail(
        trial="laboratory__trial_id",
        locks=Locks(parents=("laboratory__trial",), freezes=False),
        no_overlap=NoOverlap(
            locked_parent="laboratory",
            equal=("laboratory", "form", "item"),
            blank_is_any=("sex",),
            closed_spans=(("effective_from", "effective_to"),),
            half_open_spans=(("age_from", "age_to"),),
            unless="in_error_reason",
        ),
    )

    class Meta:
        verbose_name = _("Reference range")
        ordering = ["form", "item", "sex", "age_from", "effective_from", "pk"]
        indexes = [
            models.Index(fields=["laboratory", "form", "item", "id"], name="ranges_by_item"),
            models.Index(fields=["laboratory", "effective_from", "id"], name="ranges_by_day"),
        ]
        constraints = [
            # Any other overlap is refused by the trigger that `apart` declares.
            models.UniqueConstraint(
                fields=["laboratory", "form", "item", "sex", "age_from", "effective_from"],
                condition=Q(in_error_reason=""),
                name="one_range_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(lower__isnull=False) | Q(upper__isnull=False), name="range_has_a_bound"
            ),
            models.CheckConstraint(
                condition=Q(lower=None) | Q(upper=None) | Q(lower__lte=F("upper")),
                name="range_has_bounds_in_order",
            ),
            models.CheckConstraint(
                condition=Q(age_to=None) | Q(age_to__gt=F("age_from")), name="range_has_ages_in_order"
            ),
            models.CheckConstraint(
                condition=Q(effective_to=None) | Q(effective_to__gte=F("effective_from")),
                name="range_ends_after_it_starts",
            ),
            models.CheckConstraint(condition=Q(sex__in=["", "F", "M"]), name="range_sex_is_known"),
        ]

    @property
    def path(self) -> str:
        """The item as `form.item`."""
        return f"{self.form}.{self.item}"
