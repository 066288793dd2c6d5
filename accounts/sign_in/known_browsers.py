"""Browsers from which a person signed in before, told apart by a signed cookie.

Guesses from elsewhere make unknown browsers wait (`accounts.sign_in.attempts`), but not the person's own: it has a
count of its own. The cookie opens nothing. A new password makes all browsers unknown again, except the one in which it
was chosen.
"""

import secrets
from datetime import timedelta

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import User

DAYS = 180
# People who share one computer on a ward.
MOST_PEOPLE = 12
BETWEEN, WITHIN = "|", "."
SALT = "accounts.known-browser"


def browser_of(request: HttpRequest, user: User) -> str:
    """Return the name of this browser if the person signed in from it since the password was chosen, else ''."""
    for text in _texts(request):
        owner, name, mark = _read(text)
        if owner == str(user.pk) and constant_time_compare(mark, _mark(user)):
            return name
    return ""


def remember(request: HttpRequest, response: HttpResponseBase, user: User) -> None:
    """Make this browser known for a person who has just signed in, or has chosen a password with a link."""
    others = [text for text in _texts(request) if _read(text)[0] not in {"", str(user.pk)}]
    name = browser_of(request, user) or secrets.token_hex(8)
    mine = TimestampSigner(salt=SALT).sign(WITHIN.join([str(user.pk), name, _mark(user)]))
    response.set_cookie(
        settings.KNOWN_BROWSER_COOKIE,
        BETWEEN.join([mine, *others][:MOST_PEOPLE]),
        max_age=timedelta(days=DAYS),
        httponly=True,
        samesite="Lax",
        secure=settings.PRODUCTION,
    )


def _texts(request: HttpRequest) -> list[str]:
    return request.COOKIES.get(settings.KNOWN_BROWSER_COOKIE, "").split(BETWEEN)[:MOST_PEOPLE]


def _read(text: str) -> tuple[str, str, str]:
    """Return owner, name and mark; three empty texts if the cookie was changed or is too old."""
    try:
        owner, name, mark = (
            TimestampSigner(salt=SALT).unsign(text, max_age=timedelta(days=DAYS)).split(WITHIN)
        )
    except (BadSignature, ValueError):
        return "", "", ""
    return owner, name, mark


def _mark(user: User) -> str:
    """Return a text that changes with the password and tells nothing about it."""
    return salted_hmac(SALT, user.password, algorithm="sha256").hexdigest()[:20]
