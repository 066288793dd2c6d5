"""The arithmetic of a thawed product: bags, delivered cells, DMSO, times, each against its limits. No Django.

Cells are whole cells, volumes in mL, viability in per cent, weight in kg. A quotient has 60 digits: the factors that
people type have at most 15 digits each, so no quotient can be rounded onto a limit that it misses.
"""

from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal, localcontext

from dosing.dose.body import is_possible_weight
from dosing.dose.comparison import DoseRefused, Position
from protocol.document.dosing import QuantityLimits

DIGITS = 60
DMSO_G_PER_ML = Decimal("1.10")
"""Density of dimethyl sulfoxide at 20 °C (European Pharmacopoeia 0763: relative density 1.100 to 1.104)."""


def bags_needed(cells: Decimal, cells_per_bag: Decimal) -> int:
    """Return the fewest bags that hold the viable cells: 240e6 in bags of 132.8e6 are 2.

    Raises DoseRefused for bags without cells or a dose that is not positive.
    """
    if cells_per_bag <= 0 or cells <= 0:
        raise DoseRefused("a dose and a bag have cells")
    with localcontext() as context:
        context.prec = DIGITS
        return int((cells / cells_per_bag).to_integral_value(rounding=ROUND_CEILING))


def infused_fraction(infused_ml: Decimal, prepared_ml: Decimal) -> Decimal:
    """Return the share of the prepared volume that was infused, 0 to 1: 5 mL of 100 mL are 0.05.

    Raises DoseRefused for a volume prepared that is not positive, and for more infused than was prepared.
    """
    if prepared_ml <= 0:
        raise DoseRefused("the volume prepared is not positive")
    if not 0 <= infused_ml <= prepared_ml:
        raise DoseRefused("the volume infused lies between zero and the volume prepared")
    with localcontext() as context:
        context.prec = DIGITS
        return infused_ml / prepared_ml


def delivered_cells(
    counted_cells: Decimal, viability_percent: Decimal, *, infused_ml: Decimal, prepared_ml: Decimal
) -> Decimal:
    """Return the viable cells delivered: count after thaw × viability × infused fraction of the volume (CEL-10).

    100e6 counted at 90 % of which 95 mL of 100 mL were infused are 85.5e6. Of several bags, add the results. Raises
    DoseRefused for a negative count, a viability outside 0 to 100 %, or volumes that do not fit.
    """
    if counted_cells < 0:
        raise DoseRefused("the number of cells is negative")
    if not 0 <= viability_percent <= 100:
        raise DoseRefused("viability lies between 0 and 100 %")
    infused_fraction(infused_ml, prepared_ml)
    with localcontext() as context:
        context.prec = DIGITS
        # Divided once and last: the product of the factors is exact.
        return counted_cells * viability_percent * infused_ml / (100 * prepared_ml)


def dmso_grams(volume_ml: Decimal, percent_by_volume: Decimal) -> Decimal:
    """Return the DMSO in grams in a volume of suspension: 10 mL at 10 % (v/v) hold 1.1 g.

    Raises DoseRefused for a negative volume or a share outside 0 to 100 %.
    """
    if volume_ml < 0 or not 0 <= percent_by_volume <= 100:
        raise DoseRefused("a volume is not negative, and a share lies between 0 and 100 %")
    with localcontext() as context:
        context.prec = DIGITS
        return volume_ml * percent_by_volume * DMSO_G_PER_ML / 100


def dmso_g_per_kg(grams: Decimal, weight_kg: Decimal) -> Decimal:
    """Return the DMSO dose in g per kg of actual body weight (CEL-12). Raises DoseRefused for an impossible weight."""
    if grams < 0 or not weight_kg.is_finite() or not is_possible_weight(weight_kg):
        raise DoseRefused("no DMSO dose follows from this weight and mass")
    with localcontext() as context:
        context.prec = DIGITS
        return grams / weight_kg


def minutes_between(thawed: datetime, ended: datetime) -> Decimal:
    """Return the elapsed minutes from the thaw to the end of the infusion, or between any two moments; exact.

    Both moments have a time zone, so a change of the clock counts no hour twice. Raises DoseRefused for moments
    without a zone or in the wrong order.
    """
    if thawed.tzinfo is None or ended.tzinfo is None:
        raise DoseRefused("a moment has a time zone")
    # In UTC: Python subtracts two moments of one zone by the clock on the wall.
    thawed, ended = thawed.astimezone(UTC), ended.astimezone(UTC)
    if ended < thawed:
        raise DoseRefused("the end is before the start")
    elapsed = ended - thawed
    microseconds = (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds
    with localcontext() as context:
        context.prec = DIGITS
        return Decimal(microseconds) / 60_000_000


def rate_per_minute(amount: Decimal, minutes: Decimal, paused_minutes: Decimal = Decimal(0)) -> Decimal:
    """Return an amount (mL, cells) per minute of running infusion, pauses left out.

    Raises DoseRefused if nothing of the time was running, or for a negative amount or pause.
    """
    if amount < 0 or paused_minutes < 0 or minutes <= paused_minutes:
        raise DoseRefused("an infusion ran for a time")
    with localcontext() as context:
        context.prec = DIGITS
        return amount / (minutes - paused_minutes)


def position_in(limits: QuantityLimits | None, value: Decimal) -> Position:
    """Return where an unrounded value lies in limits of the protocol; both bounds are within, no limits hold all."""
    if limits is None:
        return "within"
    if limits.lowest is not None and value < limits.lowest:
        return "below"
    return "above" if limits.highest is not None and value > limits.highest else "within"
