"""Limits of a session: fifteen minutes without a request, twelve hours in all (ACC-05, SEC-08)."""

import time

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase

from accounts.models import User

BEGAN = "began"
SEEN = "seen"
# The session is written at most once in this many seconds, so that not every page view costs a write.
GRAIN_SECONDS = 30


def begin(session: SessionBase) -> None:
    """Start both clocks at sign-in."""
    session[BEGAN] = session[SEEN] = int(time.time())


def ended(session: SessionBase) -> str:
    """Return `idle` or `lifetime` if a limit is exceeded, else an empty string. Starts clocks that are missing."""
    if BEGAN not in session or SEEN not in session:
        begin(session)
    now = time.time()
    if now - session[BEGAN] >= settings.SESSION_COOKIE_AGE:
        return "lifetime"
    return "idle" if now - session[SEEN] >= settings.SESSION_IDLE_SECONDS else ""


def touch(session: SessionBase) -> None:
    """Record activity of the user. A clock that was set back does not lengthen the time without a request."""
    now, seen = int(time.time()), session.get(SEEN, 0)
    if now - seen >= GRAIN_SECONDS or now < seen:
        session[SEEN] = now


def seconds_left(session: SessionBase) -> int:
    """Return the seconds until the session ends without further requests."""
    now = time.time()
    idle = session.get(SEEN, now) + settings.SESSION_IDLE_SECONDS - now
    lifetime = session.get(BEGAN, now) + settings.SESSION_COOKIE_AGE - now
    return max(0, int(min(idle, lifetime)))


def end_sessions(*, user: User, but: str = "") -> None:
    """End the sessions of a user, except the one with the key `but`."""
    for session in UserSession.objects.filter(user=user).exclude(session_key=but):
        session.end()
