"""Rows of the trail to be sealed, tampering with them, and what the verification finds."""

from django.db import connection

from audit import triggers
from audit.context import acting
from audit.verification import Tally, findings
from trials.models import Trial


def trials(*slugs: str) -> list[Trial]:
    """Store trials as the test process."""
    with acting(system="test"):
        return [Trial.objects.create(slug=slug) for slug in slugs]


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
