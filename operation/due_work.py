"""The work that `manage.py due` starts. Each function returns a sentence about what it did."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from accounts.models import User
from audit.context import acting
from audit.sealing.seal_times import seal_if_due
from audit.stored_text import system_text
from audit.trail_index.building import refresh, waiting
from exports.documents import forget
from exports.scheduled_copies import (
    CopyNotWritten,
    copies_after_signatures,
    copies_due,
    write_scheduled_copy,
)
from operation.backups.backup import make_backup
from operation.time_source import record_clock
from operation.trail_verification import verify_if_asked
from patients.entry.files.attachments import clear
from patients.participation.deviation_log.late_criteria import note_late_criteria
from reports.notices.mail import send_notices
from safety.late_reports import note_overdue_reports
from trials.models import Trial
from trials.sponsor_notices import send_waiting
from trials.versions.loading import put_due_in_force

UPLOADS_KEPT = timedelta(days=7)


def seal() -> str:
    """Seal the new rows of the trail, if many wait or one has waited long enough."""
    made = seal_if_due()
    return f"seal {made.number}" if made else "no row waits too long for its seal"


def verification() -> str:
    """Verify the trail if a person asked for it on the page System, or if a week has passed."""
    with acting(system="verification"):
        kept = verify_if_asked()
    if kept is None:
        return "nobody asked to verify the trail"
    return f"{kept.detail['rows']} rows verified, {kept.detail['findings']} findings"


def clock() -> str:
    """Keep what the clock of this machine follows, and how far it may be off."""
    with acting(system="clock"):
        reading = record_clock()
    return f"clock synchronised: {reading.synchronised}, drift {reading.drift_ms} ms"


def trail_index() -> str:
    """Index the new entries of the trail, so that whoever reads it waits for few."""
    return (
        "the trail is indexed" if refresh() else f"about {waiting()} entries of the trail wait for the index"
    )


def protocol_versions() -> str:
    """Put in force the protocol versions whose first day has come."""
    with acting(system="in_force", reason=system_text("trials.first_day_in_force")):
        versions = put_due_in_force()
    return "; ".join(f"{each.trial} {each} is in force" for each in versions) or "no version begins"


def deviations() -> str:
    """Open a deviation for each deferred criterion that was not confirmed in time."""
    with acting(system="deviations"):
        judged = note_late_criteria()
    return f"{judged} patients with a criterion to confirm were judged"


def event_reports() -> str:
    """Open a deviation for each serious event whose reporting deadline passed without a report."""
    with acting(system="deviations"):
        opened = note_overdue_reports()
    return f"{opened} deviations opened for events that were not reported in time"


def notices() -> str:
    """Mail new notices to those who want each soon."""
    return _mailed(User.NoticeMail.SINGLE)


def daily_notices() -> str:
    """Mail new notices to those who want them once a day."""
    return _mailed(User.NoticeMail.DAILY)


def _mailed(mode: str) -> str:
    if settings.PRODUCTION and not settings.SENDS_MAIL:
        return "EMAIL_HOST names no mail server: no notice was mailed"
    sent, failed = send_notices(mode=mode)
    if failed:
        raise OSError(f"{sent} mails with notices sent, {failed} refused by the mail server")
    return f"{sent} mails with notices sent"


def sponsor_notices() -> str:
    """Mail again the notices to the sponsor that could not be mailed. Raises OSError while one is refused."""
    sent, waiting = send_waiting()
    if waiting and settings.SENDS_MAIL:
        raise OSError(f"{sent} notices to the sponsor sent, {waiting} still wait")
    return f"{sent} notices to the sponsor sent, {waiting} wait"


def backup() -> str:
    """Make the backup of the night, if STROMA_BACKUP_DIR names a folder."""
    if settings.BACKUP_DIR is None:
        return "STROMA_BACKUP_DIR names no folder: no backup was made"
    made = make_backup(to=settings.BACKUP_DIR, keep=settings.BACKUPS_KEPT)
    return "; ".join(
        [f"{made.folder.name}: {made.rows} rows, {made.bytes_written / 1e6:.1f} MB", *made.notes]
    )


def site_copies() -> str:
    """Write the copies of the investigator that are due. Raises OSError if one could not be written."""
    if settings.SITE_COPY_DIR is None:
        return "STROMA_SITE_COPY_DIR names no place: no copy was written"
    return _copied(settings.SITE_COPY_DIR, copies_due)


def signature_copies() -> str:
    """Write the copies for casebooks signed since the last one. Raises OSError if one could not be written."""
    if settings.SITE_COPY_DIR is None or not settings.SITE_COPY_AT_SIGNATURE:
        return "STROMA_SITE_COPY_AT_SIGNATURE asks for no copy at signatures"
    return _copied(settings.SITE_COPY_DIR, copies_after_signatures)


def _copied(folder: Path, due: Callable[[], list[Trial]]) -> str:
    written, failed = list[str](), list[str]()
    with acting(system="copies"):
        for trial in due():
            try:
                written.append(write_scheduled_copy(trial, folder).name)
            except CopyNotWritten as wrong:
                failed.append(f"{trial}: {wrong}")
    if failed:
        raise OSError("; ".join(failed))
    return ", ".join(written) or "no copy is due"


def forget_documents() -> str:
    """Delete documents whose time is over."""
    with acting(system="documents"):
        gone, stalled = forget(now=timezone.now())
    return f"{gone} documents deleted, {stalled} given up"


def clear_uploads() -> str:
    """Delete uploaded files that no form ever held."""
    with acting(system="clear_uploads", reason=system_text("patients.never_saved")):
        gone, strays = clear(before=timezone.now() - UPLOADS_KEPT)
    return f"{gone} files that no form ever held and {strays} without a row deleted"


def prune_task_results() -> str:
    """Delete finished background tasks."""
    if not settings.TASKS["default"]["BACKEND"].endswith("DatabaseBackend"):
        return "no tasks are stored"
    call_command("prune_db_task_results", verbosity=0)
    return "finished tasks deleted"


def clear_sessions() -> str:
    """Delete sessions that ended."""
    call_command("clearsessions")
    return "ended sessions deleted"
