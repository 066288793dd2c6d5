"""The time source of this machine's clock, and how far it may be off; kept as an event of the trail (EMA 6.2)."""

import ctypes
import os
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils import timezone

from audit import events

# <sys/timex.h>: the clock is not synchronised; offset and status count in nanoseconds.
STA_UNSYNC, STA_NANO = 0x0040, 0x2000


class _Timex(ctypes.Structure):
    """`struct timex` of Linux, as far as it is read; the rest is room that the system fills."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


@dataclass(frozen=True)
class MachineClock:
    """The clock as the operating system describes it; None for a part that it does not state.

    drift_ms: the correction that is still to be made; largest_error_ms: how far the clock may be off at most;
    database_ms: how far the clock of the database is from this machine's (PostgreSQL).
    """

    source: str
    synchronised: bool | None
    drift_ms: float | None
    largest_error_ms: float | None
    database_ms: float | None


def read_clock() -> MachineClock:
    """Return the state of the clock. One query on PostgreSQL; nothing outside the machine is asked."""
    synchronised, drift, error = _kernel()
    return MachineClock(settings.TIME_SOURCE, synchronised, drift, error, _database())


def record_clock() -> MachineClock:
    """Keep what the clock says as an event."""
    reading = read_clock()
    events.record(
        kind=events.AccessKind.CLOCK_READ,
        detail={
            "source": reading.source,
            "synchronised": reading.synchronised,
            "drift ms": reading.drift_ms,
            "largest error ms": reading.largest_error_ms,
            "database ms": reading.database_ms,
        },
    )
    return reading


def _kernel() -> tuple[bool | None, float | None, float | None]:
    if os.uname().sysname != "Linux":
        return None, None, None
    state = _Timex()
    # With `modes` 0 nothing is set: everybody may read.
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(state)) < 0:
        return None, None, None
    unit = 1e6 if state.status & STA_NANO else 1e3
    synchronised = not state.status & STA_UNSYNC
    return synchronised, round(state.offset / unit, 3), round(state.maxerror / 1e3, 3)


def _database() -> float | None:
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        before = timezone.now()
        cursor.execute("SELECT clock_timestamp()")
        there: datetime = cursor.fetchone()[0]
    here = before + (timezone.now() - before) / 2
    return round((there - here).total_seconds() * 1000, 3)
