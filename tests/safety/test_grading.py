"""CTCAE grades of laboratory results: each threshold at, just below and just above it (LAB-02 to LAB-05)."""

from decimal import Decimal

import pytest

from protocol.ctcae.criteria import HIGH, LOW
from protocol.ctcae.laboratory_terms import criteria_of
from protocol.values.intervals import Interval
from safety.grading import CannotGrade, LabGrade, grade, printed

ALT = "Alanine aminotransferase increased"
CREATININE = "Creatinine increased"

# unit, lower limit, upper limit, baseline: values with the grade that was read by hand from the published table.
BOTH_VERSIONS = {
    "Anemia": [
        ("g/L", 120, None, None, "130=0 120=0 119.9=1 100=1 99.9=2 80=2 79.9=3 10=3 0=3"),
        ("g/dL", 12, None, None, "12=0 11.99=1 10=1 9.99=2 8=2 7.99=3"),
        ("mmol/L", "7.4", None, None, "7.4=0 7.39=1 6.2=1 6.19=2 4.9=2 4.89=3"),
        ("g/L", 90, None, None, "101=0 100=0 99.9=2"),
    ],
    "Leukocytosis": [
        ("10^9/L", None, None, None, "0=0 100=0 100.001=3 900=3"),
        ("/mm3", None, None, None, "100000=0 100001=3"),
    ],
    "White blood cell decreased": [
        ("10^9/L", 4, None, None, "4=0 3.999=1 3=1 2.999=2 2=2 1.999=3 1=3 0.999=4 0=4")
    ],
    "Lymphocyte count increased": [
        ("10^9/L", None, None, None, "0=0 4=0 4.001=2 20=2 20.001=3 300=3"),
        ("/mm3", None, None, None, "4000=0 4001=2 20000=2 20001=3"),
    ],
    "CD4 lymphocytes decreased": [
        ("10^9/L", "0.6", None, None, "0.6=0 0.599=1 0.5=1 0.499=2 0.2=2 0.199=3 0.05=3 0.049=4"),
        ("/mm3", 600, None, None, "600=0 599=1 500=1 499=2 200=2 199=3 50=3 49=4"),
        ("cells/uL", 600, None, None, "500=1 499=2"),
    ],
    "Activated partial thromboplastin time prolonged": [
        ("s", None, 40, None, "40=0 40.1=1 60=1 60.1=2 100=2 100.1=3 500=3")
    ],
    "Fibrinogen decreased": [
        ("g/L", 4, None, None, "4=0 3.99=1 3=1 2.99=2 2=2 1.99=3 1=3 0.99=4 0.5=4 0.49=4"),
        ("g/L", "1.6", None, None, "0.5=3 0.499=4 0.4=4"),
        ("mg/dL", 160, None, None, "160=0 159=1 120=1 119=2 80=2 79=3 50=3 49.9=4"),
        ("g/L", 4, None, 3, "3=0 2.99=1 2.2501=1 2.25=2 1.5001=2 1.5=3 0.7501=3 0.75=4"),
        ("g/L", 4, None, 4, "3.99=1 3=1 2.99=2"),
    ],
    "Blood lactate dehydrogenase increased": [("U/L", None, 250, None, "250=0 250.1=1 9000=1")],
    "Acidosis": [("pH", "7.35", None, None, "7.35=0 7.349=1 7.3=1 7.299=3 6.8=3")],
    "Alkalosis": [("pH", None, "7.45", None, "7.45=0 7.451=1 7.5=1 7.501=3 7.8=3")],
    "Hyperkalemia": [
        ("mmol/L", None, 5, None, "5=0 5.01=1 5.5=1 5.51=2 6=2 6.01=3 7=3 7.01=4"),
        ("mEq/L", None, 5, None, "5.5=1 5.51=2"),
    ],
    "Hypokalemia": [("mmol/L", "3.5", None, None, "3.5=0 3.49=1 3=1 2.99=3 2.5=3 2.49=4")],
    "Hypernatremia": [("mmol/L", None, 145, None, "145=0 145.1=1 150=1 150.1=2 155=2 155.1=3 160=3 160.1=4")],
    "Hyponatremia": [
        ("mmol/L", 135, None, None, "135=0 134.9=1 134=1 130=1 129=2 125=2 124=3 120=3 119=4 119.9=4")
    ],
    "Hypoalbuminemia": [
        ("g/L", 35, None, None, "35=0 34.9=1 30=1 29.9=2 20=2 19.9=3 1=3"),
        ("g/dL", "3.5", None, None, "3=1 2.99=2 2=2 1.99=3"),
    ],
    "Hypoglycemia": [
        ("mmol/L", "3.9", None, None, "3.9=0 3.89=1 3=1 2.99=2 2.2=2 2.19=3 1.7=3 1.69=4"),
        ("mg/dL", 70, None, None, "70=0 69=1 55=1 54=2 40=2 39=3 30=3 29=4"),
    ],
    "Hypertriglyceridemia": [
        ("mmol/L", None, None, None, "1.70=0 1.71=1 3.42=1 3.43=2 5.7=2 5.71=3 11.4=3 11.41=4"),
        ("mg/dL", None, None, None, "149=0 150=1 300=1 301=2 500=2 501=3 1000=3 1001=4"),
    ],
    "Hypercalcemia": [
        ("mmol/L", None, "2.6", None, "2.6=0 2.61=1 2.9=1 2.91=2 3.1=2 3.11=3 3.4=3 3.41=4"),
        ("mg/dL", None, "10.4", None, "10.4=0 10.5=1 11.5=1 11.6=2 12.5=2 12.6=3 13.5=3 13.6=4"),
    ],
    "Hypocalcemia": [
        ("mmol/L", "2.2", None, None, "2.2=0 2.19=1 2=1 1.99=2 1.75=2 1.74=3 1.5=3 1.49=4"),
        ("mg/dL", "8.8", None, None, "8.8=0 8.7=1 8=1 7.9=2 7=2 6.9=3 6=3 5.9=4"),
    ],
    "Hypomagnesemia": [
        ("mmol/L", "0.7", None, None, "0.7=0 0.69=1 0.5=1 0.49=2 0.4=2 0.39=3 0.3=3 0.29=4"),
        ("mg/dL", "1.7", None, None, "1.7=0 1.6=1 1.2=1 1.1=2 0.9=2 0.8=3 0.7=3 0.6=4"),
    ],
}
LIVER = [
    ("U/L", None, 40, None, "40=0 40.1=1 120=1 120.1=2 200=2 200.1=3 800=3 800.1=4"),
    ("U/L", None, 40, 40, "120=1 120.1=2"),
]
DUCT = ("U/L", None, 100, 90, "100=0 100.1=1 250=1 250.1=2 500=2 500.1=3 2000=3 2000.1=4")
BILIRUBIN = ("umol/L", None, 20, 15, "20=0 20.1=1 30=1 30.1=2 60=2 60.1=3 200=3 200.1=4")
INR = [("ratio", None, None, None, "1=0 1.2=0 1.21=1 1.5=1 1.51=2 2.5=2 2.51=3 9=3")]
VERSION_5 = {
    "Platelet count decreased": [
        ("10^9/L", 150, None, None, "150=0 149=1 75=1 74.9=2 50=2 49.9=3 25=3 24.9=4 20=4")
    ],
    "Neutrophil count decreased": [
        ("10^9/L", 2, None, None, "2=0 1.99=1 1.5=1 1.49=2 1=2 0.99=3 0.5=3 0.49=4"),
        ("/mm3", 2000, None, None, "1500=1 1499=2 1000=2 999=3 500=3 499=4"),
    ],
    "Lymphocyte count decreased": [
        ("10^9/L", 1, None, None, "1=0 0.99=1 0.8=1 0.79=2 0.5=2 0.49=3 0.2=3 0.19=4")
    ],
    ALT: [*LIVER, ("U/L", None, 40, 60, "60=0 89.9=0 90=1 180=1 180.1=2 300=2 300.1=3 1200=3 1200.1=4")],
    "Aspartate aminotransferase increased": [
        *LIVER,
        ("U/L", None, 40, 60, "89.9=0 90=1 180=1 180.1=2 300=2 300.1=3 1200=3 1200.1=4"),
    ],
    "Alkaline phosphatase increased": [
        DUCT,
        ("U/L", None, 100, 200, "399=0 400=1 500=1 501=2 1000=2 1001=3 4000=3 4001=4"),
    ],
    "GGT increased": [DUCT, ("U/L", None, 100, 200, "399=0 400=1 500=1 501=2 1000=2 1001=3 4000=3 4001=4")],
    "Blood bilirubin increased": [
        BILIRUBIN,
        ("umol/L", None, 20, 40, "40=0 40.1=1 60=1 60.1=2 120=2 120.1=3 400=3 400.1=4"),
    ],
    CREATININE: [
        ("umol/L", None, 100, None, "100=0 100.1=1 150=1 150.1=2 300=2 300.1=3 600=3 600.1=4"),
        ("umol/L", None, 100, 50, "75=0 75.1=2 150=2 150.1=3 600=3 600.1=4"),
        ("umol/L", None, 100, 160, "160=2 300=2 300.1=3 240.1=2"),
    ],
    "CPK increased": [
        ("U/L", None, 200, None, "200=0 200.1=1 500=1 500.1=2 1000=2 1000.1=3 2000=3 2000.1=4")
    ],
    "INR increased": INR,
}
VERSION_6 = {
    "Thrombocytopenia": [("10^9/L", 150, None, None, "150=0 149=1 75=1 74.9=2 50=2 49.9=3 20=3 10=3 9.9=4")],
    "Platelet count decreased": [("10^9/L", 150, None, None, "149=1 20=3 9.9=4")],
    "Neutrophil count decreased": [
        ("10^9/L", None, None, None, "1.5=0 1.49=1 1=1 0.99=2 0.5=2 0.49=3 0.1=3 0.09=4")
    ],
    ALT: [*LIVER, ("U/L", None, 40, 60, "59.9=0 60=1 90=1 90.1=2 120=2 120.1=3 240=3 240.1=4")],
    "Aspartate aminotransferase increased": [
        *LIVER,
        ("U/L", None, 40, 60, "59.9=0 60=1 90=1 90.1=2 120=2 120.1=3 240=3 240.1=4"),
    ],
    "Alkaline phosphatase increased": [
        ("U/L", None, 100, None, "100=0 100.1=1 9000=1"),
        ("U/L", None, 100, 90, "95=0 100=0 100.1=1"),
        ("U/L", None, 100, 200, "150=0 200=0 200.1=1"),
    ],
    "GGT increased": [DUCT, ("U/L", None, 100, 200, "199=0 200=1 300=1 301=2 600=2 601=3 2000=3 2001=4")],
    "Blood bilirubin increased": [
        BILIRUBIN,
        ("umol/L", None, 20, 40, "39.9=0 40=1 60=1 60.1=2 100=2 100.1=3 400=3 400.1=4"),
    ],
    CREATININE: [
        ("umol/L", 60, 100, None, "100=0 100.1=1 150=1 150.1=2 300=2 300.1=3 600=3 600.1=4"),
        ("umol/L", 60, 100, 60, "90.1=0 100.1=1 180.1=2"),
        ("umol/L", 60, 100, 50, "75=0 75.1=2 150=2 150.1=3 600=3 600.1=4"),
    ],
    "INR increased": INR,
    "Hyperglycemia": [
        ("mmol/L", None, 6, None, "6=0 6.1=1 8.9=1 8.91=2 13.9=2 13.91=3 27.8=3 27.81=4"),
        ("mg/dL", None, 110, None, "110=0 111=1 160=1 161=2 250=2 251=3 500=3 501=4"),
    ],
}
LIMIT = {"LLN": "low", "ULN": "high"}


def number(value):
    return None if value is None else Decimal(value)


def cases():
    for version, tables in {"5.0": (BOTH_VERSIONS, VERSION_5), "6.0": (BOTH_VERSIONS, VERSION_6)}.items():
        for table in tables:
            for term, rows in table.items():
                for unit, low, high, baseline, pairs in rows:
                    for pair in pairs.split():
                        value, _sign, wanted = pair.partition("=")
                        yield version, term, unit, low, high, baseline, value, int(wanted)


@pytest.mark.parametrize("version", ["5.0", "6.0"])
def test_each_threshold_divides_two_grades(version):
    """LAB-04: at, just below and just above each threshold, of each term."""
    wrong = [
        (term, unit, value, wanted, found)
        for stated, term, unit, low, high, baseline, value, wanted in cases()
        if stated == version
        and (
            found := grade(
                term,
                Decimal(value),
                unit=unit,
                low=number(low),
                high=number(high),
                baseline=number(baseline),
                version=version,
            )
        )
        != wanted
    ]
    assert wrong == []


def test_version_5_has_the_28_laboratory_terms():
    assert len(BOTH_VERSIONS) + len(VERSION_5) == 28 + 3  # calcium, high and low, and magnesium beside them
    assert all(criteria_of(term, "5.0") for term in (*BOTH_VERSIONS, *VERSION_5))


def test_the_version_decides():
    """LAB-02: platelets of 20 are grade 4 in version 5.0 and grade 3 in version 6.0."""
    platelets = ("Platelet count decreased", Decimal(20))
    assert grade(*platelets, unit="10^9/L", version="5.0") == 4
    assert grade(*platelets, unit="10^9/L", version="6.0") == 3
    assert grade(*platelets, unit="10^9/L") == 4


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


@pytest.mark.parametrize(
    ("term", "value", "version", "wanted"),
    [
        ("Anemia", "110", "5.0", "Is a transfusion indicated? Then the grade is 3."),
        ("Anemia", "90", "5.0", "Is a transfusion indicated? Then the grade is 3."),
        (
            "Anemia",
            "70",
            "5.0",
            "Are the consequences life-threatening, or is an urgent intervention needed? Then the grade is 4.",
        ),
        ("Anemia", "130", "5.0", None),
        (
            "Hypokalemia",
            "3.2",
            "5.0",
            "Are there symptoms, or is a treatment indicated? Then the grade is 2.",
        ),
        ("Hypokalemia", "2.4", "5.0", None),
        ("Hyponatremia", "127", "5.0", "Are there symptoms? Then the grade is 3."),
        ("Hyponatremia", "132", "5.0", None),
        (
            "Activated partial thromboplastin time prolonged",
            "150",
            "5.0",
            "Is there bleeding? Then the grade is 3.",
        ),
        ("INR increased", "1.3", "6.0", "Is there bleeding? Then the grade is 3."),
        (
            "INR increased",
            "1.3",
            "5.0",
            "Is the patient on an anticoagulant? Then the multiple of the baseline decides.",
        ),
        ("INR increased", "1.1", "5.0", None),
        ("Platelet count decreased", "40", "5.0", None),
    ],
)
def test_symptoms_are_asked_and_never_guessed(term, value, version, wanted):
    """LAB-05: the grade from the number alone comes with the question that may change it."""
    unit = {"Anemia": "g/L", "Platelet count decreased": "10^9/L", "INR increased": "ratio"}.get(
        term, "mmol/L"
    )
    low, high = (Decimal(120), Decimal(140)) if term != "Hypokalemia" else (Decimal("3.5"), Decimal(5))
    low = Decimal(135) if term == "Hyponatremia" else low
    found = grade(term, Decimal(value), unit=unit, low=low, high=high, version=version)
    assert found.ask == wanted


@pytest.mark.parametrize(
    ("term", "unit", "version", "wanted"),
    [
        ("Hyperkalemia", "mmol/L", "5.0", {"5.2": "2.", "5.6": "3.", "6.5": "4.", "7.5": ""}),
        ("Hypernatremia", "mmol/L", "6.0", {"147": "2.", "152": "3.", "158": "4.", "161": ""}),
        ("Hypercalcemia", "mmol/L", "5.0", {"2.7": "2.", "3": "3.", "3.3": "4.", "3.5": ""}),
        ("Hypocalcemia", "mmol/L", "5.0", {"2.1": "2.", "1.8": "3.", "1.6": "4.", "1.4": ""}),
        ("Leukocytosis", "10^9/L", "5.0", {"90": "", "101": "4."}),
        ("Thrombocytopenia", "10^9/L", "6.0", {"140": "3.", "60": "3.", "40": "4.", "9": ""}),
        ("Hyperglycemia", "mmol/L", "6.0", {"7": "no grade.", "10": "no grade.", "20": "4.", "30": ""}),
    ],
)
def test_each_question_names_the_grade_that_it_may_give(term, unit, version, wanted):
    limits = {"Hypernatremia": (135, 145), "Hypocalcemia": ("2.2", "2.6"), "Hypercalcemia": ("2.2", "2.6")}
    low, high = map(Decimal, limits.get(term, (150, 400) if term == "Thrombocytopenia" else (3, 5)))
    for value, ending in wanted.items():
        ask = grade(term, Decimal(value), unit=unit, low=low, high=high, version=version).ask
        assert (ask or "")[-len(ending) :] == ending if ending else ask is None, value


@pytest.mark.parametrize(
    ("value", "baseline", "wanted"),
    [
        ("2.6", "2", "grade 1."),
        ("3.1", "2", "grade 2."),
        ("2", "2", "grade 0."),
        ("3.0", "2", "grade 1."),
        ("5", "2", "grade 2."),
        ("5.1", "2", None),
        ("1.3", "1.2", None),
        ("1.3", "1.21", None),
        ("1.21", "1.21", "grade 0."),
        ("1.7", "1.2", None),
        ("1.7", "1.21", "grade 1."),
    ],
)
def test_an_anticoagulant_is_asked_for_where_the_baseline_was_raised(value, baseline, wanted):
    found = grade("INR increased", Decimal(value), unit="ratio", baseline=Decimal(baseline))
    assert (found.ask or "").endswith(wanted or "")
    assert bool(found.ask) is bool(wanted)


def test_a_bounded_inr_asks_nothing_about_its_multiple():
    assert grade("INR increased", ">9", unit="ratio", baseline=Decimal(2)).ask is None


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (lambda: grade("Anemia", Decimal("70"), unit="g/L"), "70 < 80 g/L"),
        (lambda: grade("Anemia", Decimal("130"), unit="g/L", low=Decimal(120)), "130 g/L reaches no grade."),
        (
            lambda: grade(ALT, Decimal("130.0"), unit="U/L", high=Decimal(40)),
            "130.0 > 120 U/L: 3 × the upper limit",
        ),
        (
            lambda: grade(ALT, Decimal("90"), unit="U/L", high=Decimal(40), baseline=Decimal(60)),
            "90 ≥ 90 U/L: 1.5 × the baseline",
        ),
        (lambda: grade("Hypertriglyceridemia", Decimal(150), unit="mg/dL"), "150 ≥ 150 mg/dL"),
        (
            lambda: grade("Acidosis", Decimal("7.32"), unit="pH", low=Decimal("7.35")),
            "7.32 < 7.35 pH: 1 × the lower limit",
        ),
        (
            lambda: grade(
                "Fibrinogen decreased", Decimal(1), unit="g/L", low=Decimal(4), baseline=Decimal(2)
            ),
            "1 ≤ 1 g/L: 0.5 × the baseline",
        ),
        (lambda: grade("Neutrophil count decreased", "<0.5", unit="10^9/L"), "<0.5 < 0.5 10^9/L"),
        (lambda: grade("Leukocytosis", "≥100.5", unit="10^9/L"), "≥100.5 > 100 10^9/L"),
        (lambda: grade("Leukocytosis", Decimal(200000), unit="/mm3"), "200000 > 100000 /mm3"),
    ],
)
def test_the_reason_names_the_bound_that_was_reached(found, reason):
    """LAB-01: the criterion is shown with the suggested grade."""
    assert found().reason == reason


def test_the_reason_is_written_in_the_language_of_the_reader():
    found = grade("Hyperkalemia", Decimal("5.6"), unit="mmol/L")
    turned = {"%(value)s %(sign)s %(bound)s %(unit)s": "%(bound)s %(unit)s %(sign)s %(value)s"}
    assert found.reason_in(turned.__getitem__, "fr") == "5,5 mmol/L > 5,6"
    assert grade("Anemia", Decimal(90), unit="g/L").ask_in(lambda _text: "Transfusion ?") == "Transfusion ?"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (
            lambda: grade(
                CREATININE,
                Interval(Decimal(100), Decimal(160), True, True),
                unit="umol/L",
                high=Decimal(100),
                baseline=Decimal(60),
            ),
            "≥100 ≤160 > 90 umol/L: 1.5 × the baseline",
        ),
        (
            lambda: grade("Fibrinogen decreased", "≤0.6", unit="g/L", low=Decimal(4), baseline=Decimal(3)),
            "≤0.6 ≤ 0.75 g/L: 0.25 × the baseline",
        ),
        (
            lambda: grade(
                CREATININE,
                Decimal(700),
                unit="umol/L",
                high=Decimal(100),
                baseline=Decimal(50),
                version="6.0",
            ),
            "700 > 600 umol/L: 6 × the upper limit",
        ),
        (
            lambda: grade(
                CREATININE,
                Decimal(310),
                unit="umol/L",
                high=Decimal(100),
                baseline=Decimal(50),
                version="6.0",
            ),
            "310 > 300 umol/L: 3 × the upper limit",
        ),
    ],
)
def test_the_reason_of_an_interval_is_the_bound_that_all_its_numbers_passed(found, reason):
    assert found().reason == reason


def test_a_grade_is_a_number_with_its_reason():
    found = grade("Anemia", Decimal(70), unit="g/L")
    assert isinstance(found, LabGrade)
    assert found.grade == 3
    assert type(found.grade) is int
    assert found > 2
    assert sorted([found, 1]) == [1, 3]


def test_the_direction_in_which_a_term_worsens():
    assert criteria_of(ALT, "5.0").worse is HIGH
    assert criteria_of("Platelet count decreased", "6.0").worse is LOW


@pytest.mark.parametrize(
    ("value", "language", "wanted"),
    [
        (Decimal("0.60"), "fr", "0,60"),
        (Interval(Decimal(0), Decimal("0.6"), True, False), "fr", "<0,6"),
        (Interval(None, Decimal("0.6"), False, True), "en", "≤0.6"),
        (Interval(Decimal(300), None, True, False), "en", "≥300"),
        (Interval(Decimal(300), Decimal(400), False, True), "en", ">300 ≤400"),
    ],
)
def test_a_result_is_printed_as_it_was_reported(value, language, wanted):
    assert printed(value, language) == wanted
