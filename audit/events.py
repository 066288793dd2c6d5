"""Access events, recorded without changing a row: sign-in, refusal, reading of identities, export (AUD-08)."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit import context
from audit.context import Actor, current_actor
from audit.models import AccessEvent
from audit.stored_text import StoredText, read, written


class AccessKind(models.TextChoices):
    """Kind of an access event. The labels are shown on the trail page."""

    SIGNED_IN = "signed_in", _("Signed in")
    SIGN_IN_FAILED = "sign_in_failed", _("Sign-in failed")
    SIGNED_OUT = "signed_out", _("Signed out")
    TIMED_OUT = "timed_out", _("Session timed out")
    LOCKED_OUT = "locked_out", _("Too many attempts")
    PASSWORD_CHANGED = "password_changed", _("Password changed")
    PASSWORD_LINK = "password_link", _("Link for a password made")
    FACTOR_CHANGED = "factor_changed", _("Second factor changed")
    DENIED = "denied", _("Refused: permission missing")
    IDENTITY_SEEN = "identity_seen", _("Identity read")
    FILE_SEEN = "file_seen", _("Attached file read")
    TREATMENT_SEEN = "treatment_seen", _("Treatment read")
    CALENDAR_READ = "calendar_read", _("Calendar read at a private address")
    EXPORTED = "exported", _("Data exported")
    EXPORT_ENDED = "export_ended", _("Sending of data ended")
    SIGNING_FAILED = "signing_failed", _("Signing failed")
    SIGNING_LOCKED = "signing_locked", _("Signing locked")
    SIGNING_SUSPENDED = "signing_suspended", _("Signing refused: identity to be confirmed")
    MIGRATION = "migration", _("System upgraded")
    UNEXPLAINED = "unexplained", _("Rows found that differ from their history")
    SETTLED = "settled", _("Rows settled that differed from their history")
    CONFIGURATION = "configuration", _("Configuration changed")
    CLOCK = "clock", _("Clock went backwards")
    SEAL_FILE = "seal_file", _("File of the seals rewritten")
    SEAL_COPY = "seal_copy", _("Copy of the file of the seals")
    SEAL_MAILED = "seal_mailed", _("Seal sent by mail")
    SPONSOR_TOLD = "sponsor_told", _("Notice sent to the sponsor")
    UNBLINDING_REFUSED = "unblinding_refused", _("Unblinding refused: wrong password")
    ROLE_REFUSED = "role_refused", _("Role refused: the person knew the treatment")
    BACKUP = "backup", _("Backup made")
    RESTORE_TEST = "restore_test", _("Restore tested")
    VERIFICATION = "verification", _("Verification of the trail")
    CLOCK_READ = "clock_read", _("Clock compared with its source")
    RESTORE = "restore", _("Restored from backup")


# What the details of an event are called, by their key.
DETAIL_WORDS = {
    "path": _("Page"),
    "page": _("Page"),
    "method": _("Method"),
    "message": _("Message"),
    "purpose": _("Purpose"),
    "format": _("Format"),
    "filters": _("Filters"),
    "filters in words": _("Filters in words"),
    "listing": _("Listing"),
    "migrations": _("Migrations"),
    "with": _("With"),
    "treatment": _("With the treatment"),
    "files": _("With attached files"),
    "damaged": _("Damaged files, not sent"),
    "selection": _("Chosen rows"),
    "pack": _("Report"),
    "as_of": _("Data as of"),
    "interval": _("Interval"),
    "document": _("Document"),
    "cancelled_by": _("Cancelled by"),
    "stage": _("Stage"),
    "channel": _("Channel"),
    "size": _("Size in bytes"),
    "started_as": _("Began as event"),
    "searched": _("Searched by"),
    "found": _("Found"),
    "rows": _("Rows"),
    "entries": _("Entries"),
    "of": _("Kind of content"),
    "sha256": _("SHA-256 of the file"),
    "data_sha256": _("SHA-256 of the data"),
    "file": _("File"),
    "form": _("Form"),
    "item": _("Item"),
    "factor": _("Second factor"),
    "change": _("Change"),
    "count": _("Number"),
    "by": _("By"),
    "person": _("Person concerned"),
    "patients": _("Patients"),
    "reason": _("Reason"),
    "limit": _("Limit reached"),
    "way": _("Way"),
    "second": _("Second person"),
    "seals": _("Seals"),
    "last seal": _("Last seal"),
    "seal": _("Seal"),
    "to": _("To"),
    "report": _("Report"),
    "event": _("Adverse event"),
    "arms": _("Number of arms"),
    "written": _("Written"),
    "asked_as": _("Asked for as event"),
    "findings": _("Findings"),
    "first": _("First finding"),
    "first of all": _("First finding of all tables"),
    "signatures": _("Signatures"),
    "seconds": _("Seconds"),
    "newer": _("Rows newer than the last seal"),
    "tables": _("Tables"),
    "problems": _("Problems"),
    "as of": _("As of"),
    "scheduled": _("By schedule"),
    "casebook signature": _("Last signature of a casebook in it"),
    "loss seconds": _("Work that would be lost, in seconds (RPO)"),
    "restore seconds": _("Time until work goes on, in seconds (RTO)"),
    "source": _("Source of the time"),
    "synchronised": _("Synchronised"),
    "drift ms": _("Drift in milliseconds"),
    "largest error ms": _("Largest error in milliseconds"),
    "database ms": _("Clock of the database apart, in milliseconds"),
    "clock before": _("Clock before"),
    "clock after": _("Clock after"),
    "version": _("Version of the software"),
    "environment": _("Environment"),
    "debug": _("Debug mode"),
    "database": _("Database"),
    "hosts": _("Host names"),
    "idle seconds": _("Longest idle time in seconds"),
    "session seconds": _("Longest session in seconds"),
    "seal file": _("File of the seals"),
    "seal copies": _("Copies of the seals"),
}
ORIGIN_WORDS = {
    "web": _("Page"),
    "import": _("Import"),
    "api": _("API"),
    "task": _("Task"),
    "command": _("Command"),
    "system": _("System"),
}


def record(
    *,
    kind: str,
    user: Any = None,
    trial_id: int | None = None,
    patient_id: int | None = None,
    detail: dict[str, Any] | None = None,
    request: HttpRequest | None = None,
    see: str = "",
) -> AccessEvent:
    """Store one event of the current actor; `user` names another person than the actor.

    detail: what is told of it; a sentence of the system is given as a stored text and kept as its code.
    see: permission that is needed to read the event, when its existence would tell the treatment.
    Raises ValueError for an unknown kind.
    """
    event = _event(kind, user, trial_id, patient_id, detail, request, see)
    event.save(force_insert=True)
    return event


# Events that count the rows of the whole database: of a masked trial such a number follows the product and its arm.
COUNTING = frozenset({AccessKind.VERIFICATION, AccessKind.BACKUP, AccessKind.RESTORE_TEST})
COUNTS = frozenset({"rows", "newer", "signatures", "size", "seconds", "loss seconds", "restore seconds"})
# What may name a table whose rows follow the arm.
PLACES = frozenset({"first of all"})


def without_counts(kind: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    """Return the details of an event without what counts, or names, rows of the whole database."""
    hidden = COUNTS | PLACES if kind in COUNTING else frozenset[str]()
    return {name: value for name, value in detail.items() if name not in hidden}


def visible_detail(event: AccessEvent, *, may: Collection[str]) -> dict[str, Any]:
    """Return the details of an event that a reader with these permissions is told.

    No hash of a file unread, and no count that follows an arm.

    What the system says is a stored text, in words for whoever reads it.
    """
    detail = {name: read(value) if isinstance(value, str) else value for name, value in event.detail.items()}
    # Keys for those who count; a reader is told the codes.
    detail.pop("patient_keys", None)
    if "see_treatment" not in may:
        detail = without_counts(event.kind, detail)
    if "see_files" in may:
        return detail
    if event.kind == AccessKind.FILE_SEEN:
        return {name: value for name, value in detail.items() if name != "sha256"}
    if event.kind == AccessKind.EXPORTED and "damaged" in detail:
        # The paths hold storage keys.
        detail["damaged"] = len(event.detail["damaged"])
    return detail


def record_outside_transaction(
    *, kind: str, user: Any = None, trial_id: int | None = None, detail: dict[str, Any] | None = None
) -> None:
    """Store an event that must survive a rollback of the surrounding transaction, such as a wrong password.

    Inside a transaction it is stored after the request, or the outermost `acting()`, has ended.
    """
    event = _event(kind, user, trial_id, None, detail, None, "")
    if connection.in_atomic_block:
        context.defer(event.save)
    else:
        event.save(force_insert=True)


def record_configuration() -> AccessEvent | None:
    """Store the settings that govern access and storage if they differ from the last stored (AUD-08)."""
    now = {
        "version": settings.VERSION,
        "environment": settings.ENVIRONMENT,
        "debug": settings.DEBUG,
        "database": connection.vendor,
        "hosts": sorted(settings.ALLOWED_HOSTS),
        "idle seconds": settings.SESSION_IDLE_SECONDS,
        "session seconds": settings.SESSION_COOKIE_AGE,
        "seal file": str(settings.SEAL_FILE),
        "seal copies": [*settings.SEAL_COPIES, *settings.SEAL_MAIL_TO],
    }
    last = AccessEvent.objects.filter(user_id=None, kind=AccessKind.CONFIGURATION).order_by("-pk").first()
    if last is not None and last.detail == now:
        return None
    return record(kind=AccessKind.CONFIGURATION, detail=now)


def count_recent(*, kind: str, user: Any, within: timedelta) -> int:
    """Return the number of events of a kind that a user caused within a period. One query on an index."""
    since = timezone.now() - within
    return AccessEvent.objects.filter(user_id=user.pk, kind=kind, at__gt=since).count()


def _event(
    kind: str,
    user: Any,
    trial_id: int | None,
    patient_id: int | None,
    detail: dict[str, Any] | None,
    request: HttpRequest | None,
    see: str,
) -> AccessEvent:
    if kind not in AccessKind.values:
        raise ValueError(f"Unknown kind of event: {kind}")
    actor = current_actor() or Actor(user_id=None, user_name="", full_name="", origin="system")
    return AccessEvent(
        at=timezone.now(),
        kind=kind,
        role=actor.role,
        origin=actor.origin,
        request=actor.request_id,
        session=actor.session,
        address=actor.address,
        agent=request.headers.get("User-Agent", "")[:200] if request is not None else "",
        trial_id=trial_id,
        patient_id=patient_id,
        see=see,
        detail={name: _storable(value) for name, value in (detail or {}).items()},
        **_person(user, actor),
    )


def _storable(value: Any) -> Any:
    return written(value) if isinstance(value, str | StoredText) else value


def _person(user: Any, actor: Actor) -> dict[str, Any]:
    if user is None:
        return {"user_id": actor.user_id, "user_name": actor.user_name, "full_name": actor.full_name}
    return {"user_id": user.pk, "user_name": user.get_username(), "full_name": user.get_full_name()}
