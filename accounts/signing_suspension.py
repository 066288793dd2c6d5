"""Signing is suspended after others opened an account, until the person has confirmed who they are (SIG-01, ACC-02).

Whoever makes a link for a password, or holds the mailbox to which it goes, may open the account of another person. The
account then signs nothing until its owner uses a second factor that is older than that, or until a second person has
seen the owner. The second person is not the one who asked for the link, and types a code that the signed-in owner
shows: it is this account that is confirmed, not another one with the same name.
"""

import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_tasks import task

from accounts.models import SigningSuspension, User
from accounts.signals import signing_suspended
from audit.context import acting

Cause, Way = SigningSuspension.Cause, SigningSuspension.Way
CODE_LASTS = timedelta(minutes=15)
DIGITS = 8
SENTENCES = {
    Cause.FIRST_PASSWORD: gettext_lazy(
        "Your account is new: you cannot sign until a second person has confirmed who you are."
    ),
    Cause.PASSWORD: gettext_lazy(
        "Your password was replaced with a link or code that %(person)s asked for. You cannot sign until it is"
        " confirmed who you are. If you did not ask for it, tell the administrator of your trial at once."
    ),
    Cause.FACTORS: gettext_lazy(
        "Your second factors were removed, as %(person)s asked. You cannot sign until a second person has confirmed"
        " who you are. If you did not ask for it, tell the administrator of your trial at once."
    ),
}


@transaction.atomic
def suspend_signing(*, user: User, cause: str, asked_by: User | None) -> SigningSuspension:
    """Suspend signing, and tell the person by mail. asked_by: who caused it; None on the command line."""
    row = SigningSuspension.objects.create(user=user, cause=cause, asked_by=asked_by)
    tell_of_suspension.enqueue(row.pk)
    signing_suspended.send(sender=SigningSuspension, suspension=row)
    return row


def open_suspensions(user: User) -> QuerySet[SigningSuspension]:
    """Return the suspensions to confirm before the person signs again."""
    return SigningSuspension.objects.filter(user=user, ended_at=None).order_by("pk")


def sentences_for(user: User) -> list[str]:
    """Return the sentences shown at each sign-in while signing is suspended. One query."""
    rows = open_suspensions(user).select_related("asked_by")
    return [sentence_of(row) for row in rows]


def sentence_of(row: SigningSuspension) -> str:
    """Return a sentence about the change of the account and the next step, in the active language."""
    who = row.asked_by or _("the operator of the installation")
    return str(SENTENCES[Cause(row.cause)]) % {"person": who}


@transaction.atomic
def confirm_by_factor(*, user: User, used: Collection[int]) -> int:
    """End what a second factor can confirm, and return how many suspensions ended.

    used: keys of the factors with which the person signed in. A factor proves nothing that is as young as the oldest
    suspension: whoever opened the account may have set it up.
    """
    rows = list(open_suspensions(user).select_for_update())
    if not rows:
        return 0
    oldest = min(row.began_at for row in rows)
    if not Authenticator.objects.filter(user=user, pk__in=used, created_at__lt=oldest).exists():
        return 0
    for row in rows:
        _end(row, Way.FACTOR, None)
    return len(rows)


@transaction.atomic
def new_confirmation_code(*, user: User) -> str:
    """Return a code for the person to show to the second one: eight digits, once, for a quarter of an hour."""
    rows = list(open_suspensions(user).select_for_update())
    if not rows:
        raise ValidationError(_("You can sign: there is nothing to confirm."))
    code = "".join(secrets.choice("0123456789") for _digit in range(DIGITS))
    for row in rows:
        row.code, row.code_until = _digest(user, code), timezone.now() + CODE_LASTS
        row.save(update_fields=["code", "code_until"])
    return f"{code[:4]} {code[4:]}"


@transaction.atomic
def confirm_identity(*, user: User, code: str, by: User) -> None:
    """Record that `by` has seen the person, who showed the code in their own session; the person signs again.

    Raises ValidationError for oneself, for who asked for the password or the removal, for somebody who may not sign
    either, and for a wrong code.
    """
    rows = list(open_suspensions(user).select_for_update())
    refuse_voucher(by)
    if by.pk == user.pk or by.pk in {row.asked_by_id for row in rows}:
        raise ValidationError(_("Another person has to confirm who this is."))
    digest = _digest(user, "".join(sign for sign in code if sign.isdigit()))
    now = timezone.now()
    if not rows or any(row.code != digest or row.code_until is None or row.code_until < now for row in rows):
        raise ValidationError(
            {"code": _("This is not the code that the person sees now. Let them ask for another.")}
        )
    for row in rows:
        _end(row, Way.PERSON, by)


def refuse_voucher(by: User) -> None:
    """Raise ValidationError for a second person who is not known well enough: anybody could be invited for it."""
    if by.signing_suspended:
        raise ValidationError(_("Confirm first who you are yourself, on the page of your profile."))


def _end(row: SigningSuspension, way: str, by: User | None) -> None:
    row.ended_at, row.way, row.ended_by, row.code = timezone.now(), way, by, ""
    row.save(update_fields=["ended_at", "way", "ended_by", "code"])


def _digest(user: User, code: str) -> str:
    return hashlib.sha256(f"{user.pk} {code}".encode()).hexdigest()


def confirm_at_sign_in(*, user: User, steps: Collection[dict[str, object]]) -> list[str]:
    """Confirm with the factors of a sign-in, and return what the person has to be told."""
    told = sentences_for(user)
    used = [int(str(step["id"])) for step in steps if step.get("method") == "mfa" and "id" in step]
    if told and used:
        with acting(user=user):
            if confirm_by_factor(user=user, used=used):
                return [*told, _("Your second factor has confirmed who you are: you can sign.")]
    return told


@task()
def tell_of_suspension(suspension: int) -> None:
    """Tell a person that others opened the account, and that it signs nothing until it is confirmed who they are."""
    found = SigningSuspension.objects.select_related("user", "asked_by").get(pk=suspension)
    user = found.user
    if not (user.email and settings.SENDS_MAIL):
        return
    with translation.override(user.language or settings.LANGUAGE_CODE):
        text = render_to_string("mail/signing_suspended.txt", {"user": user, "suspension": found})
        send_mail(_("Your account in Stroma was opened anew"), text, None, [user.email])
