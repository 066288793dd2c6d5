"""Every unit that a protocol may use has the code that UCUM gives it, and converts as UCUM defines."""

from decimal import Decimal

import pytest

from protocol.values.units import UCUM
from tests.support.protocols.shipped import BOTH, THIRD, protocol
from tests.support.ucum_codes import COMMON, COMPOSED, typed

# A unit in parts of the other one, exactly, by the definitions of UCUM 2.2.
DEFINED = {
    ("lb", "kg"): Decimal("0.45359237"),
    ("in", "cm"): Decimal("2.54"),
    ("kPa", "mmHg"): 1 / Decimal("0.1333220"),
    ("g/dL", "g/L"): Decimal(10),
    ("mg/dL", "mg/L"): Decimal(10),
    ("%", "L/L"): Decimal("0.01"),
    ("ug/L", "ng/mL"): Decimal(1),
    ("ng/mL", "ug/L"): Decimal(1),
    ("ng/L", "pg/mL"): Decimal(1),
    ("ukat/L", "U/L"): Decimal(60),
    ("10^9/L", "cells/uL"): Decimal(1000),
    ("10^3/uL", "10^9/L"): Decimal(1),
    ("/uL", "10^9/L"): Decimal("0.001"),
    ("mg/dL", "g/L"): Decimal("0.01"),
    ("fraction", "%"): Decimal(100),
    ("ng/L", "ng/mL"): Decimal("0.001"),
    ("ug/mL FEU", "ng/mL FEU"): Decimal(1000),
}

# From grams or millilitres of gas to moles: the factor belongs to the substance, not to the units.
OF_SUBSTANCE = {
    ("mg/dL", "mmol/L"), ("mg/dL", "umol/L"), ("mg/dL BUN", "mmol/L"), ("mmol/min/kPa", "mL/min/mmHg"),
}  # fmt: skip


def test_every_unit_has_the_code_of_the_outside_table():
    """EXP: typed by hand from the source named in tests/support/ucum_codes.py, not copied from the program."""
    outside = typed(COMMON) | typed(COMPOSED)
    assert dict(UCUM) == outside


def conversions(slug: str) -> set[tuple[str, str, Decimal]]:
    """Return the second unit, the unit of the item and the factor, of every item of a protocol."""
    return {
        (other.unit, item.unit or "", other.factor)
        for form in protocol(slug).forms.values()
        for item in form.items
        for other in item.units
    }


@pytest.mark.parametrize("slug", [*BOTH, THIRD])
def test_a_second_unit_converts_as_ucum_defines_it(slug):
    """DAT-10: within one part in a hundred thousand."""
    for unit, own, factor in conversions(slug):
        if (unit, own) not in OF_SUBSTANCE:
            assert abs(factor / DEFINED[unit, own] - 1) < Decimal("1e-5"), (unit, own)
