"""What a signature on the casebook covers of the infusions: only what both arms share."""

from typing import Any

from dosing.models import BEDSIDE, Infusion
from patients.models import Patient


def infusions(sender: type[Patient], patient: Patient, **_: Any) -> dict[str, Any]:
    """Return every infusion of the patient at the bedside."""
    return {"infusions": list(Infusion.objects.filter(patient=patient).order_by("number").values(*BEDSIDE))}
