"""A dose compared with the protocol's range. Values are compared unrounded. No Django."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Literal

MILLION = Decimal(1_000_000)

Position = Literal["below", "within", "above"]


class DoseRefused(ValueError):
    """No dose can be computed from this weight, number of cells, volume or time."""


@dataclass(frozen=True, slots=True)
class DoseFinding:
    """A dose, its position in the protocol's range, and its per cent of the target; unrounded.

    ``dose`` is in viable cells per unit of the basis: per kg, per m², or in all for a fixed dose.
    """

    dose: Decimal
    position: Position
    percent_of_target: Decimal


def compare(dose: Decimal, *, lowest: Decimal, target: Decimal, highest: Decimal) -> DoseFinding:
    """Compare an unrounded dose with a range in the same unit; both bounds are within it."""
    position: Position = "within"
    if dose < lowest:
        position = "below"
    elif dose > highest:
        position = "above"
    return DoseFinding(dose, position, dose * 100 / target)


def shown_millions(finding: DoseFinding, places: int = 2) -> str:
    """Return the dose in 10⁶ cells per unit of the basis, rounded to `places` decimals, as text.

    A dose outside the range is never rounded into it: 1.4996 below 1.50 is shown as 1.49, not 1.50.
    """
    rounding = {"below": ROUND_FLOOR, "within": ROUND_HALF_UP, "above": ROUND_CEILING}[finding.position]
    step = Decimal(1).scaleb(-places)
    return format((finding.dose / MILLION).quantize(step, rounding=rounding), "f")


def shown_percent(finding: DoseFinding) -> str:
    """Return the per cent of the target as whole number, rounded away from the range if outside it."""
    rounding = {"below": ROUND_FLOOR, "within": ROUND_HALF_UP, "above": ROUND_CEILING}[finding.position]
    return format(finding.percent_of_target.quantize(Decimal(1), rounding=rounding), "f")
