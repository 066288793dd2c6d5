"""The dose box: cells ÷ basis = dose, compared with the protocol's range. Product data: it unblinds."""

from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from dosing.allocation.slots import arm_of
from dosing.dose import MILLION, PlannedDose, shown_millions, shown_percent
from dosing.labels import BASIS_UNITS, FINDING_TONES, dose_unit, millions
from dosing.models import Infusion, Preparation
from dosing.patient_dose import missing_for_dose, plan_of, planned_for, shown_measure
from dosing.products.preparing import finding_of
from protocol.document.dosing import DosePlan
from trials.reader import shown_number


@dataclass(frozen=True, slots=True)
class DoseBox:
    """The texts of the dose box; `problem` is the message if no dose can be computed.

    measure: what the cells are divided by, with its unit and name (`basis`); empty for a fixed number of cells.
    """

    cells: str = ""
    basis: str = ""
    measure: str = ""
    dose: str = ""
    unit: str = ""
    percent: str = ""
    tone: str = "none"
    finding: str = ""
    range: str = ""
    problem: str = ""


def dose_box(infusion: Infusion, viable_cells: Decimal | None) -> DoseBox:
    """Return the dose box for whole viable cells of an infusion. Never for a blinded reader. Reads infusion.patient."""
    arm = arm_of(infusion.patient)
    plan = plan_of(infusion.patient)
    if arm is None or not arm.gives_cells(infusion.number) or infusion.patient.protocol.rules.dosing is None:
        return DoseBox(problem=_("This patient receives no cells: there is no dose to check."))
    planned = planned_for(infusion)
    if plan is None or planned is None:
        return DoseBox(problem=missing_for_dose(infusion))
    known = {
        "basis": str(Preparation.Basis(planned.basis).label),
        "measure": _measure(planned),
        "unit": dose_unit(planned.basis),
        "range": range_words(plan),
    }
    finding = finding_of(planned, viable_cells)
    if finding is None or viable_cells is None:
        return DoseBox(**known, problem=_target_words(planned))
    words = {"below": _("below the range"), "within": _("within the range"), "above": _("above the range")}
    return DoseBox(
        **known,
        cells=shown_number(millions(viable_cells)),
        dose=shown_number(shown_millions(finding)),
        percent=shown_number(shown_percent(finding)),
        tone=FINDING_TONES[finding.position],
        finding=words[finding.position],
    )


def _measure(planned: PlannedDose) -> str:
    """Return `82.4 kg` or `1.84 m²`; empty for a fixed number of cells, which is divided by nothing."""
    unit = BASIS_UNITS[planned.basis]
    if not unit:
        return ""
    measure = planned.measure if planned.basis == "actual_weight" else shown_measure(planned)
    return f"{shown_number(measure)} {unit}"


def range_words(plan: DosePlan) -> str:
    """Return the protocol's dose range with its unit as text: `1.50 to 3.00 ×10⁶/kg`, and the cap."""
    lowest, highest = (
        shown_number(f"{limit / MILLION:.2f}") for limit in (plan.limits.lowest, plan.limits.highest)
    )
    words = _("%(lowest)s to %(highest)s %(unit)s") % {
        "lowest": lowest, "highest": highest, "unit": dose_unit(plan.basis)
    }  # fmt: skip
    if plan.most_cells is None:
        return words
    most = shown_number(millions(plan.most_cells))
    return _("%(range)s, at most %(most)s ×10⁶ cells") % {"range": words, "most": most}


def _target_words(planned: PlannedDose) -> str:
    cells = shown_number(millions(planned.target))
    if planned.capped:
        return _("The target is %(cells)s ×10⁶ viable cells: the most that the protocol allows.") % {
            "cells": cells
        }
    if not (measure := _measure(planned)):
        return _("The target is %(cells)s ×10⁶ viable cells.") % {"cells": cells}
    return _("The target for %(measure)s is %(cells)s ×10⁶ viable cells.") % {
        "measure": measure,
        "cells": cells,
    }
