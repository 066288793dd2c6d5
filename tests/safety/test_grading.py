"""Grades of laboratory results by limits, baseline and unit; results beyond a limit of detection (LAB-02 to LAB-05)."""

from decimal import Decimal

import pytest

from protocol.ctcae.laboratory_terms import criteria_of
from protocol.values.intervals import Interval
from safety.grading import CannotGrade, grade

ALT = "Alanine aminotransferase increased"
CREATININE = "Creatinine increased"


@pytest.mark.parametrize(
    ("term", "version", "sentence"),
    [
        ("Lymphopenia", "6.0", "“Lymphopenia” has no numeric grades in CTCAE version 6.0."),
        (
            "Lymphocyte count decreased",
            "6.0",
            "“Lymphocyte count decreased” has no numeric grades in CTCAE version 6.0.",
        ),
        ("CPK increased", "6.0", "“CPK increased” has no numeric grades in CTCAE version 6.0."),
        ("Hyperglycemia", "5.0", "“Hyperglycemia” has no numeric grades in CTCAE version 5.0."),
        ("Thrombocytopenia", "5.0", "“Thrombocytopenia” has no numeric grades in CTCAE version 5.0."),
        ("Headache", "5.0", "“Headache” has no numeric grades in CTCAE version 5.0."),
        (ALT, "4.03", "Results cannot be graded by CTCAE version 4.03: there is no table of it."),
    ],
)
def test_a_term_without_numeric_grades_is_refused(term, version, sentence):
    with pytest.raises(CannotGrade) as refused:
        grade(term, Decimal(1), unit="10^9/L", low=Decimal(1), high=Decimal(2), version=version)
    assert str(refused.value) == sentence
    assert criteria_of(term, version) is None


@pytest.mark.parametrize(
    ("term", "value", "unit", "limits", "wanted"),
    [
        ("Anemia", "70", "g/L", {}, 3),
        ("Anemia", "90", "g/L", {}, 2),
        ("Anemia", "100", "g/L", {}, "Cannot grade: no lower limit of the laboratory."),
        ("Anemia", "200", "g/L", {"high": 180}, "Cannot grade: no lower limit of the laboratory."),
        ("Hyperkalemia", "5.6", "mmol/L", {}, 2),
        ("Hyperkalemia", "5.5", "mmol/L", {"low": 3}, "Cannot grade: no upper limit of the laboratory."),
        ("Hypokalemia", "2.9", "mmol/L", {}, 3),
        ("Hypokalemia", "3.0", "mmol/L", {}, "Cannot grade: no lower limit of the laboratory."),
        ("Fibrinogen decreased", "0.49", "g/L", {}, 4),
        ("Fibrinogen decreased", "0.49", "g/L", {"baseline": 1}, 4),
        ("Fibrinogen decreased", "0.5", "g/L", {}, "Cannot grade: no lower limit of the laboratory."),
        (
            "Fibrinogen decreased",
            "0.5",
            "g/L",
            {"baseline": 1},
            "Cannot grade: no lower limit of the laboratory.",
        ),
        (ALT, "500", "U/L", {"low": 5}, "Cannot grade: no upper limit of the laboratory."),
        (ALT, "500", "U/L", {"baseline": 60}, "Cannot grade: no upper limit of the laboratory."),
        (CREATININE, "400", "umol/L", {"baseline": 100}, "Cannot grade: no upper limit of the laboratory."),
        ("Lymphocyte count increased", "3", "10^9/L", {}, 0),
    ],
)
def test_a_missing_limit_that_decides_is_never_guessed(term, value, unit, limits, wanted):
    """LAB-03: “cannot grade”, never 0; a number that decides alone needs no limit."""
    known = {name: Decimal(limit) for name, limit in limits.items()}
    if isinstance(wanted, int):
        assert grade(term, Decimal(value), unit=unit, **known) == wanted
        return
    with pytest.raises(CannotGrade) as refused:
        grade(term, Decimal(value), unit=unit, **known)
    assert str(refused.value) == wanted


def test_a_baseline_without_its_limit_is_used_where_both_readings_agree():
    """Creatinine of version 6.0: the lower limit tells whether multiples of the baseline count."""
    known = {"unit": "umol/L", "high": Decimal(100), "baseline": Decimal(50), "version": "6.0"}
    assert grade(CREATININE, Decimal(160), **{**known, "baseline": Decimal(70)}) == 2
    with pytest.raises(CannotGrade, match="no lower limit"):
        grade(CREATININE, Decimal(90), **known)


@pytest.mark.parametrize(
    ("result", "wanted"),
    [
        ("<0.5", 4),
        ("<=0.5", "Cannot grade: ≤0.5 may be grade 3 to 4."),
        ("≤0.4", 4),
        ("<0.6", "Cannot grade: <0.6 may be grade 3 to 4."),
        (">2", 0),
        ("≥2", 0),
        (">1.99", "Cannot grade: >1.99 may be grade 0 to 1."),
        ("> 1,99", "Cannot grade: >1.99 may be grade 0 to 1."),
        ("1.0", 2),
        ("none", "Cannot grade: a result, limit or baseline is below zero or no number."),
        ("<0", "Cannot grade: a result, limit or baseline is below zero or no number."),
        (Interval(Decimal("0.5"), Decimal(1), True, False), 3),
        (Interval(Decimal("0.5"), Decimal(1), True, True), "Cannot grade: ≥0.5 ≤1 may be grade 2 to 3."),
        (Interval(Decimal("0.5"), Decimal("0.9"), False, True), 3),
        (Interval(Decimal("0.49"), Decimal("0.5"), False, False), 4),
        (Interval(None, Decimal("0.4")), 4),
    ],
)
def test_a_result_beyond_a_limit_of_detection_is_graded_only_if_every_number_has_the_grade(result, wanted):
    if isinstance(wanted, int):
        assert grade("Neutrophil count decreased", result, unit="10^9/L", low=Decimal(2)) == wanted
        return
    with pytest.raises(CannotGrade) as refused:
        grade("Neutrophil count decreased", result, unit="10^9/L", low=Decimal(2))
    assert str(refused.value) == wanted


@pytest.mark.parametrize(
    ("term", "result", "unit", "wanted"),
    [
        ("Hypertriglyceridemia", ">11.4", "mmol/L", 4),
        ("Hypertriglyceridemia", ">=11.4", "mmol/L", None),
        ("Hypertriglyceridemia", "≥11.5", "mmol/L", 4),
        ("Hypertriglyceridemia", "<1.71", "mmol/L", 0),
        ("Hypertriglyceridemia", "≤1.71", "mmol/L", None),
        ("Leukocytosis", ">100", "10^9/L", 3),
        ("Leukocytosis", "≥100", "10^9/L", None),
        ("Leukocytosis", "<100", "10^9/L", 0),
        ("Leukocytosis", "≤100", "10^9/L", 0),
    ],
)
def test_an_interval_of_a_term_that_worsens_upwards(term, result, unit, wanted):
    if wanted is None:
        with pytest.raises(CannotGrade, match="may be grade"):
            grade(term, result, unit=unit)
    else:
        assert grade(term, result, unit=unit) == wanted


def test_an_interval_that_falls_on_an_inclusive_multiple_of_the_baseline():
    """A fall of exactly 25 % is grade 2; a result just above 0.75 of the baseline is grade 1."""
    known = {"unit": "g/L", "low": Decimal(4), "baseline": Decimal(3)}
    assert grade("Fibrinogen decreased", Interval(Decimal("2.25"), Decimal("2.5"), False, True), **known) == 1
    with pytest.raises(CannotGrade, match="grade 1 to 2"):
        grade("Fibrinogen decreased", Interval(Decimal("2.25"), Decimal("2.5"), True, True), **known)


@pytest.mark.parametrize(
    ("term", "baseline", "limits", "wanted"),
    [
        (ALT, Interval(None, Decimal(40), False, True), {"high": 40}, 1),
        (ALT, Interval(None, Decimal(41), False, False), {"high": 40}, None),
        (ALT, Interval(Decimal(30), None), {"high": 40}, None),
        (ALT, Interval(None, Decimal(10)), {}, None),
        ("Fibrinogen decreased", Interval(Decimal(60), None), {"low": 60}, 0),
        ("Fibrinogen decreased", Interval(Decimal(59), None), {"low": 60}, None),
        ("Fibrinogen decreased", Interval(None, Decimal(99)), {"low": 60}, None),
        (CREATININE, Interval(None, Decimal(10)), {"high": 40}, None),
        ("CPK increased", Interval(None, Decimal(10)), {"high": 40}, 1),
        ("CPK increased", Decimal(0), {"high": 40}, 1),
    ],
)
def test_a_baseline_beyond_a_limit_of_detection_counts_only_where_it_is_surely_normal(
    term, baseline, limits, wanted
):
    known = {name: Decimal(limit) for name, limit in limits.items()}
    unit = "g/L" if term == "Fibrinogen decreased" else "U/L"
    if wanted is None:
        with pytest.raises(CannotGrade, match="baseline lies beyond a limit of detection"):
            grade(term, Decimal(70), unit=unit, baseline=baseline, **known)
    else:
        assert grade(term, Decimal(70), unit=unit, baseline=baseline, **known) == wanted


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        ({"value": Decimal(-1)}, "below zero"),
        ({"value": Decimal("NaN")}, "below zero"),
        ({"value": Decimal("Infinity")}, "below zero"),
        ({"high": Decimal(0)}, "below zero"),
        ({"high": Decimal("NaN")}, "below zero"),
        ({"low": Decimal(-1)}, "below zero"),
        ({"low": Decimal("NaN")}, "below zero"),
        ({"baseline": Decimal(0)}, "below zero"),
        ({"baseline": Decimal("NaN")}, "below zero"),
        ({"baseline": Decimal(-3)}, "below zero"),
        ({"low": Decimal("40.1")}, "lower limit is above"),
    ],
)
def test_an_impossible_result_or_limit_is_refused(known, sentence):
    asked = {"value": Decimal(80), "unit": "U/L", "high": Decimal(40), **known}
    with pytest.raises(CannotGrade, match=sentence):
        grade(ALT, asked.pop("value"), **asked)


def test_limits_that_meet_and_a_lower_limit_of_zero_are_accepted():
    assert grade(ALT, Decimal(0), unit="U/L", low=Decimal(0), high=Decimal(40)) == 0
    assert grade(ALT, Decimal(41), unit="U/L", low=Decimal(40), high=Decimal(40)) == 1


def test_a_whole_number_is_a_result_and_a_double_is_none():
    assert grade("Anemia", 70, unit="g/L") == 3
    with pytest.raises(TypeError, match="a result is a Decimal, not float"):
        grade("Anemia", 70.0, unit="g/L")


@pytest.mark.parametrize(
    ("term", "unit", "sentence"),
    [
        ("Anemia", "mg/kg", "“Anemia” cannot be graded in mg/kg: give the result in g/L, mmol/L."),
        ("Anemia", "", "“Anemia” cannot be graded in –: give the result in g/L, mmol/L."),
        ("Hyperkalemia", "mg/dL", "“Hyperkalemia” cannot be graded in mg/dL: give the result in mmol/L."),
    ],
)
def test_a_unit_of_another_kind_is_refused(term, unit, sentence):
    with pytest.raises(CannotGrade) as refused:
        grade(term, Decimal(5), unit=unit, low=Decimal(1), high=Decimal(2))
    assert str(refused.value) == sentence
