"""The arithmetic of a cell dose, in decimals: viable cells, body weight, and the dose range of the protocol.

Values are compared unrounded. Cells are whole cells (not millions), weight is in kilograms, volume in millilitres.
No Django.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext
from typing import Literal

MILLION = Decimal(1_000_000)
WEIGHT_POSSIBLE_KG = (Decimal(25), Decimal(350))
WEIGHT_USUAL_KG = (Decimal(30), Decimal(250))
WEIGHT_CHANGE_PERCENT = Decimal(10)

Position = Literal["below", "within", "above"]


class DoseRefused(ValueError):
    """No dose can be computed from this weight, number of cells or concentration."""


@dataclass(frozen=True, slots=True)
class DoseFinding:
    """A dose in cells per kg, its position in the protocol's range, and its per cent of the target; unrounded."""

    cells_per_kg: Decimal
    position: Position
    percent_of_target: Decimal


def cells_per_kg(viable_cells: Decimal, weight_kg: Decimal) -> Decimal:
    """Return viable cells per kilogram of actual body weight (28 digits).

    Raises DoseRefused for a negative number of cells or an impossible weight.
    """
    if viable_cells < 0:
        raise DoseRefused("the number of cells is negative")
    _possible(weight_kg)
    with localcontext() as context:
        context.prec = 28
        return viable_cells / weight_kg


def required_cells(per_kg: Decimal, weight_kg: Decimal) -> Decimal:
    """Return the viable cells for a dose per kilogram: 1.0e6 per kg at 82.4 kg are 8.24e7.

    Raises DoseRefused for an impossible weight or a dose that is not positive.
    """
    _possible(weight_kg)
    if per_kg <= 0:
        raise DoseRefused("the dose per kilogram is not positive")
    return per_kg * weight_kg


def concentrate_volume_ml(cells: Decimal, cells_per_ml: Decimal) -> Decimal:
    """Return the volume in mL of concentrate that contains the cells: 8.24e7 at 1.0e7 per mL are 8.24 mL.

    Raises DoseRefused for a concentration that is not positive.
    """
    if cells_per_ml <= 0:
        raise DoseRefused("the concentration is not positive")
    with localcontext() as context:
        context.prec = 28
        return cells / cells_per_ml


def compare(dose: Decimal, *, lowest: Decimal, target: Decimal, highest: Decimal) -> DoseFinding:
    """Compare an unrounded dose in cells per kg with the protocol's range; both bounds are within it."""
    position: Position = "within"
    if dose < lowest:
        position = "below"
    elif dose > highest:
        position = "above"
    return DoseFinding(dose, position, dose * 100 / target)


def shown_millions(finding: DoseFinding, places: int = 2) -> str:
    """Return the dose in 10⁶ cells per kg, rounded to `places` decimals, as text.

    A dose outside the range is never rounded into it: 1.4996 below 1.50 is shown as 1.49, not 1.50.
    """
    rounding = {"below": ROUND_FLOOR, "within": ROUND_HALF_UP, "above": ROUND_CEILING}[finding.position]
    step = Decimal(1).scaleb(-places)
    return format((finding.cells_per_kg / MILLION).quantize(step, rounding=rounding), "f")


def shown_percent(finding: DoseFinding) -> str:
    """Return the per cent of the target as whole number, rounded away from the range if outside it."""
    rounding = {"below": ROUND_FLOOR, "within": ROUND_HALF_UP, "above": ROUND_CEILING}[finding.position]
    return format(finding.percent_of_target.quantize(Decimal(1), rounding=rounding), "f")


def is_possible_weight(weight_kg: Decimal) -> bool:
    """Return True if a patient can have this weight: 25 to 350 kg."""
    return WEIGHT_POSSIBLE_KG[0] <= weight_kg <= WEIGHT_POSSIBLE_KG[1]


def is_usual_weight(weight_kg: Decimal) -> bool:
    """Return True if the weight needs no confirmation: 30 to 250 kg (CEL-09)."""
    return WEIGHT_USUAL_KG[0] <= weight_kg <= WEIGHT_USUAL_KG[1]


def changed_too_much(weight_kg: Decimal, last_kg: Decimal) -> bool:
    """Return True if the weight differs by more than 10 % from the last one; exactly 10 % does not count (CEL-09)."""
    return abs(weight_kg - last_kg) * 100 > WEIGHT_CHANGE_PERCENT * last_kg


def _possible(weight_kg: Decimal) -> None:
    if not weight_kg.is_finite() or not is_possible_weight(weight_kg):
        low, high = WEIGHT_POSSIBLE_KG
        raise DoseRefused(f"a weight lies between {low} and {high} kg")
