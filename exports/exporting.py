"""The export of a study: sealed, consistent, streamed, and registered with its hash (PRV-04)."""

from collections.abc import Iterator
from typing import Any

from django.utils import timezone

from accounts.models import User
from accounts.permissions import Permission
from audit import events, seals
from audit.context import Actor, current_actor, resuming
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
    """Seal the trail, register the start, and return the bytes of the zip.

    When the last byte was taken, row counts and hash are registered too.
    """
    detail = {"purpose": purpose, "format": "csv", "treatment": sees_treatment}
    events.record(
        kind=events.Kind.EXPORTED,
        user=by,
        trial_id=trial.pk,
        detail={**detail, "stage": "started"},
        see=_see(trial, detail),
    )
    seals.seal(reason="export")
    return _pieces(trial, detail, current_actor(), by=by, label=label)


def _pieces(
    trial: Trial, detail: dict[str, Any], actor: Actor | None, *, by: User | None, label: str
) -> Iterator[bytes]:
    """Write the archive. Runs while the answer is sent, after the request: the actor is taken along."""
    at = timezone.now()
    archive, seen = Archive(written_at=at), list[Table]()
    sees_treatment = bool(detail["treatment"])

    def watched() -> Iterator[Table]:
        for table in tables_of(trial, sees_treatment=sees_treatment):
            seen.append(table)
            yield table

    last = manifest(
        trial=trial, by=label, purpose=detail["purpose"], at=at, unblinded=sees_treatment, tables=seen
    )
    with snapshot():
        yield from archive.stream(watched(), last)
    finished = {**detail, "stage": "finished", "sha256": archive.sha256}
    finished["rows"] = {file.name: file.rows for file in archive.files}
    with resuming(actor):
        events.record(
            kind=events.Kind.EXPORTED, user=by, trial_id=trial.pk, detail=finished, see=_see(trial, detail)
        )


def _see(trial: Trial, detail: dict[str, Any]) -> str:
    """Return the right needed to know of this export: one with the treatment tells of arms."""
    return str(Permission.SEE_TREATMENT) if trial.masked and detail["treatment"] else ""
