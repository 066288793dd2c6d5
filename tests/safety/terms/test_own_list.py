"""The own list of terms: synonyms, grades that exist, and what each grade means (SAF-02, SAF-10)."""

from collections import Counter

import pytest

from protocol.ctcae.laboratory_terms import TABLES
from safety.terms.own_list import grades_of, key_of, matching, same_term_key, term_of, wording
from safety.terms.own_terms import CHANGED_GRADES, TERMS


def test_no_name_stands_for_two_terms():
    names = {(key_of(name), term) for term, own in TERMS.items() for name in (term, *own.others)}
    times = Counter(key for key, _term in names)
    assert [key for key, number in times.items() if number > 1] == []


@pytest.mark.parametrize(
    ("typed", "term"),
    [
        ("Multiple organ failure", "Multi-organ failure"),
        ("multi organ  FAILURE", "Multi-organ failure"),
        ("pyrexia", "Fever"),
        ("fievre", "Fever"),
        ("Fièvre", "Fever"),
        ("ARDS", "Adult respiratory distress syndrome"),
        ("Broken arm", None),
        ("", None),
    ],
)
def test_a_typed_text_is_found_by_any_name(typed, term):
    assert term_of(typed) == term


def test_two_names_of_one_term_have_one_key():
    assert same_term_key("Multi-organ failure") == same_term_key("Multiple organ failure")
    assert same_term_key("Broken  arm") == same_term_key("broken arm")
    assert same_term_key("Broken arm") != same_term_key("Broken leg")
    assert same_term_key("?") != same_term_key("!")


def test_names_are_found_by_any_part_those_that_begin_with_it_first():
    assert matching("organ fail") == [
        ("Multi-organ failure", "Multi-organ failure"),
        ("Multiorgan failure", "Multi-organ failure"),
        ("Multiple organ failure", "Multi-organ failure"),
    ]
    assert matching("fev")[0] == ("Fever", "Fever")
    assert matching("a", most=3) == matching("a")[:3]
    assert matching(" ") == []


@pytest.mark.parametrize(
    ("term", "version", "grades"),
    [
        ("Anaphylactic shock", "5.0", (3, 4, 5)),
        ("Headache", "5.0", (1, 2, 3)),
        ("Hypoxia", "5.0", (2, 3, 4, 5)),
        ("Hypoxia", "6.0", (1, 2, 3, 4, 5)),
        ("Alkaline phosphatase increased", "6.0", (1,)),
        ("Acidosis", "5.0", (1, 3, 4, 5)),
        ("Broken arm", "5.0", (1, 2, 3, 4, 5)),
    ],
)
def test_the_grades_that_exist(term, version, grades):
    assert grades_of(term, version) == grades


def test_every_laboratory_term_is_in_the_list_with_the_grades_that_a_number_gives():
    for term, criteria in TABLES["5.0"].items():
        given = {
            grade
            for cuts in (*criteria.numbers.values(), criteria.times_limit)
            for grade in range(1, 5)
            if cuts[grade - 1]
        }
        assert given <= set(grades_of(term, "5.0")), term


def test_every_grade_of_every_term_has_a_wording():
    for version in ("5.0", "6.0"):
        for term in TERMS:
            assert all(wording(term, grade, version) for grade in grades_of(term, version))
    assert all(term in TERMS for changed in CHANGED_GRADES.values() for term in changed)


@pytest.mark.parametrize(
    ("term", "grade", "words"),
    [
        ("Alanine aminotransferase increased", 3, "more than 5 × the upper limit"),
        ("Anemia", 1, "less than 1 × the lower limit"),
        ("Anemia", 2, "< 100 g/L"),
        ("Anemia", 4, "life-threatening, needs urgent intervention"),
        ("Hyperkalemia", 4, "> 7 mmol/L"),
        ("Hypokalemia", 2, "moderate, simple treatment, or hinders daily tasks such as shopping"),
        ("Pyrexia", 3, "above 40.0 °C for at most 24 hours"),
        ("Anaphylaxis", 5, "death because of the event"),
    ],
)
def test_the_meaning_of_a_grade(term, grade, words):
    assert wording(term, grade, "5.0") == words
