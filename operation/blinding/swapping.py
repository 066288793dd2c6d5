"""The arms of a trial exchanged, with all that depends on them: slots, products, their deviations, masked results, all
histories.

Only in a copy of the database, or in a transaction that is taken back: the triggers are lifted.
"""

from decimal import Decimal
from typing import Any

from django.db.models import Case, F, Value, When

from audit.testing import lifted_triggers
from audit.trail import history_model
from dosing.models import AllocationSlot, CellBank, Lot, MaskedResult, Preparation, ProductDeviation
from trials.models import Trial

# What every product becomes: each text occurs nowhere else, so that it is found wherever it is shown.
CELLS: dict[str, Any] = {
    "donor_code": "D-QXJ", "lot": "LOT-QXJ-1", "bag": "BAG-QXJ", "viable_cells": Decimal(56_000_000),
    "viability_percent": Decimal("91.37"), "thawed": "2026-03-10T09:11+01:00[Europe/Madrid]",
    "cells_per_kg": Decimal(800_000), "dose_finding": "below", "dose_deviation_reason": "Reason QXJ",
    "dose_basis": "actual_weight", "dose_measure": Decimal(70),
}  # fmt: skip
SALINE: dict[str, Any] = {
    "donor_code": "", "lot": "SALINE-QXJ", "bag": "SALINE-QXJ/1", "viable_cells": None, "viability_percent": None,
    "thawed": "", "cells_per_kg": None, "dose_finding": "", "dose_deviation_reason": "",
    "dose_basis": "", "dose_measure": None,
}  # fmt: skip


def swap_arms(trial: Trial) -> None:
    """Give every place of the list the other arm and every bag the other content, in the history too."""
    arms = [arm.code for arm in trial.rules.arms]
    turned = [When(arm=arm, then=Value(other)) for arm, other in zip(arms, arms[1:] + arms[:1], strict=True)]
    slots: Any
    products: Any
    with lifted_triggers():
        _move_deviations(trial)
        for slots in (AllocationSlot, history_model(AllocationSlot)):
            slots.objects.filter(trial_id=trial.pk).update(arm=Case(*turned, default=F("arm")))
        for products in (Preparation, history_model(Preparation)):
            rows = products.objects.filter(patient_id__in=trial.patients.values("pk"))
            with_cells = list(rows.exclude(viable_cells=None).values_list(products._meta.pk.name, flat=True))
            without = list(rows.filter(viable_cells=None).values_list(products._meta.pk.name, flat=True))
            rows.filter(pk__in=with_cells).update(**SALINE)
            rows.filter(pk__in=without).update(**CELLS)
        _swap_lots(trial)
        _swap_results(trial)


def _swap_lots(trial: Trial) -> None:
    """Make every lot of cells one of the placebo, and the other way round, in the history too.

    A trial that has no cell bank has no lot of cells: its lots of the placebo stay what they are.
    """
    product = {each.cells: each.code for each in trial.rules.known_products}
    bank = CellBank.objects.filter(trial=trial).values_list("pk", flat=True).first()
    lots: Any
    for lots in (Lot, history_model(Lot)):
        rows = lots.objects.filter(trial_id=trial.pk)
        with_cells = list(rows.filter(cells=True).values_list(lots._meta.pk.name, flat=True))
        if bank is not None:
            rows.filter(cells=False).update(
                cells=True, bank_id=bank, cells_per_bag=Decimal(7), product=product[True]
            )
        rows.filter(pk__in=with_cells).update(
            cells=False, bank_id=None, cells_per_bag=None, product=product[False]
        )


def _swap_results(trial: Trial) -> None:
    """Give a masked result to whom none was found, and take that of the others, in the history too."""
    results: Any
    for results in (MaskedResult, history_model(MaskedResult)):
        rows = results.objects.filter(patient_id__in=trial.patients.values("pk"))
        found = list(rows.exclude(value="").values_list(results._meta.pk.name, flat=True))
        rows.filter(value="").update(value="Result QXJ", missing="")
        rows.filter(pk__in=found).update(value="", missing="ND")


def _move_deviations(trial: Trial) -> None:
    """Give the product deviations of each patient with cells to one without, in the history too."""
    products = Preparation.objects.filter(patient__trial=trial).order_by("patient_id")
    with_cells = products.exclude(viable_cells=None).values_list("patient_id", flat=True)
    without = products.filter(viable_cells=None).values_list("patient_id", flat=True)
    for one, other in list(zip(with_cells, without, strict=False)):
        ProductDeviation.objects.filter(patient_id=one).update(patient_id=other)
        past = history_model(ProductDeviation)._default_manager.filter(patient_id=one)
        past.update(patient_id=other, history_patient=other)


def as_it_is(trial: Trial) -> None:
    """Change nothing."""
