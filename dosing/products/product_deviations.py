"""Deviations of the product: a dose outside the range, another donor. They never enter the general log (CEL-18)."""

from accounts.models import User
from audit.stored_text import Text, system_text
from dosing.models import BagMovement, Infusion, Preparation, ProductDeviation, StopOverride
from dosing.products.product_limits import product_lines
from dosing.stock.stops import Stop
from patients.models import DeviationPlace
from patients.participation.deviation_log.deviations import FoundDeviation, reconcile

Category = ProductDeviation.Category
FOUND_AT_THE_PRODUCT = (
    Category.DOSE, Category.DONOR, Category.BAG, Category.VIABILITY, Category.DMSO, Category.THAW_TO_END,
)  # fmt: skip


def note_product(infusion: Infusion, product: Preparation, by: User) -> None:
    """Open or take back the deviations of one product, after it was recorded, amended or its dose computed again."""
    patient, key = infusion.patient, str(infusion.number)
    day = (infusion.started_at or product.prepared_at).astimezone(patient.trial.zone).date()
    found = {
        (category, key): FoundDeviation(day, text) for category, text in _texts(infusion, product).items()
    }
    reconcile(
        patient=patient,
        place=DeviationPlace.INFUSION,
        categories=FOUND_AT_THE_PRODUCT,
        keys=[key],
        found=found,
        by=by,
        log=ProductDeviation,
    )


def _texts(infusion: Infusion, product: Preparation) -> dict[str, Text]:
    """Return by category the text of each deviation that the product shows now."""
    texts: dict[str, Text] = {}
    if product.dose_finding in {Preparation.Finding.BELOW, Preparation.Finding.ABOVE}:
        # The weight was amended: the laboratory has not said why yet.
        unexplained = system_text(f"dosing.dose_{product.dose_finding}")
        texts[Category.DOSE] = product.dose_deviation_reason or unexplained
    if product.donor_deviation_reason:
        texts[Category.DONOR] = product.donor_deviation_reason
    if stopped := _stopped_bags(product):
        texts[Category.BAG] = system_text("dosing.bag_stopped", bags=", ".join(stopped))
    return texts | _beyond_limits(infusion, product)


def _beyond_limits(infusion: Infusion, product: Preparation) -> dict[str, Text]:
    """Return the text of each limit of the protocol that the product misses.

    A viability that an investigator accepted beforehand is a deviation already.
    """
    missed = {line.name: line.shown for line in product_lines(infusion, product) if line.position != "within"}
    if "viability" in missed and StopOverride.objects.filter(infusion=infusion, stop="viability").exists():
        del missed["viability"]
    return {name: system_text(f"dosing.{name}_outside", value=value) for name, value in missed.items()}


def _stopped_bags(product: Preparation) -> list[str]:
    """Return the numbers of the bags that were used in spite of a hard stop; another donor is a deviation by itself."""
    rows = BagMovement.objects.filter(infusion=product.infusion_id, reversed_by=None).exclude(stops=[])
    found = rows.order_by("pk").values_list("bag__number", "stops")
    return list(dict.fromkeys(number for number, stops in found if set(stops) - {Stop.OTHER_DONOR.value}))
