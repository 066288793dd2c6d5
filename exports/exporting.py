"""Export of a study: sealed, from one snapshot, streamed, and registered with its hash (PRV-04)."""

import hashlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from audit.context import Actor, acting_as, current_actor
from audit.export_register import Channel, Sending, SendingStage
from audit.models import AccessEvent
from audit.restricted_reads import note_registered
from audit.sealing import seals
from exports.formats.data_files import DataFile, Exported, ReaderRights
from exports.formats.one_file import OneFile
from exports.formats.registry import DEFAULT, FORMATS, refuse_rows
from exports.selection import EVERYTHING, ChosenRows
from exports.tables.archive import Archive
from exports.tables.choosing import records
from exports.tables.columns import StudyTable
from exports.tables.description import diagram
from exports.tables.description.described import describing_tables
from exports.tables.description.dictionary import dictionary_table
from exports.tables.description.protocol_codes import with_protocol_codes
from exports.tables.forms import form_tables
from exports.tables.manifest import DamagedFile, manifest
from exports.tables.past import trail_clock
from exports.tables.sharing import shared_tables
from exports.tables.snapshot import snapshot_of
from exports.tables.study import study_tables
from exports.tables.trail.table import trail_table
from patients.entry.files.attachments import MISSING, Damaged, content
from patients.entry.files.held_files import held_files
from patients.models import Attachment, Record
from protocol.checking.dictionary import file_path
from trials.blinding.unblinded_files import LINE
from trials.models import Trial
from trials.permissions import Permission

Progress = Callable[[int], None]


def tables_of(
    trial: Trial,
    *,
    sees_treatment: bool,
    sees_files: bool = False,
    selection: ChosenRows = EVERYTHING,
    before: int | None = None,
) -> Iterator[StudyTable]:
    """Yield all tables of the export in archive order; the trail only if the selection leaves out no value.

    before: the access event that records this export, which the trail does not hold.
    """
    tables = _all_tables(
        trial, sees_treatment=sees_treatment, sees_files=sees_files, selection=selection, before=before
    )
    if selection.shared:
        tables = shared_tables(trial, tables, free_text=selection.free_text)
    described = []
    for table in tables:
        described.append(table)
        yield table
    yield from describing_tables(trial, described)


def _all_tables(
    trial: Trial, *, sees_treatment: bool, sees_files: bool, selection: ChosenRows, before: int | None
) -> Iterator[StudyTable]:
    sees: dict[str, Any] = {"sees_treatment": sees_treatment, "selection": selection}
    versions = [version.rules for version in trial.versions.order_by("effective_from", "pk")]
    yield from with_protocol_codes(study_tables(trial, **sees), versions)
    yield from with_protocol_codes(form_tables(trial, sees_files=sees_files, **sees), versions)
    if not selection.narrows_values:
        yield trail_table(trial, sees_files=sees_files, before=before, **sees)
    yield dictionary_table(trial, **sees)


def export(
    *,
    trial: Trial,
    purpose: str,
    sees_treatment: bool,
    by: User | None,
    label: str,
    sees_files: bool = False,
    format_code: str = DEFAULT,
    selection: ChosenRows = EVERYTHING,
    progress: Progress = lambda done: None,
    asked_as: AccessEvent | None = None,
) -> Generator[bytes]:
    """Seal the trail, register the start, and return the bytes of the file as a generator.

    Close it if it is not read to its end: it reads the data inside a transaction. It is a zip, or the one file of a
    format that has one (`ExportFormat.extension`).

    Row counts and the hash are registered after the last byte is read, or that it was broken off. Attached files are
    included with `sees_files`. format_code: one of `exports.formats.registry.FORMATS`. progress: called with the
    percentage of the tables that are written, again and again, inside the transaction that reads them. asked_as: the
    event of a start that is registered already.
    """
    refuse_rows(format_code, selection)
    moment = trail_clock()
    sees_files = sees_files and not selection.shared
    sending = sending_of(
        trial,
        purpose=purpose,
        sees_treatment=sees_treatment,
        by=by,
        told={
            "format": format_code,
            "files": sees_files,
            "selection": selection.told(),
            **({"document": asked_as.detail["document"]} if asked_as else {}),
        },
    )
    start = asked_as or sending.record(SendingStage.STARTED)
    note_registered(sending.see)
    # Before the first byte is sent, so that a broken seal can still be shown as an error.
    seals.seal(reason="export")
    made = _Made(sending, start, current_actor(), label, selection, progress)
    return _pieces(trial, made, moment)


def sending_of(
    trial: Trial, *, purpose: str, sees_treatment: bool, by: User | None, told: dict[str, Any]
) -> Sending:
    """Return an export as an entry of the register. told: format, attached files, selection."""
    return Sending(
        channel=Channel.STUDY,
        trial_id=trial.pk,
        person=by,
        purpose=purpose,
        treatment=sees_treatment,
        told=told,
        # An export with the treatment reveals arms.
        see=str(Permission.SEE_TREATMENT) if trial.masked and sees_treatment else "",
    )


@dataclass(frozen=True)
class _Made:
    """One export: its entry of the register with the event of its start, who takes it, and which rows it holds."""

    sending: Sending
    start: AccessEvent
    actor: Actor | None
    label: str
    selection: ChosenRows
    progress: Progress

    @property
    def format_code(self) -> str:
        """Return the code of its format."""
        return str(self.sending.told["format"])

    @property
    def warning(self) -> str:
        """Return the line about treatment that it carries, "" if it tells none of a masked trial."""
        return LINE if self.sending.see else ""


@dataclass
class _Progress:
    """The tables that are written so far, and their share of all in percent; `told` is called with it."""

    told: Progress
    seen: list[StudyTable] = field(default_factory=list)
    done: int = 0

    def watched(self, tables: list[StudyTable]) -> Iterator[StudyTable]:
        """Yield the tables; note each before it is written."""
        for number, table in enumerate(tables):
            self.done = 100 * number // len(tables)
            self.told(self.done)
            self.seen.append(table)
            yield table


def _pieces(trial: Trial, made: _Made, moment: datetime) -> Generator[bytes]:
    """Yield the archive. It runs after the request has ended, so the actor of the request is kept in `made`.

    moment: of an export of the data as they are.
    """
    sending, at, damaged = made.sending, timezone.now(), list[DamagedFile]()
    of_trial = FORMATS[made.format_code].of_trial
    archive = OneFile() if of_trial else Archive(written_at=at, comment=made.warning)
    partly, size = hashlib.sha256(), 0
    try:
        # Closed before the end is registered: the transaction of the snapshot is read-only on PostgreSQL.
        with closing(_written(trial, made, archive, moment=moment, at=at, damaged=damaged)) as pieces:
            for piece in pieces:
                partly.update(piece)
                size += len(piece)
                yield piece
    except BaseException:
        # Also when the reader has gone away.
        with acting_as(made.actor):
            sending.ended(made.start, SendingStage.ABORTED, sha256=partly.hexdigest(), size=size)
        raise
    finished: dict[str, Any] = {"sha256": archive.sha256, "size": size, "started_as": made.start.pk}
    finished["rows"] = {file.name: file.rows for file in archive.files}
    if damaged:
        finished["damaged"] = [file.name for file in damaged]
    # The request and its actor are gone by now.
    with acting_as(made.actor):
        sending.record(SendingStage.FINISHED, **finished)


def _written(
    trial: Trial,
    made: _Made,
    archive: Archive | OneFile,
    *,
    moment: datetime,
    at: datetime,
    damaged: list[DamagedFile],
) -> Generator[bytes]:
    """Yield what the archive makes of the tables and attached files; name those that are damaged in `damaged`."""
    selection, made_as = made.selection, FORMATS[made.format_code]
    sees_treatment, sees_files = made.sending.treatment, bool(made.sending.told["files"])
    holds_moment, progress = selection.as_of or moment, _Progress(made.progress)
    # One snapshot for all tables: rows of one table never refer to rows that another lacks.
    with snapshot_of(trial, selection.as_of) as then:
        last = manifest(
            trial=then,
            by=made.label,
            purpose=str(made.sending.purpose),
            at=at,
            as_of=holds_moment,
            selection=selection,
            unblinded=sees_treatment,
            warning=made.warning,
            format_code=made.format_code,
            tables=progress.seen if made_as.escaped else [],
            damaged=damaged,
        )
        files = attached_files(then, damaged, selection) if sees_files and made_as.files else ()
        tables = list(
            tables_of(
                then,
                sees_treatment=sees_treatment,
                sees_files=sees_files,
                selection=selection,
                before=made.start.pk,
            )
        )
        exported = Exported(then.slug, holds_moment, settings.VERSION, sees_treatment, selection.as_of)
        reader = ReaderRights(sees_treatment, sees_files)
        data = made_as.data_files(progress.watched(tables), then, exported, reader)
        if made_as.takes_tables:
            drawn = DataFile(diagram.NAME, iter([diagram.diagram(tables).encode()]), [0])
            data = chain(data, [drawn])
        for piece in archive.stream(data, last, files):
            made.progress(progress.done)
            yield piece


def attached_files(
    trial: Trial, damaged: list[DamagedFile], selection: ChosenRows = EVERYTHING
) -> Iterator[tuple[str, bytes]]:
    """Yield (path in the archive, bytes) of every file that a selected record holds.

    A file that is missing or altered is not sent: it is added to `damaged`, so that the export says so.
    """
    held = held_files(trial, records(Record.objects.all(), selection))
    for row in Attachment.objects.filter(patient__trial=trial).order_by("pk").iterator():
        if (value := held.pop(row.key, None)) is None:
            continue
        try:
            yield file_path(value), content(row)
        except Damaged as problem:
            damaged.append(DamagedFile(file_path(value), row.sha256, problem.problem))
    damaged += [DamagedFile(file_path(value), value["sha256"], MISSING) for value in held.values()]
