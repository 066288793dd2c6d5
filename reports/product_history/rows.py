"""Which history rows belong to a lot, a bag, a donor, or the product of an infusion."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models

from audit.trail import history_model
from audit.trail_reading.change_labels import Reader
from audit.trail_reading.reading import TrailEntry
from dosing.models import (
    Bag,
    BagMovement,
    CellBank,
    Donation,
    Donor,
    Infusion,
    Lot,
    LotDecision,
    LotResult,
    Preparation,
    StopOverride,
    WorksheetStep,
)

MOST = 300


@dataclass(frozen=True)
class HistoryKind:
    """One kind of history: the row that it is about, how it leads to its trial, and the models with their conditions.

    parts: by model, the condition on its history rows for the key of the row.
    """

    model: type[models.Model]
    trial: str
    parts: Mapping[type[models.Model], Callable[[int], dict[str, Any]]]


def _by(column: str) -> Callable[[int], dict[str, Any]]:
    return lambda key: {column: key}


def _banks(key: int) -> dict[str, Any]:
    return {"donation_id__in": Donation.objects.filter(donor=key).values("pk")}


KINDS: dict[str, HistoryKind] = {
    "lot": HistoryKind(
        Lot,
        "trial",
        {Lot: _by("id"), LotResult: _by("lot_id"), LotDecision: _by("lot_id"), Bag: _by("lot_id")},
    ),
    "bag": HistoryKind(Bag, "trial", {Bag: _by("id"), BagMovement: _by("bag_id")}),
    "donor": HistoryKind(Donor, "trial", {Donor: _by("id"), Donation: _by("donor_id"), CellBank: _banks}),
    "infusion": HistoryKind(
        Infusion,
        "patient__trial",
        {
            Preparation: _by("infusion_id"),
            WorksheetStep: _by("infusion_id"),
            StopOverride: _by("infusion_id"),
            BagMovement: _by("infusion_id"),
        },
    ),
}


def entries_of(kind: HistoryKind, key: int, reader: Reader) -> list[TrailEntry]:
    """Return the newest entries of a history, the newest first. One query for each model, and those of the reader."""
    found: list[TrailEntry] = []
    for model, condition in kind.parts.items():
        rows: list[Any] = list(
            history_model(model)._default_manager.filter(**condition(key)).order_by("history_id")
        )
        before: dict[int, Any] = {}
        for row in rows:
            found.append(
                TrailEntry(model._meta.label_lower, model, row.history_date, row, before.get(row.id), reader)
            )
            before[row.id] = row
        reader.collect(rows)
    return sorted(found, key=lambda entry: (entry.at, entry.row.history_id), reverse=True)[:MOST]
