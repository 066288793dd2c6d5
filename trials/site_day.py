"""The day at a site as an SQL expression, for rows of trials whose sites have different clocks.

Both engines compute it from a moment and the name of a time zone; SQLite has no time zones, so it asks Python.
"""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

FUNCTION = "stroma_site_day"


class SiteDay(models.Func):
    """`SiteDay(moment, zone)`: the date of a moment on the clock of a time zone (an IANA name)."""

    arity = 2
    output_field = models.DateField()

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        """Call the function of Python."""
        return self.as_sql(compiler, connection, function=FUNCTION, **more)

    def as_postgresql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        """Convert with the time zones of the database."""
        template = "((%(expressions)s)::date)"
        return self.as_sql(
            compiler, connection, template=template, arg_joiner="::timestamptz AT TIME ZONE ", **more
        )


def prepare(sender: type[BaseDatabaseWrapper], connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Register the function on a new SQLite connection; receiver of `connection_created`."""
    if connection.vendor == "sqlite":
        connection.connection.create_function(FUNCTION, 2, _day, deterministic=True)


def _day(at: str | None, zone: str | None) -> str | None:
    """Return the ISO date at a site of a moment as Django stores it (UTC, without offset)."""
    if at is None or zone is None:
        return None
    return datetime.fromisoformat(at).replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date().isoformat()
