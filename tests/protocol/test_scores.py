"""Every boundary of the printed scores, the worked examples, and the result when something is missing.

Sources of the tables: see the modules of `protocol/scores`.
"""

from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from protocol.scores import days, lungs, measures, news2, sofa
from protocol.scores.derived import Derived
from tests.support.protocols.score_boundaries import ALL

D = Decimal


@pytest.mark.parametrize(("compute", "given", "expected"), ALL)
def test_each_boundary_of_the_printed_tables(compute: Any, given: tuple[Any, ...], expected: Any) -> None:
    assert compute(*given).value == expected


def test_the_sofa_of_the_worked_example_is_twelve() -> None:
    """P/F 130 ventilated, platelets 90, bilirubin 2.5, norepinephrine 0.08, GCS 14, creatinine 1.5 mg/dL."""
    parts = {
        "respiration": sofa.respiration(D(130), True),
        "coagulation": sofa.coagulation(D(90)),
        "liver": sofa.liver(D("2.5"), "mg/dL"),
        "cardiovascular": sofa.cardiovascular(D(75), D("0.08"), D(0), D(0), False),
        "central_nervous_system": sofa.central_nervous_system(D(14)),
        "renal": sofa.renal(D("1.5"), "mg/dL"),
    }
    assert [part.value for part in parts.values()] == [3, 2, 2, 3, 1, 1]
    assert sofa.sofa_total(**parts) == Derived(12)


NEWS2_EXAMPLE = {
    "respiration_rate": news2.respiration_rate(D(26)),
    "saturation": news2.saturation(D(92), "1", True),
    "oxygen": news2.oxygen(True),
    "systolic_pressure": news2.systolic_pressure(D(105)),
    "pulse": news2.pulse(D(115)),
    "consciousness": news2.consciousness("A"),
    "temperature": news2.temperature(D("38.5")),
}


def test_the_news2_of_the_worked_example_is_eleven() -> None:
    assert [part.value for part in NEWS2_EXAMPLE.values()] == [3, 2, 2, 1, 2, 0, 1]
    assert news2.news2_total(**NEWS2_EXAMPLE) == Derived(11)
    assert news2.news2_risk(**NEWS2_EXAMPLE) == Derived("HIGH")


def test_the_lung_injury_score_of_the_worked_example_is_three() -> None:
    parts = {
        "chest": lungs.murray_chest(D(4)),
        "oxygenation": lungs.murray_oxygenation(D(130)),
        "peep": lungs.murray_peep(D(10)),
        "compliance": lungs.murray_compliance(D(35)),
    }
    assert [part.value for part in parts.values()] == [4, 3, 2, 3]
    assert lungs.murray_total(parts) == Derived(D("3.0"))
    del parts["compliance"]
    assert lungs.murray_total(parts) == Derived(D(3))
    assert lungs.murray_total({}).value is None


@pytest.mark.parametrize(
    ("compute", "given", "missing"),
    [
        (sofa.respiration, (None, True), ("pf_mmhg",)),
        (sofa.respiration, (None, None), ("pf_mmhg", "supported")),
        (sofa.respiration, (D(150), None), ("supported",)),
        (sofa.coagulation, (None,), ("platelets_1e9_per_l",)),
        (sofa.liver, (None, "mg/dL"), ("bilirubin",)),
        (sofa.liver, (D(1), None), ("bilirubin",)),
        (sofa.renal, (None, None), ("creatinine",)),
        (sofa.renal, (D(1), "mg/dL", None), ("urine_ml_per_day",)),
        (sofa.renal, (None, "mg/dL", D(600)), ("creatinine",)),
        (sofa.renal, (None, "mg/dL", D(300)), ("creatinine",)),
        (sofa.renal, (None, "mg/dL", None), ("creatinine", "urine_ml_per_day")),
        (sofa.central_nervous_system, (None,), ("gcs",)),
        (sofa.cardiovascular, (None, D(0), D(0), D(0), False), ("map_mmhg",)),
        (sofa.cardiovascular, (None, None, D(0), D(0), False), ("norepinephrine_ug_per_kg_min", "map_mmhg")),
        (sofa.cardiovascular, (D(60), D("0.05"), None, D(0), False), ("epinephrine_ug_per_kg_min",)),
        (sofa.cardiovascular, (D(60), D("0.05"), D(0), None, None), ("dopamine_ug_per_kg_min", "dobutamine")),
        (sofa.cardiovascular, (None, D("0.05"), D(0), None, False), ("dopamine_ug_per_kg_min",)),
        (sofa.cardiovascular, (D(60), D(0), None, D(0), False), ("epinephrine_ug_per_kg_min",)),
    ],
)
def test_a_component_names_what_it_lacks(
    compute: Any, given: tuple[Any, ...], missing: tuple[str, ...]
) -> None:
    assert compute(*given) == Derived(None, missing=missing)


def test_one_dose_or_one_organ_value_may_decide_although_the_rest_is_not_known() -> None:
    assert sofa.cardiovascular(None, D("0.2"), None, None, None).value == 4
    assert sofa.cardiovascular(None, D("0.05"), D(0), D(0), False).value == 3
    assert sofa.renal(None, None, D(150)).value == 4
    assert sofa.renal(D(5), "mg/dL", None).value == 4
    assert sofa.renal(D("1.5"), "mg/dL", None).value is None


def test_points_have_no_reason_and_miss_nothing() -> None:
    for found in (
        sofa.liver(D(20), "umol/L"),
        sofa.coagulation(D(90)),
        sofa.cardiovascular(D(60), D(0), D(0), D(0), False),
    ):
        assert (found.missing, found.reason) == ((), "")


def test_an_unknown_unit_or_scale_gives_a_reason_and_no_points() -> None:
    for found in (
        sofa.liver(D(20), "mg/L"),
        sofa.renal(D(20), "g/L"),
        sofa.renal(D(20), "g/L", D(600)),
        sofa.central_nervous_system(D(2)),
        sofa.central_nervous_system(D(16)),
        sofa.central_nervous_system(D("14.5")),
        news2.saturation(D(90), "3", True),
        news2.consciousness("X"),
        lungs.murray_chest(D(5)),
        lungs.murray_chest(D(-1)),
        lungs.murray_chest(D("1.5")),
        measures.fio2_from_flow(D(3)),
        measures.fio2_from_flow(D("-0.1")),
        measures.pao2_fio2(D(60), D("20.9")),
        measures.pao2_fio2(D(60), D("100.1")),
        measures.pao2_fio2(D(60), D("0.4")),
        measures.body_mass_index(D(60), D(0)),
        measures.predicted_body_weight("X", D(170)),
        days.ventilator_free_days(False, D("28.5")),
        days.ventilator_free_days(False, D(-1)),
    ):
        assert found.value is None
        assert found.missing == ()
        assert found.reason


SOFA_PARTS = (
    "respiration", "coagulation", "liver", "cardiovascular", "central_nervous_system", "renal",
)  # fmt: skip


@pytest.mark.parametrize("name", SOFA_PARTS)
def test_a_total_of_sofa_names_each_component_that_is_missing(name: str) -> None:
    known = dict.fromkeys(SOFA_PARTS, Derived(2))
    assert sofa.sofa_total(**known) == Derived(12)
    assert sofa.sofa_total(**{**known, name: Derived(None, missing=("x",))}) == Derived(None, missing=(name,))


def test_a_total_names_every_component_that_is_missing() -> None:
    unknown = {name: sofa.coagulation(None) for name in ("coagulation", "renal")}
    found = sofa.sofa_total(**{**dict.fromkeys(SOFA_PARTS, Derived(2)), **unknown})
    assert found == Derived(None, missing=("coagulation", "renal"))
    lacks = {**NEWS2_EXAMPLE, "pulse": news2.pulse(None)}
    assert news2.news2_total(**lacks).missing == news2.news2_risk(**lacks).missing == ("pulse",)
    assert lungs.murray_total({"peep": lungs.murray_peep(None), "chest": Derived(4)}).missing == ("peep",)


def test_the_second_scale_asks_about_oxygen_only_from_93_percent() -> None:
    assert news2.saturation(D(92), "2", None).value == 0
    assert news2.saturation(D(93), "2", None).missing == ("on_oxygen",)
    assert news2.saturation(None, None, True).missing == ("spo2_percent", "scale")
    assert news2.saturation(D(92), None, True).missing == ("scale",)
    assert news2.saturation(None, "1", True).missing == ("spo2_percent",)
    assert news2.oxygen(None).missing == ("on_oxygen",)
    assert news2.consciousness(None).missing == ("level",)


def news2_of(*points: int) -> Any:
    return news2.news2_risk(**dict(zip(NEWS2_EXAMPLE, map(Derived, points), strict=True))).value


def test_the_risk_follows_the_total_and_a_single_three() -> None:
    assert news2_of(0, 0, 0, 0, 0, 0, 0) == "LOW"
    assert news2_of(2, 2, 0, 0, 0, 0, 0) == "LOW"
    assert news2_of(3, 0, 0, 0, 0, 0, 0) == "LOW_MEDIUM"
    assert news2_of(0, 0, 0, 0, 0, 3, 1) == "LOW_MEDIUM"
    assert news2_of(2, 2, 1, 0, 0, 0, 0) == "MEDIUM"
    assert news2_of(3, 3, 0, 0, 0, 0, 0) == "MEDIUM"
    assert news2_of(3, 3, 1, 0, 0, 0, 0) == "HIGH"


ARDS: dict[str, Any] = {"within_a_week": True, "bilateral": True, "not_cardiac": True, "peep_cmh2o": D(5)}


@pytest.mark.parametrize(
    ("pf", "severity"),
    [
        ("300.1", "NONE"),
        ("300", "MILD"),
        ("200.1", "MILD"),
        ("200", "MODERATE"),
        ("100.1", "MODERATE"),
        ("100", "SEVERE"),
    ],
)
def test_the_berlin_definition_by_oxygenation(pf: str, severity: str) -> None:
    assert lungs.berlin(**ARDS, pf_mmhg=D(pf)) == Derived(severity)


@pytest.mark.parametrize("name", list(ARDS))
def test_one_condition_that_fails_decides_against_ards(name: str) -> None:
    others: dict[str, Any] = dict.fromkeys(ARDS)
    failing = {**others, name: D("4.9") if name == "peep_cmh2o" else False}
    assert lungs.berlin(**failing, pf_mmhg=None) == Derived("NONE")


@pytest.mark.parametrize("name", [*ARDS, "pf_mmhg"])
def test_the_berlin_definition_names_what_it_lacks(name: str) -> None:
    known = {**ARDS, "pf_mmhg": D(100), name: None}
    assert lungs.berlin(**known) == Derived(None, missing=(name,))


def test_altitude_needs_the_barometric_pressure_only_above_a_thousand_metres() -> None:
    assert lungs.pf_at_altitude(D(150), D(1001)).missing == ("barometric_mmhg",)
    assert lungs.pf_at_altitude(D(150), None).missing == ("altitude_m",)
    assert lungs.pf_at_altitude(None, D(5), None).missing == ("pf_mmhg",)


LOBES = ("right_upper", "right_middle", "right_lower", "left_upper", "left_lower")


def test_the_images_are_summed_over_their_parts() -> None:
    assert lungs.ct_severity(dict.fromkeys(LOBES, D(5))) == Derived(25)
    assert lungs.ct_severity(dict(zip(LOBES, map(D, range(5)), strict=True))) == Derived(10)
    assert lungs.cxr_severity({"right": D(4), "left": D(4)}) == Derived(8)
    assert lungs.cxr_severity({"right": D(0), "left": D(0)}) == Derived(0)


def test_a_part_that_was_not_read_is_named_and_one_out_of_range_refused() -> None:
    assert lungs.ct_severity({**dict.fromkeys(LOBES, D(1)), "left_lower": None}).missing == ("left_lower",)
    assert lungs.cxr_severity({"right": D(1), "left": None}).missing == ("left",)
    assert lungs.ct_severity({**dict.fromkeys(LOBES, D(1)), "left_lower": D(6)}).reason
    assert lungs.ct_severity({**dict.fromkeys(LOBES, D(1)), "left_lower": D(-1)}).reason
    assert lungs.cxr_severity({"right": D(5), "left": D(1)}).reason
    assert lungs.cxr_severity({"right": D(1)}).reason


@pytest.mark.parametrize(
    ("compute", "given", "names"),
    [
        (measures.pao2_fio2, (D(60), D(40)), ("pao2_mmhg", "fio2_percent")),
        (measures.spo2_fio2, (D(90), D(40)), ("spo2_percent", "fio2_percent")),
        (measures.mean_arterial_pressure, (D(120), D(80)), ("sbp_mmhg", "dbp_mmhg")),
        (measures.body_mass_index, (D(70), D(170)), ("weight_kg", "height_cm")),
        (measures.predicted_body_weight, ("M", D(170)), ("sex", "height_cm")),
    ],
)
def test_a_measure_names_each_value_it_lacks(compute: Any, given: Any, names: tuple[str, str]) -> None:
    for known in product((True, False), repeat=2):
        found = compute(*(value if has else None for value, has in zip(given, known, strict=True)))
        lacks = tuple(name for name, has in zip(names, known, strict=True) if not has)
        assert found.missing == lacks
        assert found.is_known is not bool(lacks)


@pytest.mark.parametrize(
    ("compute", "name"),
    [
        (measures.fio2_from_flow, "flow_l_per_min"),
        (news2.respiration_rate, "breaths_per_min"),
        (news2.systolic_pressure, "sbp_mmhg"),
        (news2.pulse, "beats_per_min"),
        (news2.temperature, "celsius"),
        (lungs.murray_chest, "quadrants"),
        (lungs.murray_oxygenation, "pf_mmhg"),
        (lungs.murray_peep, "peep_cmh2o"),
        (lungs.murray_compliance, "compliance_ml_per_cmh2o"),
    ],
)
def test_a_score_of_one_value_names_it_if_it_was_not_measured(compute: Any, name: str) -> None:
    assert compute(None) == Derived(None, missing=(name,))


def test_every_code_that_an_expression_may_use_is_one_that_the_scores_know() -> None:
    """A protocol file may compare a score with these codes, and give these codes to it."""
    oxygenation = ("301", "300", "200", "100")
    assert tuple(lungs.berlin(**ARDS, pf_mmhg=D(pf)).value for pf in oxygenation) == lungs.SEVERITIES
    assert {news2_of(*points) for points in product((0, 3), repeat=7)} <= set(news2.RISKS)
    risks = (news2_of(0, 0, 0, 0, 0, 0, 0), news2_of(3, 0, 0, 0, 0, 0, 0), news2_of(2, 2, 1, 0, 0, 0, 0))
    assert (*risks, news2_of(3, 3, 1, 0, 0, 0, 0)) == news2.RISKS
    assert all(measures.predicted_body_weight(sex, D(170)).is_known for sex in measures.SEXES)
    assert all(news2.saturation(D(95), scale, True).is_known for scale in news2.SCALES)
    assert [news2.saturation(D(95), scale, True).value for scale in news2.SCALES] == [1, 2]
    assert all(news2.consciousness(level).is_known for level in news2.LEVELS)
    assert all(found.is_known for found in (sofa.liver(D(20), unit) for unit in sofa.UNITS))


def test_death_leaves_no_ventilator_free_day_whatever_else_is_known() -> None:
    assert days.ventilator_free_days(True, None).value == 0
    assert days.ventilator_free_days(True, D(3)).value == 0
    assert days.ventilator_free_days(False, D(0)).value == 28
    assert days.ventilator_free_days(False, D(28)).value == 0
    assert days.ventilator_free_days(False, D(9)).value == 19
    assert days.ventilator_free_days(None, D(9)).missing == ("died_by_then",)
    assert days.ventilator_free_days(False, None).missing == ("ventilated",)
    assert days.ventilator_free_days(None, None).missing == ("died_by_then", "ventilated")
