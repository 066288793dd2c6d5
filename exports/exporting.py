"""Export of a study: sealed, from one snapshot, streamed, and registered with its hash (PRV-04)."""

import hashlib
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from audit.context import Actor, acting_as, current_actor
from audit.export_register import Channel, Sending, SendingStage
from audit.models import AccessEvent
from audit.restricted_reads import note_registered
from audit.sealing import seals
from exports.formats.data_files import Exported, ReaderRights
from exports.formats.one_file import OneFile
from exports.formats.registry import DEFAULT, FORMATS
from exports.tables.archive import Archive
from exports.tables.columns import StudyTable
from exports.tables.described import describing_tables
from exports.tables.dictionary import dictionary_table
from exports.tables.forms import form_tables
from exports.tables.manifest import DamagedFile, manifest
from exports.tables.snapshot import snapshot
from exports.tables.study import study_tables
from exports.tables.trail import trail_table
from patients.entry.attachments import MISSING, Damaged, content
from patients.entry.held_files import held_files
from patients.models import Attachment
from protocol.checking.dictionary import file_path
from trials.models import Trial
from trials.permissions import Permission
from trials.unblinded_files import LINE


def tables_of(trial: Trial, *, sees_treatment: bool, sees_files: bool = False) -> Iterator[StudyTable]:
    """Yield all tables of the export in archive order."""
    tables = [
        *study_tables(trial, sees_treatment=sees_treatment),
        *form_tables(trial, sees_files=sees_files, sees_treatment=sees_treatment),
        trail_table(trial, sees_treatment=sees_treatment, sees_files=sees_files),
        dictionary_table(trial, sees_treatment=sees_treatment),
    ]
    yield from tables
    yield from describing_tables(trial, tables)


def export(
    *,
    trial: Trial,
    purpose: str,
    sees_treatment: bool,
    by: User | None,
    label: str,
    sees_files: bool = False,
    format_code: str = DEFAULT,
) -> Iterator[bytes]:
    """Seal the trail, register the start, and return the bytes of the file as an iterator.

    It is a zip, or the one file of a format that has one (`ExportFormat.extension`).

    Row counts and the hash are registered after the last byte is read, or that it was broken off. Attached files are
    included with `sees_files`. format_code: one of `exports.formats.registry.FORMATS`.
    """
    sending = Sending(
        channel=Channel.STUDY,
        trial_id=trial.pk,
        person=by,
        purpose=purpose,
        treatment=sees_treatment,
        told={"format": format_code, "files": sees_files},
        # An export with the treatment reveals arms.
        see=str(Permission.SEE_TREATMENT) if trial.masked and sees_treatment else "",
    )
    start = sending.record(SendingStage.STARTED)
    note_registered(sending.see)
    # Before the first byte is sent, so that a broken seal can still be shown as an error.
    seals.seal(reason="export")
    return _pieces(trial, sending, start, current_actor(), label=label)


def _pieces(
    trial: Trial, sending: Sending, start: AccessEvent, actor: Actor | None, *, label: str
) -> Iterator[bytes]:
    """Yield the archive. It runs after the request has ended, so the actor of the request is passed in."""
    at = timezone.now()
    comment = LINE if sending.see else ""
    made_as = FORMATS[str(sending.told["format"])]
    archive = OneFile() if made_as.of_trial else Archive(written_at=at, comment=comment)
    seen, damaged = list[StudyTable](), list[DamagedFile]()
    sees_treatment, sees_files = sending.treatment, bool(sending.told["files"])
    partly, size = hashlib.sha256(), 0

    def watched() -> Iterator[StudyTable]:
        for table in tables_of(trial, sees_treatment=sees_treatment, sees_files=sees_files):
            seen.append(table)
            yield table

    last = manifest(
        trial=trial,
        by=label,
        purpose=str(sending.purpose),
        at=at,
        unblinded=sees_treatment,
        warning=comment,
        format_code=str(sending.told["format"]),
        tables=seen if made_as.escaped else [],
        damaged=damaged,
    )
    try:
        # One snapshot for all tables: rows of one table never refer to rows that another lacks.
        with snapshot():
            files = attached_files(trial, damaged) if sees_files and made_as.files else ()
            exported, reader = (
                Exported(trial.slug, at, settings.VERSION, sees_treatment),
                ReaderRights(sees_treatment, sees_files),
            )
            made = made_as.data_files(watched(), trial, exported, reader)
            for piece in archive.stream(made, last, files):
                partly.update(piece)
                size += len(piece)
                yield piece
    except BaseException:
        # Also when the reader has gone away. After the snapshot, whose transaction is read-only on PostgreSQL.
        with acting_as(actor):
            sending.ended(start, SendingStage.ABORTED, sha256=partly.hexdigest(), size=size)
        raise
    finished: dict[str, Any] = {"sha256": archive.sha256, "size": size, "started_as": start.pk}
    finished["rows"] = {file.name: file.rows for file in archive.files}
    if damaged:
        finished["damaged"] = [file.name for file in damaged]
    # The request and its actor are gone by now.
    with acting_as(actor):
        sending.record(SendingStage.FINISHED, **finished)


def attached_files(trial: Trial, damaged: list[DamagedFile]) -> Iterator[tuple[str, bytes]]:
    """Yield (path in the archive, bytes) of every file that a record holds now.

    A file that is missing or altered is not sent: it is added to `damaged`, so that the export says so.
    """
    held = held_files(trial)
    for row in Attachment.objects.filter(patient__trial=trial).order_by("pk").iterator():
        if (value := held.pop(row.key, None)) is None:
            continue
        try:
            yield file_path(value), content(row)
        except Damaged as problem:
            damaged.append(DamagedFile(file_path(value), row.sha256, problem.problem))
    damaged += [DamagedFile(file_path(value), value["sha256"], MISSING) for value in held.values()]
