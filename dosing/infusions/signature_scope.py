"""The content of infusions that a casebook signature covers: the bedside facts, which both arms share."""

from typing import Any

from dosing.models import BEDSIDE, Infusion
from patients.models import Patient


def infusions(sender: type[Patient], patient: Patient, **_: Any) -> dict[str, Any]:
    """Return the bedside facts of every infusion of the patient. One query."""
    return {"infusions": list(Infusion.objects.filter(patient=patient).order_by("number").values(*BEDSIDE))}
