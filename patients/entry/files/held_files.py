"""The files that records hold: which ones, and whether each is still stored as it was uploaded (SEC-13, REL-07)."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from audit.sealing.verification import Tally, TrailFinding
from patients.entry.files.attachments import Damaged, content
from patients.models import Attachment, Record
from trials.models import Trial


def held_files(trial: Trial, among: "QuerySet[Record] | None" = None) -> dict[str, dict[str, Any]]:
    """Return the values of items that hold a file in a record of the trial now, by key of the file. One query.

    among: the records that count; all by default.
    """
    rows = Record.objects.all() if among is None else among
    rows = rows.filter(patient__trial=trial).alias(text=Cast("values", TextField()))
    # The text of a JSON object: a quote inside a typed text would be written with a backslash.
    rows = rows.filter(text__contains='"sha256":').order_by("pk")
    return {
        value["file"]: value
        for values in rows.values_list("values", flat=True).iterator(chunk_size=200)
        for value in values.values()
        if isinstance(value, dict) and {"file", "sha256"} <= value.keys()
    }


def findings(tally: Tally) -> Iterator[TrailFinding]:
    """Yield every uploaded file that is missing or altered, and every file of a record of which no row tells.

    Reads each file once, one at a time.
    """
    for row in Attachment.objects.order_by("pk").iterator(chunk_size=200):
        tally.files += 1
        try:
            content(row)
        except Damaged as damaged:
            yield TrailFinding(
                f"patients_attachment {row.pk}", f"the file of {row.form}.{row.item} {damaged.problem}"
            )
    for trial in Trial.objects.order_by("pk"):
        keys = held_files(trial).keys()
        known = set(Attachment.objects.filter(patient__trial=trial).values_list("key", flat=True))
        for key in sorted(keys - known):
            yield TrailFinding(f"file {key}", f"a form of {trial.slug} holds it, but no row tells of it")
