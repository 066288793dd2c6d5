"""The work that `manage.py due` starts. Each function returns a sentence about what it did."""

from datetime import timedelta

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from accounts.models import User
from audit.context import acting
from audit.seal_times import seal_if_due
from audit.stored_text import system_text
from exports.documents import forget
from operation.backup import make_backup
from patients.entry.attachments import clear
from patients.participation.late_criteria import note_late_criteria
from reports.notices.mail import send_notices
from trials.loading import put_due_in_force

UPLOADS_KEPT = timedelta(days=7)


def seal() -> str:
    """Seal the new rows of the trail, if many wait or one has waited long enough."""
    made = seal_if_due()
    return f"seal {made.number}" if made else "no row waits too long for its seal"


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


def backup() -> str:
    """Make the backup of the night, if STROMA_BACKUP_DIR names a folder."""
    if settings.BACKUP_DIR is None:
        return "STROMA_BACKUP_DIR names no folder: no backup was made"
    made = make_backup(to=settings.BACKUP_DIR, keep=settings.BACKUPS_KEPT)
    return "; ".join(
        [f"{made.folder.name}: {made.rows} rows, {made.bytes_written / 1e6:.1f} MB", *made.notes]
    )


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
