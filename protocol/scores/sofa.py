"""SOFA, the Sequential Organ Failure Assessment: six components of 0 to 4 points, total 0 to 24.

Source: Singer et al., JAMA 2016 (Sepsis-3), table 1, PMC4968574, after Vincent et al. 1996. None means "not known".
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from protocol.scores.derived import (
    NOT_MEASURED,
    Derived,
    NotMeasured,
    ScoreTable,
    absent,
    inputs_unknown,
    refused,
    total,
    whole,
)

UNITS: Final = ("umol/L", "mg/dL")
_SUPPORTED: Final = ScoreTable(
    (">=", "400", 0), (">=", "300", 1), (">=", "200", 2), (">=", "100", 3), otherwise=4
)
_PLATELETS: Final = ScoreTable(
    (">=", "150", 0), (">=", "100", 1), (">=", "50", 2), (">=", "20", 3), otherwise=4
)
# One table per unit: at their limits the printed columns do not convert into each other.
_BILIRUBIN: Final[Mapping[str, ScoreTable]] = {
    "mg/dL": ScoreTable(("<", "1.2", 0), ("<", "2.0", 1), ("<", "6.0", 2), ("<", "12.0", 3), otherwise=4),
    "umol/L": ScoreTable(("<", "20", 0), ("<", "33", 1), ("<", "102", 2), ("<=", "204", 3), otherwise=4),
}
_CREATININE: Final[Mapping[str, ScoreTable]] = {
    "mg/dL": ScoreTable(("<", "1.2", 0), ("<", "2.0", 1), ("<", "3.5", 2), ("<", "5.0", 3), otherwise=4),
    "umol/L": ScoreTable(("<", "110", 0), ("<", "171", 1), ("<", "300", 2), ("<=", "440", 3), otherwise=4),
}
_URINE: Final = ScoreTable((">=", "500", 0), (">=", "200", 3), otherwise=4)
_MAP: Final = ScoreTable((">=", "70", 0), otherwise=1)
_ADRENERGIC: Final = ScoreTable((">", "0.1", 4), (">", "0", 3), otherwise=0)
# The printed table leaves a dopamine dose of exactly 5 undefined (below 5, 5.1 to 15); it scores 2 here.
_DOPAMINE: Final = ScoreTable((">", "15", 4), (">", "5", 3), (">", "0", 2), otherwise=0)
_GCS: Final = ScoreTable((">=", "15", 0), (">=", "13", 1), (">=", "10", 2), (">=", "6", 3), otherwise=4)
HIGHEST: Final = 4


def respiration(pf_mmhg: Decimal | None, supported: bool | None) -> Derived[int]:
    """Return points for PaO2/FiO2 in mmHg; 3 and 4 need respiratory support, without it below 200 gives 2."""
    if pf_mmhg is None:
        return inputs_unknown(*absent({"pf_mmhg": pf_mmhg, "supported": supported}))
    points = _SUPPORTED.points(pf_mmhg)
    if points <= 2:
        return Derived(points)
    if supported is None:
        return inputs_unknown("supported")
    return Derived(points if supported else 2)


def coagulation(platelets_1e9_per_l: Decimal | None) -> Derived[int]:
    """Return points for platelets in 10^9/L."""
    return _PLATELETS.score("platelets_1e9_per_l", platelets_1e9_per_l)


def liver(bilirubin: Decimal | None, unit: str | None) -> Derived[int]:
    """Return points for bilirubin in the unit in which it was reported (umol/L, mg/dL), by the column of that unit."""
    return _by_unit("bilirubin", bilirubin, unit, _BILIRUBIN)


def cardiovascular(
    map_mmhg: Decimal | None,
    norepinephrine_ug_per_kg_min: Decimal | None,
    epinephrine_ug_per_kg_min: Decimal | None,
    dopamine_ug_per_kg_min: Decimal | None,
    dobutamine: bool | None,
) -> Derived[int]:
    """Return points for mean arterial pressure in mmHg and for doses given for at least 1 hour (0 if not given).

    One dose that scores 4 decides. Mean arterial pressure counts only if none of the medicines is given.
    """
    doses = {
        "norepinephrine_ug_per_kg_min": _ADRENERGIC.score("", norepinephrine_ug_per_kg_min),
        "epinephrine_ug_per_kg_min": _ADRENERGIC.score("", epinephrine_ug_per_kg_min),
        "dopamine_ug_per_kg_min": _DOPAMINE.score("", dopamine_ug_per_kg_min),
        "dobutamine": inputs_unknown("") if dobutamine is None else Derived(2 if dobutamine else 0),
    }
    worst = max(dose.value or 0 for dose in doses.values())
    unknown = tuple(name for name, dose in doses.items() if not dose.is_known)
    if worst == HIGHEST:
        return Derived(worst)
    if unknown:
        return inputs_unknown(*unknown, *(("map_mmhg",) if map_mmhg is None and worst == 0 else ()))
    return Derived(worst) if worst else _MAP.score("map_mmhg", map_mmhg)


def central_nervous_system(gcs: Decimal | None) -> Derived[int]:
    """Return points for the Glasgow Coma Scale, 3 to 15."""
    scale = whole("gcs", gcs, 3, 15)
    return Derived(_GCS.points(Decimal(scale.value))) if scale.value is not None else scale


def renal(
    creatinine: Decimal | None,
    unit: str | None,
    urine_ml_per_day: Decimal | NotMeasured | None = NOT_MEASURED,
) -> Derived[int]:
    """Return points for creatinine in the unit in which it was reported, or for urine in mL/day if that gives more.

    The table says "or", so urine that was not measured is left out; with urine that is not known yet there is no value.
    """
    blood = _by_unit("creatinine", creatinine, unit, _CREATININE)
    if isinstance(urine_ml_per_day, NotMeasured):
        return blood
    urine = _URINE.score("urine_ml_per_day", urine_ml_per_day)
    if HIGHEST in (blood.value, urine.value):
        return Derived(HIGHEST)
    if blood.value is None or urine.value is None:
        return Derived(None, (*blood.missing, *urine.missing), blood.reason)
    return Derived(max(blood.value, urine.value))


def sofa_total(
    *,
    respiration: Derived[int],
    coagulation: Derived[int],
    liver: Derived[int],
    cardiovascular: Derived[int],
    central_nervous_system: Derived[int],
    renal: Derived[int],
) -> Derived[int]:
    """Return the sum of the six components, 0 to 24."""
    return total(
        {
            "respiration": respiration,
            "coagulation": coagulation,
            "liver": liver,
            "cardiovascular": cardiovascular,
            "central_nervous_system": central_nervous_system,
            "renal": renal,
        }
    )


def _by_unit(
    name: str, value: Decimal | None, unit: str | None, tables: Mapping[str, ScoreTable]
) -> Derived[int]:
    if value is None or unit is None:
        return inputs_unknown(name)
    if unit not in tables:
        return refused(f"no column of the table is in {unit}")
    return Derived(tables[unit].points(value))
