"""Inputs of the scores: oxygenation, blood pressure, body size. Exact decimals, units in the names."""

from decimal import Decimal
from typing import Final

from protocol.scores.derived import Derived, absent, inputs_unknown, refused

SEXES: Final = ("F", "M")

_PBW_BASE_KG: Final = {"M": Decimal("50"), "F": Decimal("45.5")}
_PBW_KG_PER_CM: Final = Decimal("0.91")
_PBW_HEIGHT_CM: Final = Decimal("152.4")
# Lowest and highest flow of a printed line in L/min, and its FiO2 in %.
_FIO2_BY_FLOW: Final = (
    (Decimal(0), Decimal(0), 21),
    (Decimal(2), Decimal(2), 25),
    (Decimal(4), Decimal(4), 30),
    (Decimal(6), Decimal(8), 40),
    (Decimal(9), Decimal(10), 50),
)


def pao2_fio2(pao2_mmhg: Decimal | None, fio2_percent: Decimal | None) -> Derived[Decimal]:
    """Return PaO2/FiO2 in mmHg; FiO2 in %, 21 to 100."""
    return _over_fio2("pao2_mmhg", pao2_mmhg, fio2_percent)


def spo2_fio2(spo2_percent: Decimal | None, fio2_percent: Decimal | None) -> Derived[Decimal]:
    """Return SpO2/FiO2: SpO2 in % over FiO2 as a fraction (92 / 0.40 = 230); FiO2 is given in %."""
    return _over_fio2("spo2_percent", spo2_percent, fio2_percent)


def fio2_from_flow(flow_l_per_min: Decimal | None) -> Derived[int]:
    """Return FiO2 in % of a patient who is not ventilated, from the oxygen flow in L/min; printed flows only.

    Source: PMC4753186, table 3: air 21, 2 L 25, 4 L 30, 6–8 L 40, 9–10 L 50 %.
    """
    if flow_l_per_min is None:
        return inputs_unknown("flow_l_per_min")
    for lowest, highest, fio2_percent in _FIO2_BY_FLOW:
        if lowest <= flow_l_per_min <= highest:
            return Derived(fio2_percent)
    return refused(f"no FiO2 is printed for {flow_l_per_min} L/min")


def mean_arterial_pressure(sbp_mmhg: Decimal | None, dbp_mmhg: Decimal | None) -> Derived[Decimal]:
    """Return mean arterial pressure in mmHg: (SBP + 2 DBP) / 3."""
    if sbp_mmhg is None or dbp_mmhg is None:
        return inputs_unknown(*absent({"sbp_mmhg": sbp_mmhg, "dbp_mmhg": dbp_mmhg}))
    return Derived((sbp_mmhg + 2 * dbp_mmhg) / 3)


def body_mass_index(weight_kg: Decimal | None, height_cm: Decimal | None) -> Derived[Decimal]:
    """Return body mass index in kg/m²."""
    if weight_kg is None or height_cm is None:
        return inputs_unknown(*absent({"weight_kg": weight_kg, "height_cm": height_cm}))
    if height_cm <= 0:
        return refused("height must be above 0")
    return Derived(weight_kg * 10_000 / (height_cm * height_cm))


def predicted_body_weight(sex: str | None, height_cm: Decimal | None) -> Derived[Decimal]:
    """Return predicted body weight in kg: 50 (men) or 45.5 (women) + 0.91 × (height in cm − 152.4).

    Source: ARDS Network, N Engl J Med 2000.
    """
    if sex is None or height_cm is None:
        return inputs_unknown(*absent({"sex": sex, "height_cm": height_cm}))
    if sex not in _PBW_BASE_KG:
        return refused(f"no formula for sex {sex}")
    return Derived(_PBW_BASE_KG[sex] + _PBW_KG_PER_CM * (height_cm - _PBW_HEIGHT_CM))


def _over_fio2(name: str, value: Decimal | None, fio2_percent: Decimal | None) -> Derived[Decimal]:
    if value is None or fio2_percent is None:
        return inputs_unknown(*absent({name: value, "fio2_percent": fio2_percent}))
    if not 21 <= fio2_percent <= 100:
        return refused("FiO2 lies between 21 and 100 %")
    return Derived(value * 100 / fio2_percent)
