"""Agreed limits of the 72 laboratory tests of both trials, copied by hand from the sources in the protocol files.

CDISC code, LOINC code (five have none), unit, hard limits, soft limits, alternative unit and its factor. Fahrenheit
has no exact factor (5/9) and is not offered; the two D-dimer units convert only roughly, so each has its own item.
"""

from decimal import Decimal
from typing import NamedTuple


class Agreed(NamedTuple):
    """One laboratory test."""

    cdisc: str
    loinc: str
    unit: str
    hard: tuple[Decimal, Decimal]
    soft: tuple[Decimal, Decimal]
    other: tuple[str, Decimal] | None


_TABLE = """
TEMP | 8310-5 | Cel | 25 | 45 | 34 | 41
HR | 8867-4 | beats/min | 20 | 300 | 40 | 180
RESP | 9279-1 | breaths/min | 4 | 80 | 8 | 50
SYSBP | 8480-6 | mmHg | 40 | 300 | 70 | 220
DIABP | 8462-4 | mmHg | 20 | 200 | 40 | 130
MAP | 8478-0 | mmHg | 25 | 230 | 50 | 150
OXYSAT | 59408-5 | % | 30 | 100 | 70 | 100
FIO2 | 3150-0 | % | 21 | 100 | 21 | 100 | fraction | 100
O2FLOW | 3151-8 | L/min | 0 | 80 | 0 | 60
PEEP | 76248-4 | cmH2O | 0 | 30 | 0 | 20
PPLAT | - | cmH2O | 5 | 60 | 10 | 40
COMPL | - | mL/cmH2O | 3 | 150 | 10 | 100
TV | - | mL | 50 | 1500 | 200 | 900
HEIGHT | 8302-2 | cm | 100 | 250 | 140 | 210 | in | 2.54
WEIGHT | 29463-7 | kg | 25 | 350 | 40 | 200 | lb | 0.453592
BMI | 39156-5 | kg/m2 | 10 | 90 | 15 | 60
GCS | 9269-2 | score | 3 | 15 | 3 | 15
OUTPUT | 9192-6 | mL/d | 0 | 15000 | 0 | 6000
PO2 | 2703-7 | mmHg | 20 | 700 | 40 | 450 | kPa | 7.50062
PCO2 | 2019-8 | mmHg | 8 | 160 | 20 | 100 | kPa | 7.50062
PH | 2744-1 | pH | 6.7 | 7.9 | 7.0 | 7.7
BICARB | 1960-4 | mmol/L | 2 | 60 | 8 | 45
LACTICAC | 2524-7 | mmol/L | 0.1 | 35 | 0.3 | 15 | mg/dL | 0.111
PO2FIO2 | 50984-4 | mmHg | 20 | 750 | 40 | 550
WBC | 6690-2 | 10^9/L | 0 | 500 | 0.5 | 60 | /uL | 0.001
NEUT | 751-8 | 10^9/L | 0 | 400 | 0.2 | 50 | /uL | 0.001
LYM | 731-0 | 10^9/L | 0 | 400 | 0.05 | 8 | /uL | 0.001
MONO | 742-7 | 10^9/L | 0 | 100 | 0 | 5
EOS | 711-2 | 10^9/L | 0 | 100 | 0 | 5
HGB | 718-7 | g/L | 20 | 250 | 50 | 200 | g/dL | 10
HCT | 4544-3 | L/L | 0.05 | 0.8 | 0.15 | 0.65 | % | 0.01
PLAT | 777-3 | 10^9/L | 0 | 3000 | 10 | 1000 | 10^3/uL | 1
DDIMER | 48065-7 | ng/mL FEU | 0 | 250000 | 50 | 40000 | ug/mL FEU | 1000
DDIMER | 48066-5 | ng/mL DDU | 0 | 125000 | 25 | 20000
FIBRINO | 3255-7 | g/L | 0.1 | 20 | 0.8 | 12 | mg/dL | 0.01
INR | 6301-6 | ratio | 0.5 | 20 | 0.8 | 8
PT | 5902-2 | s | 5 | 200 | 8 | 60
APTT | 14979-9 | s | 10 | 300 | 18 | 120
CRP | 1988-5 | mg/L | 0 | 800 | 0 | 500 | mg/dL | 10
FERRITIN | 2276-4 | ug/L | 0 | 300000 | 5 | 40000 | ng/mL | 1
PCT | 75241-0 | ng/mL | 0 | 1000 | 0 | 100 | ug/L | 1
LDH | 2532-0 | U/L | 20 | 50000 | 80 | 5000 | ukat/L | 60
CREAT | 14682-9 | umol/L | 5 | 3000 | 20 | 1500 | mg/dL | 88.42
UREAN | 14937-7 | mmol/L | 0.2 | 100 | 1 | 60 | mg/dL BUN | 0.357
BILI | 14631-6 | umol/L | 0.5 | 1200 | 1 | 500 | mg/dL | 17.104
ALT | 1742-6 | U/L | 0 | 30000 | 3 | 3000
AST | 1920-8 | U/L | 0 | 30000 | 3 | 3000
GGT | 2324-2 | U/L | 0 | 10000 | 3 | 1500
ALP | 6768-6 | U/L | 0 | 10000 | 15 | 1500
K | 2823-3 | mmol/L | 1 | 12 | 2.3 | 7.5
SODIUM | 2951-2 | mmol/L | 90 | 200 | 115 | 170
ALB | 1751-7 | g/L | 5 | 80 | 12 | 60 | g/dL | 10
GLUC | 14749-6 | mmol/L | 0.3 | 100 | 2 | 40 | mg/dL | 0.0555
CK | 2157-6 | U/L | 0 | 500000 | 10 | 20000
TROPONI | 10839-9 | ng/mL | 0 | 1000 | 0 | 100 | ng/L | 0.001
TROPONT | 67151-1 | ng/L | 0 | 100000 | 0 | 10000
INTLK6 | 26881-3 | pg/mL | 0 | 500000 | 0 | 10000 | ng/L | 1
INTLK10 | 26848-2 | pg/mL | 0 | 50000 | 0 | 1000 | ng/L | 1
TNF | 3074-2 | pg/mL | 0 | 50000 | 0 | 1000 | ng/L | 1
CXCL10 | - | pg/mL | 0 | 500000 | 0 | 50000 | ng/L | 1
CD3 | 8122-4 | cells/uL | 0 | 20000 | 20 | 5000 | 10^9/L | 1000
CD3LY | 8124-0 | % | 0 | 100 | 10 | 98
CD4 | 24467-3 | cells/uL | 0 | 10000 | 10 | 3000 | 10^9/L | 1000
CD4LY | 8123-2 | % | 0 | 100 | 2 | 90
CD8 | 14135-8 | cells/uL | 0 | 15000 | 5 | 3000 | 10^9/L | 1000
CD8LY | 8101-8 | % | 0 | 100 | 2 | 90
CD19 | 8116-6 | cells/uL | 0 | 200000 | 1 | 2000 | 10^9/L | 1000
CD19LY | 8117-4 | % | 0 | 100 | 0 | 70
NK | 20402-4 | cells/uL | 0 | 20000 | 5 | 3000 | 10^9/L | 1000
NKLY | 18267-5 | % | 0 | 100 | 0 | 80
CD4CD8 | 54218-3 | ratio | 0 | 30 | 0.1 | 10
TREG | - | % of CD4 | 0 | 60 | 0 | 25
"""


def _read(line: str) -> Agreed:
    cdisc, loinc, unit, low, high, soft_low, soft_high, *other = line.split(" | ")
    return Agreed(
        cdisc=cdisc,
        loinc="" if loinc == "-" else loinc,
        unit=unit,
        hard=(Decimal(low), Decimal(high)),
        soft=(Decimal(soft_low), Decimal(soft_high)),
        other=(other[0], Decimal(other[1])) if other else None,
    )


AGREED = tuple(_read(line) for line in _TABLE.strip().splitlines())
BY_LOINC = {each.loinc: each for each in AGREED if each.loinc}
BY_CODE = {each.cdisc: each for each in AGREED if not each.loinc}
"""Tests without a LOINC code, by CDISC code."""
