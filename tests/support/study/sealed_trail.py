"""Rows of the trail to be sealed, tampering with them, and what the verification finds."""

from django.db import connection

from audit import events, triggers
from audit.context import acting
from audit.models import AccessEvent
from audit.sealing.verification import Tally, findings
from trials.models import Trial


def trials(*slugs: str) -> list[Trial]:
    """Store trials as the test process."""
    with acting(system="test"):
        return [Trial.objects.create(slug=slug) for slug in slugs]


def upgraded() -> None:
    """Record the upgrade with which a trail begins, if a test before this one emptied the tables."""
    if not AccessEvent.objects.exists():
        with acting(system="migrate"):
            events.record(kind=events.AccessKind.MIGRATION, detail={})


def found() -> list[str]:
    """Return what the verification of the whole trail finds."""
    return [str(finding) for finding in findings(Tally())]


def tamper(sql: str, *params: object) -> None:
    """Run SQL without the triggers, as who owns the database could."""
    with triggers.lifted(), connection.cursor() as cursor:
        cursor.execute(sql, params)


def history_ids() -> list[int]:
    """Return the keys of the history of the trials, in order."""
    return list(Trial.history.order_by("history_id").values_list("history_id", flat=True))
