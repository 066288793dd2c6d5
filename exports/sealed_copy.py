"""The rows of the trail in a copy as they were sealed, and what ties them to the seals (CTL-01, AUD-07).

A reader who may know the treatment gets the parts of the seals: their roots cover the hash of every row. In a masked
trial a blinded reader gets the hash of each row of the copy instead, because the parts count rows of the product.
"""

import csv
import io
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import models

from audit.canonical import canonical
from audit.models import SealedPart, Signature
from audit.redactions.masking import masked_leaves
from audit.sealing import merkle
from audit.sealing.sealed_rows import SealedTable, sealed_texts
from audit.trail import history_model, tracked_models, trail_of
from audit.trail_reading.sources import hidden_signatures
from exports.archive_check import layout
from exports.paper.audience import Audience
from trials.permissions import Permission

Add = Callable[[str, Iterable[bytes]], Any]
NEWEST = 2**62


@dataclass(frozen=True)
class SealedCopy:
    """The files with sealed rows by audited table, and the tables whose lines the hash of the file alone holds.

    The latter are tables of which the reader is not shown every column, and access events, whose details are not all
    shown.
    """

    files: dict[str, str]
    not_compared: list[str]


def write_sealed_rows(add: Add, audience: Audience) -> SealedCopy:
    """Write the rows that the table of the trail shows, and their seals."""
    blinded = audience.trial.masked and not audience.sees_treatment
    may = {Permission.SEE_TREATMENT} if audience.sees_treatment else set()
    may |= {Permission.SEE_FILES} if audience.sees_files else set()
    files, hashes, masked = dict[str, str](), list[tuple[str, int, str]](), list[tuple[str, int, str, str]]()
    not_compared = ["access"]
    for model in tracked_models():
        if trail_of(model).see not in {"", *may}:
            continue
        if not _is_shown_whole(model, may):
            not_compared.append(model._meta.label_lower)
            continue
        table = SealedTable(history_model(model))
        label = model._meta.label_lower
        files[label] = f"{layout.ROWS}{label}.jsonl"
        hidden = hidden_signatures(may) if model is Signature else []
        add(files[label], _lines(table, model, audience, hidden, hashes if blinded else None))
        for row, leaf in masked_leaves(table.name, 0, NEWEST).items():
            masked.append((table.name, row, leaf.sealed.hex(), leaf.now.hex()))
    add(layout.MASKED, _csv(("table", "row", "leaf", "masked_leaf"), masked))
    if blinded:
        add(layout.HASHES, _csv(("table", "row", "leaf"), hashes))
    else:
        add(layout.PARTS, _parts())
    return SealedCopy(files, not_compared)


def _is_shown_whole(model: type[models.Model], may: Collection[str]) -> bool:
    concealed = trail_of(model).concealed
    return concealed is None or bool(concealed.may and concealed.may in may)


def _lines(
    table: SealedTable,
    model: type[models.Model],
    audience: Audience,
    hidden: list[str],
    hashes: list[tuple[str, int, str]] | None,
) -> Iterator[bytes]:
    """Yield the texts of the sealed rows of a trial, a line each, after a line that names their columns."""
    columns, masked = list[str](), masked_leaves(table.name, 0, NEWEST)
    parts = SealedPart.objects.filter(table=table.name).order_by("first_id")
    last = 0
    for part in [*parts.only("columns", "last_id", "first_id"), None]:
        if (part is not None and part.columns != columns) or (part is None and not columns):
            columns = part.columns if part is not None else table.columns
            head = {"columns": columns, "key": table.key, "row": str(model._meta.pk.column)}
            yield json.dumps(head).encode() + b"\n"
        until = part.last_id if part is not None else NEWEST
        for key, text in sealed_texts(table, columns, after=last, until=until, trial=audience.trial.pk):
            if hidden and json.loads(text)[1 + columns.index("target_type")] in hidden:
                continue
            if hashes is not None and part is not None:
                sealed = masked[key].sealed if key in masked else merkle.leaf(text.encode())
                hashes.append((table.name, key, sealed.hex()))
            yield text.encode() + b"\n"
        last = until


def _parts() -> Iterator[bytes]:
    """Yield the parts of every seal, a line each, in the order of their tree."""
    for part in (
        SealedPart.objects.select_related("seal").order_by("seal__number", "pk").iterator(chunk_size=50)
    ):
        content = {name: getattr(part, name) for name in layout.PART_FIELDS}
        content |= {"ids": bytes(part.ids), "leaves": bytes(part.leaves)}
        yield canonical({"seal": part.seal.number, **content}).encode() + b"\n"


def _csv(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[bytes]:
    text = io.StringIO(newline="")
    lines = csv.writer(text)
    lines.writerow(header)
    lines.writerows(rows)
    yield text.getvalue().encode()
