"""The infusions in a casebook signature: the facts and the record at the bedside.

Both arms share them.
"""

from typing import Any

from dosing.models import (
    BEDSIDE,
    BedsideGap,
    BedsideObservation,
    Infusion,
    InfusionEventCheck,
    InfusionStep,
    StopDecision,
)
from dosing.models.bedside import (
    SIGNED_OF_CHECKLIST,
    SIGNED_OF_DECISION,
    SIGNED_OF_GAP,
    SIGNED_OF_OBSERVATION,
    SIGNED_OF_STEP,
)
from patients.models import Patient

ROWS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "infusion_steps": (InfusionStep, SIGNED_OF_STEP),
    "observations": (BedsideObservation, SIGNED_OF_OBSERVATION),
    "checklists": (InfusionEventCheck, SIGNED_OF_CHECKLIST),
    "stop_decisions": (StopDecision, SIGNED_OF_DECISION),
    "bedside_gaps": (BedsideGap, SIGNED_OF_GAP),
}


def infusions(sender: type[Patient], patient: Patient, **_: Any) -> dict[str, Any]:
    """Return the records of every infusion of the patient. One query for each kind of row.

    A row that was struck out is left out. A patient without any row of a kind has no entry for it, so that a signature
    from before such rows existed still holds.
    """
    found = {"infusions": list(Infusion.objects.filter(patient=patient).order_by("number").values(*BEDSIDE))}
    for name, (model, columns) in ROWS.items():
        rows = model.objects.in_force().filter(infusion__patient=patient)
        kept = list(rows.order_by("infusion__number", "at", "pk").values("infusion__number", "at", *columns))
        if kept:
            found[name] = kept
    return found
