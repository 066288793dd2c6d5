"""Copies of the investigator by schedule, to a place that the site controls (CTL-01).

Written by the worker. A copy that cannot be written is an entry of the export register and a notice to those who may
take the copy, until the next one is written.
"""

import os
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from audit.export_register import Channel, Sending, SendingStage, last_scheduled
from audit.models import Signature
from audit.sealing import seals
from audit.sealing.seal_files import SealBroken
from audit.stored_text import system_text
from exports.archive_check.check import check
from exports.documents import Copy, codes_of, write
from exports.models import Document, title_of
from exports.paper.audience import Audience
from exports.paper.typesetting import NotPrinted
from patients.models import Patient
from trials.models import Trial
from trials.permissions import Permission as P

SIGNATURE = "casebook signature"
KIND = Document.Kind.INVESTIGATOR_COPY


class CopyNotWritten(Exception):
    """A copy was not written; the message says why."""


def copies_due() -> list[Trial]:
    """Return the trials whose copy is due. No copy is due where no place is named. One query for each trial."""
    if settings.SITE_COPY_DIR is None:
        return []
    trials = Trial.objects.select_related("protocol").filter(protocol__isnull=False).order_by("slug")
    return [trial for trial in trials if _is_due(trial)]


def copies_after_signatures() -> list[Trial]:
    """Return the trials in which a casebook was signed since their last copy. Two queries for each trial."""
    trials = Trial.objects.select_related("protocol").filter(protocol__isnull=False).order_by("slug")
    return [trial for trial in trials if _newest_signature(trial) > _signature_copied(trial)]


def _newest_signature(trial: Trial) -> int:
    """Return the number of the last signature of a casebook; 0 if there is none."""
    rows = Signature.objects.filter(trial_id=trial.pk, target_type=Patient._meta.label_lower)
    return rows.aggregate(newest=Max("pk"))["newest"] or 0


def _signature_copied(trial: Trial) -> int:
    """Return the number of the last signature of a casebook that a written copy holds."""
    last = last_scheduled(trial.pk, SendingStage.FINISHED)
    return int(last.detail.get(SIGNATURE, 0)) if last is not None else 0


def write_scheduled_copy(trial: Trial, folder: Path) -> Path:
    """Write, check and register the copy of a trial, blinded if it is masked; return its place.

    Raises CopyNotWritten after the failure is registered.
    """
    name = f"{trial.slug}-copy-{timezone.now():%Y%m%d-%H%M%S}.zip"
    sending = Sending(
        channel=Channel.COPY,
        trial_id=trial.pk,
        purpose=title_of(KIND),
        treatment=not trial.masked,
        # Read before the copy is made: a casebook signed meanwhile gets the next one.
        told={
            "format": KIND.value,
            "file": name,
            "scheduled": True,
            "casebook signature": _newest_signature(trial),
        },
    )
    try:
        sha256 = _write(trial, folder, name)
    except (OSError, NotPrinted, SealBroken, CopyNotWritten) as wrong:
        message = str(wrong.args[0]) if isinstance(wrong, NotPrinted) else str(wrong)
        sending.record(SendingStage.ABORTED, message=message)
        raise CopyNotWritten(message) from wrong
    sending.record(SendingStage.FINISHED, sha256=sha256, size=(folder / name).stat().st_size)
    return folder / name


def _write(trial: Trial, folder: Path, name: str) -> str:
    if not folder.is_dir():
        # Not made here: an empty folder under a mount point would pass for the place of the site.
        raise CopyNotWritten(f"{folder} is not there: is the place of the site mounted?")
    seals.seal(reason="document")
    part = folder / f"{name}.part"
    try:
        by = str(system_text("process.copies"))
        write(Copy(KIND, audience_of(trial), codes_of(trial), by, title_of(KIND)), part)
        checked = check(str(part))
        if checked.problems:
            raise CopyNotWritten(f"The copy was written but cannot be read: {checked.problems[0]}")
        os.replace(part, folder / name)
    finally:
        part.unlink(missing_ok=True)
    return checked.sha256


def audience_of(trial: Trial) -> Audience:
    """Return the readers of a copy that nobody asked for: the site, blinded in a masked trial."""
    known = {P.SEE_TRIAL, P.SEE_TRAIL, P.SEE_FILES} | (set() if trial.masked else {P.SEE_TREATMENT})
    return Audience(trial, frozenset(map(str, known)))


def _is_due(trial: Trial) -> bool:
    last = last_scheduled(trial.pk)
    if last is None or last.detail.get("stage") != SendingStage.FINISHED.value:
        return True
    # Some hours of tolerance: the work begins at the same time of each day.
    return timezone.now() - last.at >= timedelta(days=settings.SITE_COPY_DAYS) - timedelta(hours=6)
