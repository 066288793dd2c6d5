"""The question that a grade asks, and the reason that it gives (LAB-02 to LAB-05)."""

from decimal import Decimal

import pytest

from protocol.ctcae.criteria import HIGH, LOW
from protocol.ctcae.laboratory_terms import criteria_of
from protocol.values.intervals import Interval
from safety.grading import LabGrade, grade, printed

ALT = "Alanine aminotransferase increased"
CREATININE = "Creatinine increased"


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
