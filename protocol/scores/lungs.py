"""Lung scores: Berlin definition of ARDS, Murray lung injury score, CT severity, chest radiograph severity."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from protocol.scores.derived import Derived, ScoreTable, absent, inputs_unknown, refused, total, whole

SEVERITIES: Final = ("NONE", "MILD", "MODERATE", "SEVERE")
HIGH_ALTITUDE_M: Final = Decimal(1000)
SEA_LEVEL_MMHG: Final = Decimal(760)
_LEAST_PEEP: Final = Decimal(5)
_LIS_PF: Final = ScoreTable(
    (">=", "300", 0), (">=", "225", 1), (">=", "175", 2), (">=", "100", 3), otherwise=4
)
_LIS_PEEP: Final = ScoreTable((">=", "15", 4), (">=", "12", 3), (">=", "9", 2), (">=", "6", 1), otherwise=0)
_LIS_COMPLIANCE: Final = ScoreTable(
    (">=", "80", 0), (">=", "60", 1), (">=", "40", 2), (">=", "20", 3), otherwise=4
)


def pf_at_altitude(
    pf_mmhg: Decimal | None, altitude_m: Decimal | None, barometric_mmhg: Decimal | None = None
) -> Derived[Decimal]:
    """Return PaO2/FiO2 in mmHg for the Berlin definition; above 1000 m × barometric pressure / 760 mmHg.

    Source: ARDS Definition Task Force, JAMA 2012, as printed in PMC7700642, table 2.
    """
    if pf_mmhg is None or altitude_m is None:
        return inputs_unknown(*absent({"pf_mmhg": pf_mmhg, "altitude_m": altitude_m}))
    if altitude_m <= HIGH_ALTITUDE_M:
        return Derived(pf_mmhg)
    if barometric_mmhg is None:
        return inputs_unknown("barometric_mmhg")
    return Derived(pf_mmhg * barometric_mmhg / SEA_LEVEL_MMHG)


def berlin(
    *,
    within_a_week: bool | None,
    bilateral: bool | None,
    not_cardiac: bool | None,
    peep_cmh2o: Decimal | None,
    pf_mmhg: Decimal | None,
) -> Derived[str]:
    """Return ARDS severity by the Berlin definition: NONE, MILD, MODERATE or SEVERE.

    ``within_a_week`` of the insult or of new or worse symptoms; ``bilateral`` opacities not explained otherwise;
    ``not_cardiac``: not fully explained by cardiac failure or overload; PEEP or CPAP in cmH2O, PaO2/FiO2 in mmHg
    (`pf_at_altitude`). One condition that fails is enough for NONE.
    """
    conditions = {
        "within_a_week": within_a_week,
        "bilateral": bilateral,
        "not_cardiac": not_cardiac,
        "peep_cmh2o": None if peep_cmh2o is None else peep_cmh2o >= _LEAST_PEEP,
        "pf_mmhg": None if pf_mmhg is None else pf_mmhg <= 300,
    }
    if False in conditions.values():
        return Derived("NONE")
    missing = absent(conditions)
    if missing or pf_mmhg is None:
        return inputs_unknown(*missing)
    return Derived("MILD" if pf_mmhg > 200 else "MODERATE" if pf_mmhg > 100 else "SEVERE")


def murray_chest(quadrants: Decimal | None) -> Derived[int]:
    """Return points for the quadrants of the chest radiograph with consolidation, 0 to 4."""
    return whole("quadrants", quadrants, 0, 4)


def murray_oxygenation(pf_mmhg: Decimal | None) -> Derived[int]:
    """Return points for PaO2/FiO2 in mmHg."""
    return _LIS_PF.score("pf_mmhg", pf_mmhg)


def murray_peep(peep_cmh2o: Decimal | None) -> Derived[int]:
    """Return points for PEEP in cmH2O."""
    return _LIS_PEEP.score("peep_cmh2o", peep_cmh2o)


def murray_compliance(compliance_ml_per_cmh2o: Decimal | None) -> Derived[int]:
    """Return points for static compliance in mL/cmH2O."""
    return _LIS_COMPLIANCE.score("compliance_ml_per_cmh2o", compliance_ml_per_cmh2o)


def murray_total(components: Mapping[str, Derived[int]]) -> Derived[Decimal]:
    """Return the Murray lung injury score, 0 to 4: the mean of its components.

    Leave out a component that was not measured; with one that is not known yet there is no value.
    Source: Murray et al. 1988, as printed in TOATJ 14:52, table 1.
    """
    if not components:
        return refused("no component")
    summed = total(components)
    return (
        Derived(None, summed.missing)
        if summed.value is None
        else Derived(Decimal(summed.value) / len(components))
    )


def ct_severity(lobes: Mapping[str, Decimal | None]) -> Derived[int]:
    """Return CT severity, 0 to 25: the sum of five lobes (0 none, 1 <5 %, 2 5–25 %, 3 26–49 %, 4 50–75 %, 5 >75 %).

    Source: Pan et al. 2020.
    """
    return _ratings(lobes, parts=5, highest=5)


def cxr_severity(lungs: Mapping[str, Decimal | None]) -> Derived[int]:
    """Return chest radiograph severity, 0 to 8: two lungs (0 none, 1 <25 %, 2 25–50 %, 3 50–75 %, 4 >75 %).

    Source: Wong et al., Radiology 2020, figure 2 (PMC7233401).
    """
    return _ratings(lungs, parts=2, highest=4)


def _ratings(parts_rated: Mapping[str, Decimal | None], *, parts: int, highest: int) -> Derived[int]:
    if len(parts_rated) != parts:
        return refused(f"{parts} parts are rated")
    rated = {name: whole(name, value, 0, highest) for name, value in parts_rated.items()}
    reasons = [each.reason for each in rated.values() if each.reason]
    return refused(reasons[0]) if reasons else total(rated)
