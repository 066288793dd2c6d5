"""The export of a study: sealed, consistent, streamed, and registered with its hash (PRV-04)."""

from collections.abc import Iterator

from django.utils import timezone

from accounts.models import User
from audit import events, seals
from exports.archive import Archive
from exports.dictionary import dictionary_table
from exports.forms_tables import form_tables
from exports.manifest import manifest
from exports.snapshot import snapshot
from exports.tables import Table, study_tables
from exports.trail_table import trail_table
from trials.models import Trial


def tables_of(trial: Trial, *, sees_treatment: bool) -> Iterator[Table]:
    """Yield every table of the export, in the order of the archive."""
    yield from study_tables(trial, sees_treatment=sees_treatment)
    yield from form_tables(trial)
    yield trail_table(trial, sees_treatment=sees_treatment)
    yield dictionary_table(trial, sees_treatment=sees_treatment)


def export(
    *, trial: Trial, purpose: str, sees_treatment: bool, by: User | None, label: str
) -> Iterator[bytes]:
    """Yield the bytes of the zip. The start and, with row counts and hash, the end are in the access log."""
    at = timezone.now()
    detail = {"purpose": purpose, "format": "csv", "treatment": sees_treatment}
    events.record(kind="export_started", user=by, trial_id=trial.pk, detail=detail)
    seals.seal(reason="export")
    archive, seen = Archive(written_at=at), list[Table]()

    def watched() -> Iterator[Table]:
        for table in tables_of(trial, sees_treatment=sees_treatment):
            seen.append(table)
            yield table

    last = manifest(trial=trial, by=label, purpose=purpose, at=at, unblinded=sees_treatment, tables=seen)
    with snapshot():
        yield from archive.stream(watched(), last)
    rows = {file.name: file.rows for file in archive.files}
    events.record(
        kind="exported", user=by, trial_id=trial.pk, detail={**detail, "rows": rows, "sha256": archive.sha256}
    )
