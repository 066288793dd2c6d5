"""The cells that a patient should get, and the comparison of the cells that the patient got. No Django.

Cells are whole viable cells (not millions), weight is in kilograms, volume in millilitres.
"""

from dataclasses import dataclass
from decimal import Decimal, localcontext

from dosing.dose.body import DIGITS, Body, possible_weight
from dosing.dose.comparison import DoseFinding, DoseRefused, Position
from protocol.document.dosing import Basis, DosePlan


@dataclass(frozen=True, slots=True)
class PlannedDose:
    """The viable cells of one infusion of one patient: lowest, target and highest, with the cap applied; exact.

    ``measure`` is what the dose was multiplied by: kg, m², or 1 for a fixed dose. ``capped``: the target was reduced.
    """

    basis: Basis
    measure: Decimal
    lowest: Decimal
    target: Decimal
    highest: Decimal
    capped: bool

    def compared(self, viable_cells: Decimal) -> DoseFinding:
        """Return the given cells compared with this dose.

        The cells are compared, not the quotient: no division can round a dose into the range. Raises DoseRefused for a
        negative number of cells.
        """
        if viable_cells < 0:
            raise DoseRefused("the number of cells is negative")
        position: Position = "within"
        if viable_cells < self.lowest:
            position = "below"
        elif viable_cells > self.highest:
            position = "above"
        with localcontext() as context:
            context.prec = DIGITS
            return DoseFinding(viable_cells / self.measure, position, viable_cells * 100 / self.target)


def planned_dose(plan: DosePlan, body: Body) -> PlannedDose | None:
    """Return the viable cells that a plan of the protocol asks for; None while the patient's measure is not known.

    With a cap no bound is above it: at 200 kg, 1.0e6 per kg and at most 1.5e8 cells, the target is 1.5e8.
    Raises DoseRefused for an impossible weight or height.
    """
    measure, limits = body.measure(plan.basis), plan.limits
    if measure is None:
        return None
    with localcontext() as context:
        context.prec = 2 * DIGITS
        lowest, target, highest = (
            limit * measure for limit in (limits.lowest, limits.target, limits.highest)
        )
    most = plan.most_cells
    if most is None:
        return PlannedDose(plan.basis, measure, lowest, target, highest, capped=False)
    return PlannedDose(
        plan.basis, measure, min(lowest, most), min(target, most), min(highest, most), capped=target > most
    )


def cells_per_kg(viable_cells: Decimal, weight_kg: Decimal) -> Decimal:
    """Return viable cells per kilogram of actual body weight (28 digits).

    Raises DoseRefused for a negative number of cells or an impossible weight.
    """
    if viable_cells < 0:
        raise DoseRefused("the number of cells is negative")
    with localcontext() as context:
        context.prec = DIGITS
        return viable_cells / possible_weight(weight_kg)


def required_cells(per_kg: Decimal, weight_kg: Decimal) -> Decimal:
    """Return the viable cells for a dose per kilogram: 1.0e6 per kg at 82.4 kg are 8.24e7.

    Raises DoseRefused for an impossible weight or a dose that is not positive.
    """
    if per_kg <= 0:
        raise DoseRefused("the dose per kilogram is not positive")
    with localcontext() as context:
        context.prec = DIGITS
        return per_kg * possible_weight(weight_kg)


def concentrate_volume_ml(cells: Decimal, cells_per_ml: Decimal) -> Decimal:
    """Return the volume in mL to draw for the cells: 8.24e7 at 1.0e7 viable cells per mL are 8.24 mL (28 digits).

    Raises DoseRefused for a concentration that is not positive or a negative number of cells.
    """
    if cells_per_ml <= 0:
        raise DoseRefused("the concentration is not positive")
    if cells < 0:
        raise DoseRefused("the number of cells is negative")
    with localcontext() as context:
        context.prec = DIGITS
        return cells / cells_per_ml
