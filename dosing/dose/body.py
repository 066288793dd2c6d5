"""The body that a dose is computed for: weight, height, predicted weight, body surface. No Django."""

from dataclasses import dataclass
from decimal import Decimal, localcontext

from dosing.dose.comparison import DoseRefused
from protocol.document.dosing import Basis

DIGITS = 28
WEIGHT_POSSIBLE_KG = (Decimal(25), Decimal(350))
WEIGHT_USUAL_KG = (Decimal(30), Decimal(250))
WEIGHT_CHANGE_PERCENT = Decimal(10)
HEIGHT_POSSIBLE_CM = (Decimal(100), Decimal(250))
PREDICTED_AT_152_4_CM = {"M": Decimal(50), "F": Decimal("45.5")}
PREDICTED_PER_CM = Decimal("0.91")


@dataclass(frozen=True, slots=True)
class Body:
    """Measures of a patient that a dose reads: weight in kg, height in cm, sex `M` or `F`; None or empty if unknown."""

    weight_kg: Decimal | None = None
    height_cm: Decimal | None = None
    sex: str = ""

    def measure(self, basis: Basis) -> Decimal | None:
        """Return the factor of a dose: kg, m², or 1 for a fixed dose; None while something is not known.

        Raises DoseRefused for an impossible weight or height.
        """
        if basis == "fixed":
            return Decimal(1)
        if basis == "predicted_weight":
            if self.height_cm is None or self.sex not in PREDICTED_AT_152_4_CM:
                return None
            return predicted_weight_kg(self.height_cm, self.sex)
        if self.weight_kg is None:
            return None
        if basis == "actual_weight":
            return possible_weight(self.weight_kg)
        return body_surface_m2(self.weight_kg, self.height_cm) if self.height_cm is not None else None


def predicted_weight_kg(height_cm: Decimal, sex: str) -> Decimal:
    """Return the predicted body weight in kg: 50 (M) or 45.5 (F) + 0.91 × (height − 152.4 cm); exact.

    Source: ARDS Network, N Engl J Med 2000;342:1301. Raises DoseRefused for an impossible height or another sex code.
    """
    if sex not in PREDICTED_AT_152_4_CM:
        raise DoseRefused("the predicted weight is defined for the codes M and F")
    return PREDICTED_AT_152_4_CM[sex] + PREDICTED_PER_CM * (_possible_height(height_cm) - Decimal("152.4"))


def body_surface_m2(weight_kg: Decimal, height_cm: Decimal) -> Decimal:
    """Return the body surface in m², √(height in cm × weight in kg ÷ 3600) (28 digits).

    Source: Mosteller, N Engl J Med 1987;317:1098. Raises DoseRefused for an impossible weight or height.
    """
    with localcontext() as context:
        context.prec = DIGITS
        return (_possible_height(height_cm) * possible_weight(weight_kg) / 3600).sqrt()


def is_possible_weight(weight_kg: Decimal) -> bool:
    """Return True if a patient can have this weight: 25 to 350 kg."""
    return WEIGHT_POSSIBLE_KG[0] <= weight_kg <= WEIGHT_POSSIBLE_KG[1]


def is_usual_weight(weight_kg: Decimal) -> bool:
    """Return True if the weight needs no confirmation: 30 to 250 kg (CEL-09)."""
    return WEIGHT_USUAL_KG[0] <= weight_kg <= WEIGHT_USUAL_KG[1]


def is_possible_height(height_cm: Decimal) -> bool:
    """Return True if a dose may be computed for this height: 100 to 250 cm."""
    return HEIGHT_POSSIBLE_CM[0] <= height_cm <= HEIGHT_POSSIBLE_CM[1]


def changed_too_much(weight_kg: Decimal, last_kg: Decimal) -> bool:
    """Return True if the weight differs by more than 10 % from the last one; exactly 10 % does not count (CEL-09)."""
    return abs(weight_kg - last_kg) * 100 > WEIGHT_CHANGE_PERCENT * last_kg


def possible_weight(weight_kg: Decimal) -> Decimal:
    """Return the weight in kg. Raises DoseRefused if no patient can have it."""
    if not weight_kg.is_finite() or not is_possible_weight(weight_kg):
        low, high = WEIGHT_POSSIBLE_KG
        raise DoseRefused(f"a weight lies between {low} and {high} kg")
    return weight_kg


def _possible_height(height_cm: Decimal) -> Decimal:
    if not height_cm.is_finite() or not is_possible_height(height_cm):
        low, high = HEIGHT_POSSIBLE_CM
        raise DoseRefused(f"a height lies between {low} and {high} cm")
    return height_cm
