"""The codes by which the product of a trial is named: of lots, bags, donors, donations, cell banks and kits."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from dosing.models import Bag, CellBank, Donation, Donor, Kit, Lot, Preparation
from trials.models import Trial


def codes_of(trial: Trial) -> Iterator[str]:
    """Yield every code of the trial. One query, of texts: nobody gets to know a row by it."""
    own: list[tuple[type[Any], str]] = [
        (Lot, "number"), (Bag, "number"), (Bag, "european_code"), (Donor, "code"), (CellBank, "code"),
        (Donation, "identification"), (Kit, "number"),
    ]  # fmt: skip
    found: list[QuerySet[Any, Any]] = [
        *(model.objects.filter(trial=trial).order_by().values_list(name, flat=True) for model, name in own),
        *(
            Preparation.objects.filter(patient__trial=trial).order_by().values_list(name, flat=True)
            for name in ("lot", "bag", "donor_code")
        ),
    ]
    for text in found[0].union(*found[1:]):
        # A product without a stock names several bags in one text.
        yield from text.split(",")
