"""Clinical scores as functions of expressions. Numbers become exact decimals; an unknown value stays undetermined."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from inspect import signature
from typing import Any, Final

from protocol.expressions.interval_arithmetic import corners
from protocol.expressions.kinds import ABSENT, LOGIC, NUMBER, FunctionSignature, ItemKind, Kind
from protocol.expressions.numbers import as_decimal
from protocol.scores import lungs, measures, news2, sofa, who_cps
from protocol.scores.days import ventilator_free_days
from protocol.scores.derived import Derived, absent, inputs_unknown
from protocol.values.intervals import Interval

_NUMBERS: Final = frozenset({Kind.NUMBER})
_LOGIC: Final = frozenset({Kind.LOGIC})
_TEXT: Final = frozenset({Kind.TEXT})
_N, _C, _T = _NUMBERS, _LOGIC, _TEXT
MOST_PARTS: Final = 5


@dataclass(frozen=True, slots=True)
class _Score:
    """A score as a function of expressions. ``names`` are its parameters, as `Derived.missing` names them.

    A ``monotone`` score rises or falls with each of its numbers, so the ends of an interval decide it.
    """

    compute: Callable[..., Derived[Any]]
    names: tuple[str, ...]
    monotone: bool = True

    def __call__(self, *values: Any, zone: str, whole_days: bool) -> Any:
        if self.monotone and any(isinstance(value, Interval) for value in values):
            return self._of_intervals(values)
        return _result(self.compute(*map(_argument, values)).value)

    def _of_intervals(self, values: tuple[Any, ...]) -> Any:
        """Return the score if all ends of the intervals give the same, an interval between numbers, else `ABSENT`."""
        found = [_result(self.compute(*map(_argument, each)).value) for each in corners(values)]
        if all(score == found[0] for score in found):
            return found[0]
        if not all(isinstance(score, Decimal) for score in found):
            return ABSENT
        return Interval(min(found), max(found), True, True)

    def missing_inputs(self, *values: Any) -> tuple[int, ...]:
        """Return the positions without a value that could still decide the score."""
        missing = self.compute(*map(_argument, values)).missing
        return tuple(
            place for place, name in enumerate(self.names) if name in missing and place < len(values)
        )


def _argument(value: Any) -> Any:
    if value is ABSENT or isinstance(value, Interval):
        return None
    return as_decimal(value) if isinstance(value, Fraction) else value


def _result(value: Any) -> Any:
    if value is None:
        return ABSENT
    return Decimal(value) if type(value) is int else value


def _applied(compute: Callable[..., Derived[Any]], *, monotone: bool = True) -> _Score:
    return _Score(compute, tuple(signature(compute).parameters), monotone)


def _named(compute: Callable[..., Derived[Any]], *names: str) -> _Score:
    """Return a score with keyword parameters; ``names`` gives their order in the expression."""
    return _Score(lambda *values: compute(**dict(zip(names, values, strict=True))), names)


def _of_points(compute: Callable[..., Derived[Any]], *names: str) -> _Score:
    """Return a score whose components are points already."""
    return _named(lambda **parts: compute(**{name: _points(part) for name, part in parts.items()}), *names)


def _points(value: Decimal | None) -> Derived[int]:
    return inputs_unknown("points") if value is None else Derived(int(value))


def _murray(*components: Decimal | None) -> Derived[Decimal]:
    return lungs.murray_total({str(place): _points(part) for place, part in enumerate(components)})


def _numbered(compute: Callable[..., Derived[Any]]) -> _Score:
    """Return a score whose components have no names."""
    return _Score(compute, tuple(map(str, range(MOST_PARTS))))


def _rated(compute: Callable[[Mapping[str, Decimal | None]], Derived[int]]) -> _Score:
    return _numbered(lambda *parts: compute({str(place): part for place, part in enumerate(parts)}))


def _uncovered(
    support: str | None, pf_mmhg: Decimal | None, sf: Decimal | None, dialysis: bool | None, ecmo: bool | None
) -> Derived[bool]:
    known = {"support": support, "pf_mmhg": pf_mmhg, "sf": sf, "dialysis": dialysis, "ecmo": ecmo}
    found = who_cps.uncovered(support=support, pf_mmhg=pf_mmhg, sf=sf, dialysis=dialysis, ecmo=ecmo)
    return Derived(found, missing=absent(known) if found is None else ())


def _function(
    takes: tuple[frozenset[Kind], ...],
    score: _Score,
    meaning: str,
    *,
    gives: ItemKind = NUMBER,
    optional: int = 0,
    codes: Mapping[int, tuple[str, ...]] | None = None,
) -> FunctionSignature:
    return FunctionSignature(
        takes,
        gives,
        score,
        meaning,
        optional=optional,
        partial=True,
        codes=codes or {},
        missing_inputs=score.missing_inputs,
    )


def _coded(codes: tuple[str, ...]) -> ItemKind:
    return ItemKind(Kind.TEXT, codes)


_CPS: Final = (
    "dead", "hospitalised", "ambulatory", "support", "pf_mmhg", "sf", "vasopressors", "dialysis", "ecmo",
)  # fmt: skip
_SOFA: Final = ("respiration", "coagulation", "liver", "cardiovascular", "central_nervous_system", "renal")
_NEWS2: Final = (
    "respiration_rate", "saturation", "oxygen", "systolic_pressure", "pulse", "consciousness", "temperature",
)  # fmt: skip
_BERLIN: Final = ("within_a_week", "bilateral", "not_cardiac", "peep_cmh2o", "pf_mmhg")


def _category(**known: Any) -> Derived[str]:
    found = who_cps.who_cps(**known)
    return Derived(None if found.value is None else str(found.value), found.missing, found.reason)


SCORE_FUNCTIONS: Final[Mapping[str, FunctionSignature]] = {
    "pao2_fio2": _function((_N, _N), _applied(measures.pao2_fio2), "PaO2/FiO2 in mmHg"),
    "spo2_fio2": _function((_N, _N), _applied(measures.spo2_fio2), "SpO2/FiO2"),
    "fio2_from_flow": _function(
        (_N,), _applied(measures.fio2_from_flow, monotone=False), "FiO2 in % from the flow in L/min"
    ),
    "mean_pressure": _function((_N, _N), _applied(measures.mean_arterial_pressure), "mean pressure in mmHg"),
    "body_mass_index": _function(
        (_N, _N), _applied(measures.body_mass_index, monotone=False), "kg/m2 from kg and cm"
    ),
    "predicted_weight": _function(
        (_T, _N),
        _applied(measures.predicted_body_weight),
        "predicted body weight in kg",
        codes={0: measures.SEXES},
    ),
    "sofa_respiration": _function((_N, _C), _applied(sofa.respiration), "P/F in mmHg, with support"),
    "sofa_coagulation": _function((_N,), _applied(sofa.coagulation), "platelets in 10^9/L"),
    "sofa_liver": _function((_N, _T), _applied(sofa.liver), "bilirubin as reported", codes={1: sofa.UNITS}),
    "sofa_cardiovascular": _function(
        (_N, _N, _N, _N, _C), _applied(sofa.cardiovascular), "MAP and doses in ug/kg/min"
    ),
    "sofa_cns": _function((_N,), _applied(sofa.central_nervous_system), "Glasgow Coma Scale"),
    "sofa_renal": _function(
        (_N, _T, _N), _applied(sofa.renal), "creatinine as reported, urine", optional=1, codes={1: sofa.UNITS}
    ),
    "sofa_total": _function((_N,) * 6, _of_points(sofa.sofa_total, *_SOFA), "sum of six components"),
    "who_progression": _function(
        (_C, _C, _T, _T, _N, _N, _C, _C, _C),
        _named(_category, *_CPS),
        "WHO Clinical Progression Scale",
        gives=_coded(who_cps.CATEGORIES),
        codes={2: tuple(who_cps.AMBULATORY), 3: who_cps.SUPPORTS},
    ),
    "who_progression_uncovered": _function(
        (_T, _N, _N, _C, _C),
        _applied(_uncovered),
        "the scale has no category",
        gives=LOGIC,
        codes={0: who_cps.SUPPORTS},
    ),
    "news2_respiration": _function((_N,), _applied(news2.respiration_rate, monotone=False), "breaths/min"),
    "news2_saturation": _function(
        (_N, _T, _C),
        _applied(news2.saturation, monotone=False),
        "SpO2 in %, scale, on oxygen",
        codes={1: news2.SCALES},
    ),
    "news2_oxygen": _function((_C,), _applied(news2.oxygen), "on oxygen"),
    "news2_systolic": _function((_N,), _applied(news2.systolic_pressure, monotone=False), "mmHg"),
    "news2_pulse": _function((_N,), _applied(news2.pulse, monotone=False), "beats/min"),
    "news2_consciousness": _function((_T,), _applied(news2.consciousness), "ACVPU", codes={0: news2.LEVELS}),
    "news2_temperature": _function((_N,), _applied(news2.temperature, monotone=False), "°C"),
    "news2_total": _function((_N,) * 7, _of_points(news2.news2_total, *_NEWS2), "sum of seven components"),
    "news2_risk": _function(
        (_N,) * 7, _of_points(news2.news2_risk, *_NEWS2), "clinical risk", gives=_coded(news2.RISKS)
    ),
    "pf_at_altitude": _function(
        (_N, _N, _N), _applied(lungs.pf_at_altitude), "P/F corrected above 1000 m", optional=1
    ),
    "berlin_severity": _function(
        (_C, _C, _C, _N, _N), _named(lungs.berlin, *_BERLIN), "ARDS severity", gives=_coded(lungs.SEVERITIES)
    ),
    "murray_chest": _function((_N,), _applied(lungs.murray_chest), "quadrants"),
    "murray_oxygenation": _function((_N,), _applied(lungs.murray_oxygenation), "P/F in mmHg"),
    "murray_peep": _function((_N,), _applied(lungs.murray_peep), "PEEP in cmH2O"),
    "murray_compliance": _function((_N,), _applied(lungs.murray_compliance), "mL/cmH2O"),
    "murray_total": _function((_N,) * 4, _numbered(_murray), "mean of the components", optional=3),
    "ct_severity": _function((_N,) * 5, _rated(lungs.ct_severity), "sum of five lobes"),
    "cxr_severity": _function((_N,) * 2, _rated(lungs.cxr_severity), "sum of two lungs"),
    "ventilator_free_days": _function(
        (_C, _N), _applied(ventilator_free_days), "0 after death by day 28, else 28 less days ventilated"
    ),
}
"""Score functions by name; the kinds they take are in the order of the parameters."""
