"""Users, and the form data stored when their session has ended."""

import re
import secrets
import unicodedata
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from simple_history import register as track

from accounts.passwords.password_digests import password_digest
from audit.trail import Concealed, Trail
from protocol.values.hidden_signs import first_hidden_sign

USERNAME = re.compile(r"[\w.@+-]+")
NOT_LETTERS = re.compile(r"[^a-z]+")


def normal_username(username: str) -> str:
    """Return the stored spelling of a user name: NFKC, lower case, no surrounding spaces (P11-21)."""
    return unicodedata.normalize("NFKC", username).strip().casefold()


def check_username(username: str) -> str:
    """Return the stored spelling of a new user name: letters, digits and . _ - @ +. Raises ValidationError."""
    found = normal_username(username)
    if not USERNAME.fullmatch(found):
        message = _("A user name holds letters, digits and . _ - @ + only, without blanks.")
        raise ValidationError({"username": message})
    return found


def check_full_name(full_name: str) -> str:
    """Return a name as it is stored. Raises ValidationError for a sign that nobody can see, or without any letter."""
    found = full_name.strip()
    if sign := first_hidden_sign(found):
        message = _(
            "There is a sign in it that nobody can see (%(sign)s). Type it again instead of pasting it."
        )
        raise ValidationError({"full_name": message % {"sign": sign}})
    if not any(letter.isalpha() for letter in found):
        raise ValidationError({"full_name": _("A name has letters.")})
    return found


class UserManager(BaseUserManager["User"]):
    """Creates users. User names are unique regardless of case and width."""

    def create_user(self, username: str, password: str | None = None, **fields: Any) -> "User":
        """Store a new user. Raises ValidationError for a refused name, IntegrityError for a user name ever used."""
        if "full_name" in fields:
            fields["full_name"] = check_full_name(fields["full_name"])
        user = self.model(username=check_username(username), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def free_username(self, full_name: str) -> str:
        """Return a user name that nobody has or had, such as `ines.moreno47`. One query for each draw.

        The number is always there, so that it does not tell that somebody else has the name without it.
        """
        plain = unicodedata.normalize("NFKD", full_name).encode("ascii", "ignore").decode()
        words = NOT_LETTERS.sub(" ", plain.casefold()).split() or ["person"]
        name = ".".join(words[:1] + words[-1:] if len(words) > 1 else words)[:100]
        digits = 2
        while True:
            for _draw in range(20):
                found = f"{name}{secrets.randbelow(9 * 10 ** (digits - 1)) + 10 ** (digits - 1)}"
                if not self.filter(username=found).exists():
                    return found
            digits += 1

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the user with any spelling of the user name. Raises User.DoesNotExist."""
        return self.get(username=normal_username(username or ""))


class User(AbstractBaseUser):
    """One named person. Never deleted; the user name is never given to another person (P11-15)."""

    class NoticeMail(models.TextChoices):
        OFF = "off", _("None")
        SINGLE = "single", _("Soon after each notice")
        DAILY = "daily", _("Once a day")

    password = models.CharField(_("Password"), max_length=128)
    # Of the hash that was set, not of the one that is found: `passwords.password_digests` compares the two.
    password_digest = models.CharField(_("Digest of the password"), max_length=64, editable=False, default="")
    username = models.CharField(_("User name"), max_length=150, unique=True)
    full_name = models.CharField(_("Full name"), max_length=200)
    email = models.EmailField(_("E-mail"), blank=True)
    is_active = models.BooleanField(_("Active"), default=True)
    identity_verified_on = models.DateField(_("Identity verified on"), null=True, blank=True)
    is_demo = models.BooleanField(_("Is demo"), default=False)
    language = models.CharField(_("Language"), max_length=8, blank=True)
    theme = models.CharField(
        _("Theme"),
        max_length=8,
        default="auto",
        choices=[("auto", _("As the system")), ("light", _("Light")), ("dark", _("Dark"))],
    )
    notice_mail = models.CharField(
        _("Notices by mail"), max_length=8, default=NoticeMail.OFF, choices=NoticeMail
    )
    created_at = models.DateTimeField(_("Created at"), default=timezone.now, editable=False)

    objects = UserManager()
    history = Trail(
        excluded=("last_login", "theme", "language", "notice_mail"),
        watched=("password",),
        proofs=("password_digest",),
        see="see_people",
        person="id",
    )

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["full_name"]

    class Meta:
        verbose_name = _("User")
        constraints = [
            models.UniqueConstraint(Lower("username"), name="user_name_whatever_the_case"),
        ]

    def __str__(self) -> str:
        return self.full_name or self.username

    def set_password(self, raw_password: str | None) -> None:
        """Set the hash and its digest; the caller saves both."""
        super().set_password(raw_password)
        self.password_digest = password_digest(self.username, self.password)

    def set_unusable_password(self) -> None:
        """Set a hash that no password has, and its digest."""
        super().set_unusable_password()
        self.password_digest = password_digest(self.username, self.password)

    def save(self, *args: Any, **options: Any) -> None:
        """Store the row; the digest goes with the password, also where Django stores a stronger hash alone."""
        fields = options.get("update_fields")
        if fields is not None and "password" in fields:
            options["update_fields"] = {*fields, "password_digest"}
        super().save(*args, **options)

    def get_full_name(self) -> str:
        """Return the printed name, as shown in signatures."""
        return self.full_name

    @property
    def signing_suspended(self) -> bool:
        """True until a person whose password or second factor others replaced has confirmed who they are. One query."""
        return SigningSuspension.objects.filter(user=self.pk, ended_at=None).exists()

    @property
    def initials(self) -> str:
        """Up to two letters for the avatar."""
        parts = [part for part in self.full_name.replace("-", " ").split() if part]
        return "".join(part[0] for part in (parts[:1] + parts[-1:] if len(parts) > 1 else parts)).upper()


class PasswordKey(models.Model):
    """Lets one person choose a password, once, within a day: a link, or two halves that two people hand over.

    Only hashes of the secrets are stored. `accounts.password_keys` makes and uses them.
    """

    class Way(models.TextChoices):
        MAIL = "mail", _("A link by mail")
        PEOPLE = "people", _("Two halves from two people")
        COMMAND = "command", _("A link on the command line")

    user = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("User"))
    way = models.CharField(_("Way"), max_length=10, choices=Way)
    link = models.CharField(_("Link"), max_length=64, blank=True)
    first_half = models.CharField(_("First half"), max_length=64, blank=True)
    second_half = models.CharField(_("Second half"), max_length=64, blank=True)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, verbose_name=_("Made by"))
    # The slug of the trial in which it was asked for: people of this trial hand over the second half.
    made_in = models.CharField(_("Made in"), max_length=50, blank=True)
    reason = models.CharField(_("Reason"), max_length=500, blank=True)
    second_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, verbose_name=_("Second half handed over by")
    )
    made_at = models.DateTimeField(_("Made at"), default=timezone.now)
    expires_at = models.DateTimeField(_("Expires at"))
    sent_at = models.DateTimeField(_("Sent at"), null=True)
    ended_at = models.DateTimeField(_("Used or withdrawn at"), null=True)

    history = Trail(watched=("link", "first_half", "second_half"), see="see_people", person="user_id")

    class Meta:
        verbose_name = _("Link for a password")
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(ended_at=None), name="one_open_link_for_each_person"
            ),
        ]


class SigningSuspension(models.Model):
    """Somebody may not sign since others opened the account: until the person's identity is confirmed again.

    `accounts.signing_suspension` begins and ends it. Several may be open at once; each names who caused it.
    """

    class Cause(models.TextChoices):
        FIRST_PASSWORD = "first", _("First password of a new account")
        PASSWORD = "password", _("Password replaced with a link or code")
        FACTORS = "factors", _("Second factors removed")

    class Way(models.TextChoices):
        FACTOR = "factor", _("Second factor")
        PERSON = "person", _("Second person")

    user = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("User"))
    cause = models.CharField(_("Cause"), max_length=10, choices=Cause)
    # None: on the command line.
    asked_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, verbose_name=_("Asked by")
    )
    began_at = models.DateTimeField(_("Signing suspended at"), default=timezone.now)
    # What the person shows to the second one, so that this account and no other is confirmed.
    code = models.CharField(_("Code"), max_length=64, blank=True)
    code_until = models.DateTimeField(_("Code works until"), null=True)
    ended_at = models.DateTimeField(_("Identity confirmed at"), null=True)
    ended_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, verbose_name=_("Identity confirmed by")
    )
    way = models.CharField(_("Confirmed with"), max_length=10, choices=Way, blank=True)

    history = Trail(watched=("code",), see="see_people", person="user_id")

    class Meta:
        verbose_name = _("Suspension of signing")
        indexes = [models.Index(fields=["user"], condition=models.Q(ended_at=None), name="signing_suspended")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ended_at=None, way="", ended_by=None)
                | (models.Q(ended_at__isnull=False) & ~models.Q(way="")),
                name="suspension_ends_in_a_way",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_by=None)
                | (~models.Q(ended_by=models.F("user")) & ~models.Q(ended_by=models.F("asked_by")))
                | models.Q(asked_by=None),
                name="suspension_ended_by_another",
            ),
        ]


class KeptPost(models.Model):
    """Form data sent after a session had ended: encrypted, and restored to the same user only."""

    token = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    path = models.CharField(max_length=500)
    payload = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)


class Failures(models.Model):
    """How often an attempt to sign in failed lately: for one address, account or browser, named by a hash."""

    key = models.CharField(max_length=64, unique=True)
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField(db_index=True)


# A second factor belongs to allauth, and its secret is encrypted (`FactorAdapter`), in the history too.
# An emptied, exchanged or added factor differs from its history like any other row.
track(
    Authenticator,
    app="accounts",
    records_class=Trail,
    excluded=("last_used_at",),
    see="see_people",
    person="user_id",
    deletable=True,
    concealed=Concealed(columns=("data",), words=gettext_noop("not shown")),
    names={
        "": _("Second factor"),
        "user": _("User"),
        "type": _("Kind"),
        "data": _("Secret"),
        "created_at": _("Created at"),
        "last_used_at": _("Last used at"),
    },
)
