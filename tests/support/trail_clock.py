"""The clock that dates the trail."""

from datetime import datetime

from django.db import connection
from django.utils import timezone


def trail_now() -> datetime:
    """Return the time of the clock that dates the trail. PostgreSQL has its own, which no test sets."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (at,) = cursor.fetchone()
    return at
