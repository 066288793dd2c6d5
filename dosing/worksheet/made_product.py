"""The product of an infusion as its worksheet made it, recorded when it is dispensed (CEL-10)."""

from decimal import ROUND_FLOOR, Decimal

from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import User
from audit.stored_text import system_text
from dosing.models import Preparation, StopOverride
from dosing.products.preparing import Product, record_preparation
from dosing.worksheet.calculation import expected_cells
from dosing.worksheet.sheet import BenchSheet


def record_product(sheet: BenchSheet, by: User, dose_reason: str) -> Preparation:
    """Record the product of a worksheet: its bags, the expected viable cells and the viability.

    An amendment of a product that was recorded before. Raises ValidationError beside `dose_reason` for a dose outside
    the range without a reason, and for what `record_preparation` refuses.
    """
    infusion = sheet.infusion
    known = Preparation.objects.filter(infusion=infusion).first()
    donor = StopOverride.objects.filter(infusion=infusion, stop="another_donor")
    facts = Product(
        bags=sheet.bags,
        viable_cells=_whole(expected_cells(sheet.measured(timezone.now()))),
        viability_percent=sheet.viability,
        thawed=None,
        dose_deviation_reason=dose_reason,
        donor_deviation_reason=donor.values_list("reason", flat=True).first() or "",
    )
    try:
        return record_preparation(
            infusion=infusion,
            facts=facts,
            version=known.version if known else 0,
            by=by,
            reason=system_text("dosing.worksheet") if known else "",
        )
    except ValidationError as refused:
        errors = getattr(refused, "error_dict", {})
        if "dose_deviation_reason" in errors:
            raise ValidationError({"dose_reason": errors["dose_deviation_reason"]}) from refused
        raise


def _whole(cells: Decimal | None) -> Decimal | None:
    # Rounded down: no cell is counted that is not there.
    return None if cells is None else cells.to_integral_value(rounding=ROUND_FLOOR)
