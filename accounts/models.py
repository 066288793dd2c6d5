"""People who use the system, what they may do in which trial, and what they typed when their session ended."""

import unicodedata
from datetime import date
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import roles
from audit.trail import Trail


def normal_username(username: str) -> str:
    """Return the one spelling of a user name: NFKC, lower case, no blanks around (P11-21)."""
    return unicodedata.normalize("NFKC", username).strip().casefold()


class UserManager(BaseUserManager["User"]):
    """Creates users; user names are unique whatever their case or width."""

    def create_user(self, username: str, password: str | None = None, **fields: Any) -> "User":
        """Store a new person. Raises IntegrityError when the user name was ever used."""
        user = self.model(username=normal_username(username), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a person by any spelling of the user name."""
        return self.get(username=normal_username(username or ""))


class User(AbstractBaseUser):
    """One named person. Never deleted, the user name never given to another (P11-15)."""

    username = models.CharField(_("user name"), max_length=150, unique=True)
    full_name = models.CharField(_("full name"), max_length=200)
    email = models.EmailField(_("e-mail"), blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    identity_verified_on = models.DateField(_("identity verified on"), null=True, blank=True)
    must_change_password = models.BooleanField(_("must change the password"), default=False)
    is_demo = models.BooleanField(default=False)
    language = models.CharField(_("language"), max_length=8, blank=True)
    theme = models.CharField(
        _("theme"),
        max_length=8,
        default="auto",
        choices=[("auto", _("As the system")), ("light", _("Light")), ("dark", _("Dark"))],
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = UserManager()
    history = Trail(
        excluded=("last_login", "theme", "language"),
        watched=("password",),
        see="see_people",
        person="id",
    )

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["full_name"]

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("username"), name="user_name_whatever_the_case"),
        ]

    def __str__(self) -> str:
        return self.full_name or self.username

    def get_full_name(self) -> str:
        """Return the printed name, as signatures show it."""
        return self.full_name

    @property
    def initials(self) -> str:
        """Return up to two letters for the avatar."""
        parts = [part for part in self.full_name.replace("-", " ").split() if part]
        return "".join(part[0] for part in (parts[:1] + parts[-1:] if len(parts) > 1 else parts)).upper()


class DelegationQuerySet(models.QuerySet["Delegation"]):
    """The delegation log."""

    def active(self, on: date | None = None) -> "DelegationQuerySet":
        """Keep delegations in force on a day (default: today, UTC)."""
        day = on or timezone.now().date()
        return self.filter(Q(ends_on=None) | Q(ends_on__gte=day), starts_on__lte=day, user__is_active=True)

    def trials_of(self, user: User, on: date | None = None) -> "models.QuerySet[Delegation, Any]":
        """Return the keys of the trials in which the person holds a role on a day, for use in a query."""
        return self.active(on).filter(user_id=user.pk).values("trial_id")


class Delegation(models.Model):
    """A person holds a role in a trial between two dates (delegation log, ICH E6(R3) 2.3)."""

    user = models.ForeignKey(User, models.PROTECT, related_name="delegations")
    trial = models.ForeignKey("trials.Trial", models.PROTECT, related_name="delegations")
    role = models.CharField(_("role"), max_length=40, choices=roles.CHOICES)
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("until"), null=True, blank=True)
    granted_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)

    objects = DelegationQuerySet.as_manager()
    history = Trail(trial="trial_id")

    class Meta:
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


class KeptPost(models.Model):
    """What a person had typed when the session ended: encrypted, given back once to the same person."""

    token = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    path = models.CharField(max_length=500)
    payload = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)
