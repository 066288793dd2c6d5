"""Gaps in the product record of an infusion, each with a link. Only for readers who may know the treatment."""

from django.utils.translation import gettext as _

from dosing.infusions.bedside_views import infusion_address
from dosing.models import Infusion, Preparation
from dosing.patient_dose import missing_for_dose
from dosing.products.preparing import other_donor
from protocol.document.design import Arm


def product_gaps(row: Infusion, product: Preparation | None, arm: Arm | None) -> list[tuple[str, str]]:
    """Return sentence and address of each gap, before the product is recorded what it will need. Reads row.patient."""
    if arm is None or not arm.gives_cells(row.number):
        return []
    gaps = []
    if missing := missing_for_dose(row):
        needs_weight = row.weight_asked and row.weight_kg is None
        gaps.append((missing, infusion_address(row, "dosing:weight" if needs_weight else "dosing:infusion")))
    if product is not None:
        change = f"{infusion_address(row, 'dosing:preparation')}?change=1"
        gaps += [(words, f"{change}#id_{name}") for name, words in awaited_reasons(row, product).items()]
    return gaps


def awaited_reasons(row: Infusion, product: Preparation) -> dict[str, str]:
    """Return by field the sentence about each reason that the stored product lacks. At most one query.

    A dose may leave its range after the product was recorded, with an amended weight (AUD-10).
    """
    awaited = {}
    outside = product.dose_finding not in ("", Preparation.Finding.WITHIN)
    if outside and not product.dose_deviation_reason:
        awaited["dose_deviation_reason"] = _(
            "The dose is outside the protocol's range. Say why: this is a deviation."
        )
    donors = [product.donor_code] if product.donor_code else []
    if not product.donor_deviation_reason and other_donor(row.patient, row, donors):
        awaited["donor_deviation_reason"] = _("Say why another donor was used: this is a deviation.")
    return awaited
