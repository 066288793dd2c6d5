"""The work that `manage.py due` starts, and when (operation/due.py). A new part of the system adds a line here."""

from datetime import timedelta

DueLine = tuple[str, timedelta, timedelta, str]
"""Name; every so often; from this offset of the day in UTC; a function that returns a sentence about what it did."""


def work(*, backup_hour: int) -> list[DueLine]:
    """Return the lines of the schedule. backup_hour: hour of the daily backup, UTC."""
    return [
        ("seal", timedelta(minutes=1), timedelta(), "operation.due_work.seal"),
        ("trail index", timedelta(minutes=1), timedelta(seconds=20), "operation.due_work.trail_index"),
        ("verification", timedelta(minutes=1), timedelta(seconds=40), "operation.due_work.verification"),
        ("clock", timedelta(hours=6), timedelta(minutes=11), "operation.due_work.clock"),
        ("protocol versions", timedelta(minutes=5), timedelta(), "operation.due_work.protocol_versions"),
        ("backup", timedelta(days=1), timedelta(hours=backup_hour), "operation.due_work.backup"),
        ("copies at signatures", timedelta(minutes=5), timedelta(), "operation.due_work.signature_copies"),
        ("site copies", timedelta(days=1), timedelta(hours=4), "operation.due_work.site_copies"),
        ("documents", timedelta(hours=1), timedelta(minutes=7), "operation.due_work.forget_documents"),
        # At 02:00 UTC, when the day has changed at every site in Europe.
        ("deviations", timedelta(days=1), timedelta(hours=2), "operation.due_work.deviations"),
        ("event reports", timedelta(minutes=10), timedelta(minutes=1), "operation.due_work.event_reports"),
        ("notices", timedelta(minutes=10), timedelta(minutes=3), "operation.due_work.notices"),
        ("sponsor notices", timedelta(minutes=5), timedelta(minutes=2), "operation.due_work.sponsor_notices"),
        # At 05:00 UTC: before the working day begins.
        ("daily notices", timedelta(days=1), timedelta(hours=5), "operation.due_work.daily_notices"),
        ("uploads", timedelta(days=1), timedelta(hours=3), "operation.due_work.clear_uploads"),
        (
            "task results",
            timedelta(days=1),
            timedelta(hours=3, minutes=10),
            "operation.due_work.prune_task_results",
        ),
        ("sessions", timedelta(days=1), timedelta(hours=3, minutes=20), "operation.due_work.clear_sessions"),
    ]
