"""Units of laboratory results: their families, and how many of each make one of the family's first unit. No Django."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

FAMILIES: Final[Mapping[str, Mapping[str, str]]] = {
    "10^9/L": {
        "10^9/L": "1",
        "10^3/uL": "1",
        "/uL": "1000",
        "cells/uL": "1000",
        "10^6/L": "1000",
        "10^12/L": "0.001",
        "10^6/uL": "0.001",
    },
    "g/L": {"g/L": "1", "g/dL": "0.1", "mg/dL": "100", "mg/L": "1000", "ug/mL": "1000", "mg/mL": "1"},
    "mg/dL": {"mg/dL": "1", "mg/L": "10", "ug/mL": "10", "g/L": "0.01", "g/dL": "0.001", "mg/mL": "0.01"},
    "mmol/L": {"mmol/L": "1", "umol/L": "1000", "mol/L": "0.001"},
    # One charge an ion: sodium and potassium.
    "mmol/L (1+)": {"mmol/L": "1", "umol/L": "1000", "mol/L": "0.001", "mEq/L": "1"},
    # Two charges an ion: calcium and magnesium.
    "mmol/L (2+)": {"mmol/L": "1", "umol/L": "1000", "mol/L": "0.001", "mEq/L": "2"},
    "pH": {"pH": "1", "": "1"},
    "ratio": {"ratio": "1", "INR": "1", "": "1", "fraction": "1", "%": "100"},
}
"""By family: how many of each unit make one of its first."""

SPELLINGS: Final[Mapping[str, str]] = {
    "/mm3": "/uL",
    "/mm^3": "/uL",
    "/mm³": "/uL",
    "/µL": "/uL",
    "/μL": "/uL",
    "cells/mm3": "/uL",
    "cells/µL": "/uL",
    "cells/μL": "/uL",
    "10*9/L": "10^9/L",
    "10e9/L": "10^9/L",
    "10E9/L": "10^9/L",
    "10⁹/L": "10^9/L",
    "×10⁹/L": "10^9/L",
    "x10^9/L": "10^9/L",
    "x10⁹/L": "10^9/L",
    "G/L": "10^9/L",
    "Giga/L": "10^9/L",
    "10*3/uL": "10^3/uL",
    "10³/µL": "10^3/uL",
    "10^3/µL": "10^3/uL",
    "10^3/mm3": "10^3/uL",
    "K/uL": "10^3/uL",
    "K/µL": "10^3/uL",
    "MMOL/L": "mmol/L",
    "mmol/l": "mmol/L",
    "g/l": "g/L",
    "g/dl": "g/dL",
    "mg/dl": "mg/dL",
    "mg/l": "mg/L",
    "µmol/L": "umol/L",
    "μmol/L": "umol/L",
    "µg/mL": "ug/mL",
    "mEq/l": "mEq/L",
    "[pH]": "pH",
    "1": "ratio",
    "{ratio}": "ratio",
    "{INR}": "INR",
}
"""Other ways of writing a unit."""


def spelt(unit: str) -> str:
    """Return a unit as the protocol files write it."""
    return SPELLINGS.get(unit.replace(" ", ""), unit.replace(" ", ""))


def scale(family: str, unit: str) -> Decimal | None:
    """Return how many of a unit make one of the family's first; None if the unit is of another family."""
    found = FAMILIES[family].get(unit)
    return None if found is None else Decimal(found)
