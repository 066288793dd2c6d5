"""A blinded case with its treatment opened: what the authority gets, and nobody who must stay blinded (CTR Annex III).

All else stays as it was written for everybody: numbers, narrative, judgements.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from safety.icsr.case import CaseDrug, DoseGiven, IndividualCase

INFUSION = re.compile(r"Infusion ([0-9]+)")


@dataclass(frozen=True, kw_only=True)
class OpenedProduct:
    """A product that a patient was given: its name, its substance, and the lot of each infusion by number.

    infusions: the numbers of the infusions of this product. substance: empty for a product without one (a placebo).
    """

    name: str
    substance: str = ""
    infusions: frozenset[int]
    lots: Mapping[int, str] = field(default_factory=dict)


def unblinded(case: IndividualCase, products: Sequence[OpenedProduct]) -> IndividualCase:
    """Return the case with each blinded drug named: one drug for each product that was given.

    A product of which no infusion was given is left out, unless no infusion was given at all. Raises ValueError without
    a product.
    """
    if not products:
        raise ValueError("the treatment of the case is not known")
    drugs: list[CaseDrug] = []
    for drug in case.drugs:
        drugs += _opened(drug, products) if drug.blinded else [drug]
    return replace(case, drugs=tuple(drugs))


def _opened(drug: CaseDrug, products: Sequence[OpenedProduct]) -> list[CaseDrug]:
    found = [(product, _doses(drug.doses, product)) for product in products]
    given = [(product, doses) for product, doses in found if doses] or [(products[0], [])]
    return [
        replace(
            drug,
            name=product.name,
            substances=(product.substance,) if product.substance else (),
            blinded=False,
            doses=tuple(doses),
        )
        for product, doses in given
    ]


def _doses(doses: Sequence[DoseGiven], product: OpenedProduct) -> list[DoseGiven]:
    numbered = [(dose, int(named.group(1))) for dose in doses if (named := INFUSION.fullmatch(dose.text))]
    return [
        replace(dose, lot=product.lots.get(number, ""))
        for dose, number in numbered
        if number in product.infusions
    ]
