"""Properties of the grades: a worse value never has a lower grade, and the unit changes nothing (LAB-04)."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from protocol.ctcae.criteria import HIGH
from protocol.ctcae.laboratory_terms import RENAMED, TABLES, criteria_of
from protocol.values.intervals import Interval
from safety.grading import CannotGrade, grade

TERMS = st.sampled_from(
    [(term, version) for version, table in TABLES.items() for term in (*table, *RENAMED[version])]
).filter(lambda pair: pair != ("Lymphocyte count decreased", "6.0"))
NUMBERS = st.decimals(min_value="0", max_value="3000", places=3)
LIMITS = st.none() | st.decimals(min_value="0.001", max_value="400", places=3)
POWERS_OF_TEN = {
    "10^9/L": {"/uL": 3, "10^3/uL": 0, "/mm3": 3, "10^6/L": 3, "G/L": 0},
    "g/L": {"g/dL": -1, "mg/dL": 2, "mg/L": 3},
    "mmol/L": {"umol/L": 3, "mol/L": -3},
}


def unit_of(term, version):
    numbers = criteria_of(term, version).numbers
    return next(iter(numbers), "U/L").partition(" ")[0]


def graded(term, version, value, **known):
    """Return the grade, or None if there is none."""
    try:
        return grade(term, value, version=version, **{"unit": unit_of(term, version), **known}).grade
    except CannotGrade:
        return None


@given(TERMS, NUMBERS, NUMBERS, LIMITS, LIMITS, LIMITS)
def test_a_worse_value_never_has_a_lower_grade(pair, one, other, low, high, baseline):
    term, version = pair
    better, worse = sorted([one, other], reverse=criteria_of(term, version).worse is not HIGH)
    known = {"low": low, "high": high, "baseline": baseline}
    grades = graded(term, version, better, **known), graded(term, version, worse, **known)
    assert None in grades or grades[0] <= grades[1]


@given(TERMS, NUMBERS, LIMITS, LIMITS, LIMITS)
def test_a_missing_limit_never_changes_a_grade(pair, value, low, high, baseline):
    """What is graded without a limit is graded the same with any limit."""
    term, version = pair
    without = graded(term, version, value, baseline=baseline)
    known = graded(term, version, value, low=low, high=high, baseline=baseline)
    assert without is None or known is None or without == known


@given(TERMS, NUMBERS, LIMITS, LIMITS, LIMITS, st.data())
def test_the_unit_changes_no_grade(pair, value, low, high, baseline, data):
    term, version = pair
    unit = unit_of(term, version)
    other, power = data.draw(st.sampled_from(sorted(POWERS_OF_TEN.get(unit, {unit: 0}).items())))
    known = {"low": low, "high": high, "baseline": baseline}
    scaled = {name: None if number is None else number.scaleb(power) for name, number in known.items()}
    assert graded(term, version, value, **known) == graded(
        term, version, value.scaleb(power), **{**scaled, "unit": other}
    )


@given(TERMS, NUMBERS, NUMBERS, st.booleans(), st.booleans(), LIMITS, LIMITS, LIMITS)
def test_an_interval_has_a_grade_only_if_its_numbers_have_it(
    pair, one, other, first_in, last_in, low, high, baseline
):
    term, version = pair
    first, last = sorted([one, other])
    lies = Interval(first, last, first_in or first == last, last_in or first == last)
    known = {"low": low, "high": high, "baseline": baseline}
    found = graded(term, version, lies, **known)
    inside = [(first + last) / 2, first + Decimal("1e-9"), last - Decimal("1e-9")]
    inside += [first] * lies.low_in + [last] * lies.high_in
    numbers = [each for each in inside if first <= each <= last]
    if found is not None:
        assert {graded(term, version, each, **known) for each in numbers} == {found}
