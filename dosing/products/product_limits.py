"""Viability, DMSO and the time since the thaw of a product against the limits of the protocol (CEL-10, CEL-12).

One judgement for every place that judges a product: before it leaves the laboratory, at the bedside, when it is
recorded and after the infusion has ended.
"""

from collections.abc import Sequence
from decimal import Decimal, localcontext

from dosing.dose import DoseRefused, dmso_g_per_kg, dmso_grams, minutes_between
from dosing.dose.products import DIGITS
from dosing.models import Bag, Infusion, Preparation, WorksheetStep
from dosing.stock.use import bags_of
from dosing.worksheet.calculation import CalculationLine, Name, limited
from protocol.values.moments import Moment


def product_lines(infusion: Infusion, product: Preparation) -> list[CalculationLine]:
    """Return viability, DMSO and minutes from thaw to end of a product, each with its limits, as far as known.

    The minutes are known once the infusion has ended. Two or three queries. Never for a blinded reader.
    """
    dosing = infusion.patient.protocol.rules.dosing
    if dosing is None:
        return []
    found: list[tuple[Name, Decimal | None]] = [
        ("viability", product.viability_percent),
        ("dmso", dmso_of(infusion, bags_of(infusion))),
        ("thaw_to_end", thaw_minutes(infusion, product)),
    ]
    limits = {
        "viability": dosing.viability_percent,
        "dmso": dosing.dmso_g_per_kg,
        "thaw_to_end": dosing.thaw_to_end_minutes,
    }
    return [limited(name, (), value, limits[name]) for name, value in found if value is not None]


def dmso_of(infusion: Infusion, bags: Sequence[Bag]) -> Decimal | None:
    """Return the most DMSO in g per kg that the bags of an infusion hold; None without weight or DMSO. One query.

    Of a product drawn on the worksheet the share that was drawn counts; what a wash took away is not known.
    """
    held = [bag for bag in bags if bag.lot.dmso_percent is not None]
    if not held or infusion.weight_kg is None:
        return None
    try:
        with localcontext() as context:
            context.prec = DIGITS
            grams = sum((dmso_grams(bag.volume_ml, bag.lot.dmso_percent) for bag in held), Decimal(0))  # type: ignore[arg-type]
            return dmso_g_per_kg(grams * _share_drawn(infusion), infusion.weight_kg)
    except DoseRefused:
        return None


def _share_drawn(infusion: Infusion) -> Decimal:
    rows = WorksheetStep.objects.filter(
        infusion=infusion, struck_out_reason=None, kind__in=["dilution", "drawn"]
    )
    values = {name: value for row in rows for name, value in row.values.items()}
    there, drawn = values.get("suspension_ml"), values.get("drawn_ml")
    return Decimal(drawn) / Decimal(there) if there and drawn and Decimal(there) > 0 else Decimal(1)


def thaw_minutes(infusion: Infusion, product: Preparation) -> Decimal | None:
    """Return the minutes from the thaw of a product to the end of its infusion, or None. No query."""
    if not product.thawed or infusion.ended_at is None:
        return None
    # Of a thaw that is known in part the last possible moment: nobody is blamed for what may not have been.
    thawed = Moment.from_iso(product.thawed).latest
    return minutes_between(thawed, infusion.ended_at) if thawed <= infusion.ended_at else None
