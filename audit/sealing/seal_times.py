"""When the trail is sealed by time, and how long its rows wait for their seal.

Rows without a seal are protected by triggers only. Under load they are sealed each minute, at the latest after
SEAL_AFTER_MINUTES (at most an hour), if `seal_if_due` is called each minute: by `manage.py due`, or by
`manage.py seal --if-due`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import clock, events
from audit.context import acting
from audit.models import AccessEvent, Seal
from audit.sealing import seals
from audit.sealing.seal_files import catch_up_files, file_line
from audit.sealing.sealed_rows import sealed_tables

# Rows that wait in one table; from this number on they are sealed at the next minute.
UNDER_LOAD = 50


@dataclass(frozen=True)
class Waiting:
    """Rows without a seal: how many (of each table at most UNDER_LOAD are counted), when the first was written, and
    the latest time of a newest row.
    """

    rows: int
    oldest: datetime | None
    newest: datetime | None

    def age(self, now: datetime) -> timedelta:
        """Return how long the first row has waited; nothing if none waits or the clock was set back since."""
        return max(now - self.oldest, timedelta()) if self.oldest else timedelta()

    def is_due(self, now: datetime) -> bool:
        """Return whether the rows are to be sealed now: many, old, or dated in the future by a clock set back."""
        if self.oldest is None:
            return False
        limit = timedelta(minutes=settings.SEAL_AFTER_MINUTES)
        return self.rows >= UNDER_LOAD or now - self.oldest >= limit or self.oldest > now + clock.TOLERANCE


def waiting() -> Waiting:
    """Return which rows wait for a seal. Two statements on the keys of the tables, whatever their size."""
    sealed = seals.sealed_up_to()
    selects = []
    for table in sealed_tables():
        key, time, rows = f's."{table.key}"', f's."{table.time}"', f'"{table.name}" s'
        after = f"{key} > {int(sealed.get(table.name, 0))}"
        selects.append(
            f"SELECT (SELECT count(*) FROM (SELECT 1 FROM {rows} WHERE {after} LIMIT {UNDER_LOAD}) w), "
            f"(SELECT {time} FROM {rows} WHERE {after} ORDER BY {key} LIMIT 1), "
            f"(SELECT {time} FROM {rows} ORDER BY {key} DESC LIMIT 1)"
        )
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(selects))
        found = cursor.fetchall()
    return Waiting(
        rows=sum(count for count, _oldest, _newest in found),
        oldest=min((clock.as_utc(oldest) for _count, oldest, _newest in found if oldest), default=None),
        newest=max((clock.as_utc(newest) for _count, _oldest, newest in found if newest), default=None),
    )


def seal_if_due() -> Seal | None:
    """Seal the rows that wait, if it is time; mail the head to SEAL_MAIL_TO once in SEAL_MAIL_HOURS.

    To be called each minute, outside a transaction, by any number of machines at once: each row gets one seal. Acts as
    `system:seal`. Without anything to do it costs a few statements and writes nothing. Also looks for a clock that was
    set back. Return the seal made, or None. Raises SealBroken if a seal file contradicts the database; a mail or a copy
    that fails is recorded as an event and tried again.
    """
    with acting(system="seal"):
        seals.watch_clock()
        made = seals.seal(reason="time") if waiting().is_due(clock.now_of_rows()) else None
        if made is None and settings.SEAL_COPIES:
            # A copy that could not be reached gets what it lacks as soon as it is back.
            catch_up_files()
        mail_head()
    return made


def mail_head() -> None:
    """Mail the newest head, unless one was mailed in the last SEAL_MAIL_HOURS or there is none that is new."""
    newest = Seal.objects.order_by("-number").first() if settings.SEAL_MAIL_TO else None
    if newest is None:
        return
    last = AccessEvent.objects.filter(kind=events.AccessKind.SEAL_MAILED).order_by("-pk").first()
    if last is not None and not _mail_is_due(last, newest):
        return
    try:
        send_mail(
            _("Seal %(number)s of the audit trail") % {"number": newest.number},
            _(
                "Keep this message. It proves later that no row of the audit trail was altered up to this seal:\n\n"
                "%(line)s\n\nmanage.py verify_trail --head '%(line)s' compares it with the database."
            )
            % {"line": file_line(newest)},
            None,
            settings.SEAL_MAIL_TO,
        )
    # smtplib's errors are OSErrors.
    except OSError:
        written = False
    else:
        written = True
    detail = {"seal": newest.number, "to": settings.SEAL_MAIL_TO, "written": written}
    if written or last is None or last.detail["written"]:
        events.record(kind=events.AccessKind.SEAL_MAILED, detail=detail)


def _mail_is_due(last: AccessEvent, newest: Seal) -> bool:
    if not last.detail["written"]:
        return True
    # A clock that was set back must not stop the mails: what lies in the future counts as long ago.
    since = timezone.now() - last.at
    recent = timedelta() <= since < timedelta(hours=settings.SEAL_MAIL_HOURS)
    return not recent and last.detail["seal"] < newest.number
