"""Sessions in the database, read with a query whose SQL is built once: every request needs its session."""

from datetime import datetime

from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.utils import timezone

from audit.compiled_queries import CompiledQuery

ALIVE = CompiledQuery(
    lambda key, now: Session.objects.filter(session_key=key, expire_date__gt=now), key=str, now=datetime
)


class SessionStore(db.SessionStore):
    """Django's session store in the database."""

    def save(self, must_create: bool = False) -> None:
        """Store the session. Raises UpdateError if it was deleted, and the database's own error if that failed."""
        try:
            super().save(must_create)
        except UpdateError as gone:
            # Django calls every failure a deleted session, a full disk too; only errors of the driver have a cause.
            failure = gone.__context__
            if failure is not None and failure.__cause__ is not None:
                raise failure from failure.__cause__
            raise

    def _get_session_from_db(self) -> Session | None:
        found = ALIVE.first(key=self.session_key, now=timezone.now())
        if found is None:
            self._session_key = None
        return found
