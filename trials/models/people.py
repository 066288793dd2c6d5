"""The delegation log, invitations to a role, and requests to remove lost second factors."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from audit.trail import Trail
from trials import roles
from trials.site_day import SiteDay


class DelegationQuerySet(models.QuerySet["Delegation"]):
    """The delegation log."""

    def not_ended(self) -> "DelegationQuerySet":
        """Keep delegations whose last day, by the day at the site, is today, later, or not set."""
        day = SiteDay(models.Value(timezone.now(), models.DateTimeField()), F("trial__time_zone"))
        return self.filter(Q(ends_on=None) | Q(ends_on__gte=day))

    def active(self, at: datetime | None = None) -> "DelegationQuerySet":
        """Keep delegations of active users in force at a moment (default: now), by the day at the site.

        A role that waits for a second person is not in force.
        """
        now = models.Value(at or timezone.now(), models.DateTimeField())
        day = SiteDay(now, F("trial__time_zone"))
        return self.filter(
            Q(ends_on=None) | Q(ends_on__gte=day),
            Q(stopped_at=None) | Q(stopped_at__gt=now),
            starts_on__lte=day,
            awaits_second=False,
            user__is_active=True,
        )

    def trials_of(self, user: User | int, at: datetime | None = None) -> "models.QuerySet[Delegation, Any]":
        """Return the keys of the trials in which the user has a role at a moment (default: now), for use in a query.

        user: the person or their primary key, which is all that a compiled query has.
        """
        return self.active(at).filter(user_id=getattr(user, "pk", user)).values("trial_id")


class Delegation(models.Model):
    """A user has a role in a trial between two dates (delegation log, ICH E6(R3) 2.3).

    recorded_at: when it was entered; reason: why it begins on an earlier day than that.
    tasks: codes of the tasks that the principal investigator delegated (`trials.delegated_tasks`), with `approved_at`;
    None: all tasks of the role. awaits_second: a role that knows the treatment, not confirmed yet
    (`trials.delegations.treatment_roles`). stopped_at: the moment on the last day at which access was stopped at once.
    """

    user = models.ForeignKey(User, models.PROTECT, related_name="delegations", verbose_name=_("User"))
    trial = models.ForeignKey("Trial", models.PROTECT, related_name="delegations", verbose_name=_("Trial"))
    role = models.CharField(_("Role"), max_length=40, choices=roles.CHOICES)
    starts_on = models.DateField(_("From"))
    ends_on = models.DateField(_("Until"), null=True, blank=True)
    granted_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, verbose_name=_("Granted by")
    )
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)
    reason = models.CharField(_("Recorded later because"), max_length=500, blank=True)
    tasks = models.JSONField(_("Delegated tasks"), null=True)
    approved_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, verbose_name=_("Approved by")
    )
    approved_at = models.DateTimeField(_("Approved at"), null=True)
    stopped_at = models.DateTimeField(_("Access stopped at"), null=True)
    awaits_second = models.BooleanField(_("Waits for a second person"), default=False)
    confirmed_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, verbose_name=_("Confirmed by")
    )
    confirmed_at = models.DateTimeField(_("Confirmed at"), null=True)

    objects = DelegationQuerySet.as_manager()
    history = Trail(
        trial="trial_id",
        signed_content=("role", "starts_on", "tasks"),
        describe="trials.delegations.change_words.describe_delegation",
    )

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
            models.CheckConstraint(
                condition=Q(approved_at=None, approved_by=None)
                | (Q(approved_at__isnull=False, approved_by__isnull=False) & ~Q(approved_by=F("user"))),
                name="delegation_approved_by_another",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at=None, confirmed_by=None)
                | (
                    Q(confirmed_at__isnull=False, confirmed_by__isnull=False, awaits_second=False)
                    & ~Q(confirmed_by=F("user"))
                    & (Q(granted_by=None) | ~Q(confirmed_by=F("granted_by")))
                ),
                name="delegation_confirmed_by_another",
            ),
            models.CheckConstraint(
                condition=Q(stopped_at=None) | Q(ends_on__isnull=False),
                name="stopped_delegation_has_a_last_day",
            ),
        ]

    def signed_content(self) -> dict[str, Any]:
        """Return the content that the principal investigator approves."""
        return {
            "user": self.user_id, "trial": self.trial_id, "role": self.role,
            "starts_on": self.starts_on, "tasks": self.tasks,
        }  # fmt: skip


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
