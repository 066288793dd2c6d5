"""Units that a protocol may use: as written in the file, and in UCUM for exports.

An unknown unit is a mistake in the file: a misspelt unit would pass unnoticed into an export. Units of D-dimer and
urea name their basis (FEU, DDU, BUN), because the numbers differ by it.
"""

from collections.abc import Mapping
from typing import Final

UCUM: Final[Mapping[str, str]] = {
    # dimensionless
    "%": "%",
    "% of CD4": "%",
    "fraction": "1",
    "ratio": "{ratio}",
    "score": "{score}",
    "points": "{score}",
    "pH": "[pH]",
    "count": "{count}",
    # body
    "kg": "kg",
    "g": "g",
    "lb": "[lb_av]",
    "cm": "cm",
    "m": "m",
    "mm": "mm",
    "in": "[in_i]",
    "kg/m2": "kg/m2",
    "Cel": "Cel",
    "degF": "[degF]",
    "mmHg": "mm[Hg]",
    "kPa": "kPa",
    "cmH2O": "cm[H2O]",
    "beats/min": "{beats}/min",
    "breaths/min": "{breaths}/min",
    # time
    "years": "a",
    "months": "mo",
    "weeks": "wk",
    "days": "d",
    "h": "h",
    "min": "min",
    "s": "s",
    "ms": "ms",
    # volume and flow
    "L": "L",
    "mL": "mL",
    "uL": "uL",
    "L/min": "L/min",
    "mL/h": "mL/h",
    "mL/min": "mL/min",
    "mL/min/1.73m2": "mL/min/{1.73_m2}",
    "mL/min/mmHg": "mL/min/mm[Hg]",
    "mmol/min/kPa": "mmol/min/kPa",
    "mL/d": "mL/d",
    "mL/kg": "mL/kg",
    "mL/cmH2O": "mL/cm[H2O]",
    "L/L": "L/L",
    # counts of cells
    "10^12/L": "10*12/L",
    "10^9/L": "10*9/L",
    "10^6/L": "10*6/L",
    "10^3/uL": "10*3/uL",
    "10^6/uL": "10*6/uL",
    "/uL": "/uL",
    "cells/uL": "{cells}/uL",
    "10^6 cells": "10*6.{cells}",
    "10^6 cells/kg": "10*6.{cells}/kg",
    "10^6 cells/mL": "10*6.{cells}/mL",
    "copies/mL": "{copies}/mL",
    # substances
    "g/L": "g/L",
    "g/dL": "g/dL",
    "mg": "mg",
    "ug": "ug",
    "mg/L": "mg/L",
    "mg/dL": "mg/dL",
    "mg/dL BUN": "mg/dL",
    "mg/d": "mg/d",
    "mg/kg": "mg/kg",
    "ug/L": "ug/L",
    "ug/mL": "ug/mL",
    "ug/dL": "ug/dL",
    "ug/mL FEU": "ug{FEU}/mL",
    "ng/mL": "ng/mL",
    "ng/mL FEU": "ng{FEU}/mL",
    "ng/mL DDU": "ng{DDU}/mL",
    "ng/L": "ng/L",
    "pg/mL": "pg/mL",
    "mol/L": "mol/L",
    "mmol/L": "mmol/L",
    "umol/L": "umol/L",
    "nmol/L": "nmol/L",
    "pmol/L": "pmol/L",
    "mmol/mol": "mmol/mol",
    "U/L": "U/L",
    "U/mL": "U/mL",
    "IU/L": "[IU]/L",
    "IU/mL": "[IU]/mL",
    "ukat/L": "ukat/L",
    # UCUM has no endotoxin unit: its [EU] is the Ehrlich unit.
    "EU/mL": "{EU}/mL",
    "mOsm/kg": "mosm/kg",
    # rates of medicines
    "ug/min": "ug/min",
    "ug/kg/min": "ug/kg/min",
    "mg/h": "mg/h",
    "U/min": "U/min",
}


def ucum(unit: str) -> str:
    """Return the UCUM code of a unit. Raises KeyError for an unknown unit."""
    return UCUM[unit]
