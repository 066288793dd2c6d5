"""The dose box: cells ÷ weight = dose per kg, compared with the protocol's range. Product data: it unblinds."""

from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from dosing.allocation import arm_of
from dosing.dose import MILLION, required_cells, shown_millions, shown_percent
from dosing.labels import FINDING_TONES, millions
from dosing.models import Infusion
from dosing.product import compared
from protocol.document.design import Dosing
from trials.reader import shown_number


@dataclass(frozen=True, slots=True)
class DoseBox:
    """The texts of the dose box; `problem` is the message if no dose can be computed."""

    cells: str = ""
    weight: str = ""
    dose: str = ""
    percent: str = ""
    tone: str = "none"
    finding: str = ""
    range: str = ""
    problem: str = ""


def dose_box(infusion: Infusion, viable_cells: Decimal | None) -> DoseBox:
    """Return the dose box for whole viable cells of an infusion. Never for a blinded reader. Reads infusion.patient."""
    dosing = infusion.patient.protocol.rules.dosing
    arm = arm_of(infusion.patient)
    if dosing is None or arm is None or not arm.cells:
        return DoseBox(problem=_("This patient receives no cells: there is no dose to check."))
    if infusion.weight_kg is None:
        return DoseBox(problem=_("The weight of the day is not recorded yet: the dose needs it."))
    known = {"weight": shown_number(infusion.weight_kg), "range": range_words(dosing)}
    if not viable_cells or viable_cells < 0:
        return DoseBox(**known, problem=_target_words(dosing, infusion.weight_kg))
    finding = compared(dosing, viable_cells, infusion.weight_kg)
    words = {"below": _("below the range"), "within": _("within the range"), "above": _("above the range")}
    return DoseBox(
        **known,
        cells=shown_number(millions(viable_cells)),
        dose=shown_number(shown_millions(finding)),
        percent=shown_number(shown_percent(finding)),
        tone=FINDING_TONES[finding.position],
        finding=words[finding.position],
    )


def range_words(dosing: Dosing) -> str:
    """Return the protocol's dose range as text: `1.50 to 3.00 ×10⁶/kg`."""
    limits = dosing.cells_per_kg
    lowest, highest = (shown_number(f"{limit / MILLION:.2f}") for limit in (limits.lowest, limits.highest))
    return _("%(lowest)s to %(highest)s ×10⁶/kg") % {"lowest": lowest, "highest": highest}


def _target_words(dosing: Dosing, weight_kg: Decimal) -> str:
    cells = millions(required_cells(dosing.cells_per_kg.target, weight_kg))
    parameters = {"cells": shown_number(cells), "weight": shown_number(weight_kg)}
    return _("The target for %(weight)s kg is %(cells)s ×10⁶ viable cells.") % parameters
