"""How a person gets a password that nobody else ever saw: a link, or two halves of a code; one use, one day (P11-17).

With mail, a link goes to the person's own address. Without, an administrator hands over the first half of a code, and
a second person with another role the second half: neither can choose the password alone. On the command line of the
installation a link is printed. Only hashes of the secrets are stored.
"""

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import PasswordKey, SigningSuspension, User
from accounts.sessions.session_limits import end_sessions
from accounts.signing_suspension import refuse_voucher, suspend_signing
from audit import events
from audit.context import acting
from audit.stored_text import system_text

LASTS = timedelta(days=1)
# Without signs that look alike on paper (i, l, o, 0, 1).
SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS, LETTERS = 2, 5


@transaction.atomic
def make_key(*, user: User, by: User | None, made_in: str = "", reason: str = "") -> PasswordKey:
    """Store a key for a person and withdraw an earlier one. The present password works until the key is used.

    by: who asked for it, None on the command line. Its way is a mail if the installation sends mail and the person has
    an address, else two people. The secrets are made afterwards, where they are shown or sent.
    """
    PasswordKey.objects.filter(user=user, ended_at=None).update(ended_at=timezone.now())
    way = PasswordKey.Way.MAIL if settings.SENDS_MAIL and user.email else PasswordKey.Way.PEOPLE
    key = PasswordKey.objects.create(
        user=user,
        way=way if by is not None else PasswordKey.Way.COMMAND,
        made_by=by,
        made_in=made_in,
        reason=reason,
        expires_at=timezone.now() + LASTS,
    )
    detail = {"person": user.username, "way": system_text(f"password-key.{key.way}"), "reason": reason}
    # Of who acts, not of the person for whom the link is: the filter on the administrator must find it.
    events.record(kind=events.AccessKind.PASSWORD_LINK, detail=detail)
    return key


@transaction.atomic
def new_link(key: PasswordKey) -> str:
    """Make the secret of a link, which replaces an earlier one, and return it: 256 random bits."""
    secret = secrets.token_urlsafe(32)
    key.link = _digest(secret)
    key.save(update_fields=["link"])
    return secret


def address_of_link(secret: str) -> str:
    """Return the address of a link for the command line, where no request names the host."""
    host = next((name for name in settings.ALLOWED_HOSTS if name[:1] not in {"", ".", "*"}), settings.HOST)
    if settings.PRODUCTION:
        return f"https://{host}{reverse('account_key', args=[secret])}"
    return f"http://{settings.HOST}:{settings.PORT}{reverse('account_key', args=[secret])}"


@transaction.atomic
def new_first_half(key: PasswordKey) -> str:
    """Make the first half, which replaces an earlier one, and return it: 49 random bits."""
    half = _half()
    key.first_half = _digest(plain_half(half))
    key.save(update_fields=["first_half"])
    return half


@transaction.atomic
def new_second_half(*, key: PasswordKey, by: User) -> str:
    """Make the second half for a second person. Raises ValidationError for the first person or the key's owner."""
    key = PasswordKey.objects.select_for_update().get(pk=key.pk)
    if by.pk in {key.made_by_id, key.user_id}:
        raise ValidationError(_("Another person has to hand over the second half."))
    refuse_voucher(by)
    if not is_open(key):
        raise ValidationError(_("This code was used, withdrawn, or is older than a day."))
    half = _half()
    key.second_half, key.second_by = _digest(plain_half(half)), by
    key.save(update_fields=["second_half", "second_by"])
    return half


def key_of_link(secret: str) -> PasswordKey | None:
    """Return the open key of a link, or None."""
    return _usable(PasswordKey.objects.filter(link=_digest(secret)).exclude(link=""))


def key_of_halves(first: str, second: str) -> PasswordKey | None:
    """Return the open key of two halves as they were typed, or None."""
    halves = {"first_half": _digest(plain_half(first)), "second_half": _digest(plain_half(second))}
    return _usable(PasswordKey.objects.filter(**halves).exclude(first_half="").exclude(second_half=""))


def is_open(key: PasswordKey) -> bool:
    """Return True if the key can still be used."""
    return key.ended_at is None and key.expires_at > timezone.now()


@transaction.atomic
def choose_password(*, key: PasswordKey, password: str) -> User:
    """Store the password that the owner of the key chose; the key is used up and open sessions end.

    Raises ValidationError for a refused password, which leaves the key open, or for a key used meanwhile.
    """
    found = PasswordKey.objects.select_for_update().get(pk=key.pk)
    if not is_open(found):
        raise ValidationError(_("This code was used, withdrawn, or is older than a day."))
    user = User.objects.select_for_update(no_key=True).get(pk=found.user_id)
    try:
        validate_password(password, user)
    except ValidationError as refusal:
        raise ValidationError({"password1": refusal}) from refusal
    is_first = not user.has_usable_password()
    # Whoever holds the link acts, not certainly its owner: nobody has signed in.
    with acting(system="password-key", user=user):
        user.set_password(password)
        user.save(update_fields=["password"])
        found.ended_at = timezone.now()
        found.save(update_fields=["ended_at"])
        # The operator of the installation makes the first people of a trial, who then confirm the others.
        if not is_first or found.made_by is not None:
            cause = SigningSuspension.Cause.FIRST_PASSWORD if is_first else SigningSuspension.Cause.PASSWORD
            suspend_signing(user=user, cause=cause, asked_by=found.made_by)
        detail = {"person": user.username, "way": system_text(f"password-key.{found.way}")}
        if found.made_by is not None:
            detail["by"] = found.made_by.username
        events.record(kind=events.AccessKind.PASSWORD_CHANGED, detail=detail)
    end_sessions(user=user)
    return user


def plain_half(typed: str) -> str:
    """Return a half without what a person adds or leaves out: blanks, hyphens, capitals."""
    return "".join(sign for sign in typed.casefold() if sign in SIGNS)


def _usable(found: QuerySet[PasswordKey]) -> PasswordKey | None:
    key = found.select_related("user").first()
    return key if key is not None and is_open(key) and key.user.is_active else None


def _half() -> str:
    return "-".join("".join(secrets.choice(SIGNS) for _ in range(LETTERS)) for _ in range(GROUPS))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
