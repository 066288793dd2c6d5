"""Exports of a study that the worker makes, with the rights of the person who asked for them."""

from contextlib import closing
from pathlib import Path
from typing import Any

from audit.export_register import Sending
from audit.models import AccessEvent
from exports.exporting import Progress, export, sending_of
from exports.models import Document
from exports.selection import from_told
from trials.access import Access
from trials.permissions import Permission as P


def sending_of_request(row: Document) -> Sending:
    """Return a requested export as an entry of the register. The request stands in it as `document`."""
    told: dict[str, Any] = {name: row.choices[name] for name in ("format", "files", "selection")}
    return sending_of(
        row.trial,
        purpose=row.choices["purpose"],
        sees_treatment=row.treatment,
        by=None,
        told={**told, "document": str(row.pk)},
    )


def write_export(row: Document, access: Access, out: Path, progress: Progress) -> None:
    """Write the file with the present rights of the person who asked."""
    row.choices["files"] = row.choices["files"] and access.may(P.SEE_FILES)
    started = AccessEvent.objects.filter(trial_id=row.trial_id, detail__document=str(row.pk)).earliest("pk")
    pieces = export(
        trial=row.trial,
        purpose=row.choices["purpose"],
        sees_treatment=access.sees_treatment,
        sees_files=row.choices["files"],
        by=None,
        label=row.asked_by.full_name,
        format_code=row.choices["format"],
        selection=from_told(row.choices["selection"]),
        progress=progress,
        asked_as=started,
    )
    # Closed before an error is told: the request is marked outside the transaction that reads the data.
    with out.open("wb") as file, closing(pieces):
        file.writelines(pieces)
