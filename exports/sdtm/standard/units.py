"""Units of a protocol file as terms of the code list UNIT (C71620). A unit that is none of them stays. No Django.

Each pair has the same size, so that no number changes: 1 cell/µL is 10^6/L, 1 ng/mL is 1 µg/L, 1 pg/mL is 1 ng/L.
"""

from typing import Final

SUBMITTED: Final = {
    "Cel": "C",
    "lb": "LB",
    "mL/d": "mL/day",
    "/uL": "10^6/L",
    "cells/uL": "10^6/L",
    "10^3/uL": "10^9/L",
    "ng/mL": "ug/L",
    "pg/mL": "ng/L",
    "ng/mL FEU": "ug/L FEU",
    "ng/mL DDU": "ug/L DDU",
    "ug/mL FEU": "mg/L FEU",
    "mg/dL BUN": "mg/dL",
    "% of CD4": "%",
    "ratio": "RATIO",
    "fraction": "fraction of 1",
    "years": "YEARS",
}
WITHOUT: Final = frozenset({"", "pH", "score", "count"})
"""Units that are none: the number stands alone."""


def submitted(unit: str | None) -> str | None:
    """Return the submission value of a unit, None for a number without one."""
    return None if unit is None or unit in WITHOUT else SUBMITTED.get(unit, unit)
