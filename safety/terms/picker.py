"""The grades offered for an adverse event: those that exist for its term, with their wording (SAF-02)."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from safety.terms.own_list import grades_of, term_of, wording
from safety.terms.own_terms import TERMS

TITLES = {
    1: gettext_lazy("1 Mild"),
    2: gettext_lazy("2 Moderate"),
    3: gettext_lazy("3 Severe"),
    4: gettext_lazy("4 Life-threatening"),
    5: gettext_lazy("5 Death"),
}


def offered_grades(term: str, version: str) -> list[tuple[str, str]]:
    """Return code and title of each grade that exists for a term."""
    return [(str(grade), str(TITLES[grade])) for grade in grades_of(term, version)]


def grade_words(term: str, version: str) -> str:
    """Return what each grade of a term of the own list means; empty for any other term."""
    if term_of(term) is None:
        return ""
    return " · ".join(f"{grade}: {wording(term, grade, version, _)}" for grade in grades_of(term, version))


def missing_grade(term: str, version: str) -> str:
    """Return the message for a grade that does not exist for a term."""
    told = {
        "term": term_of(term) or term,
        "version": version,
        "grades": ", ".join(map(str, grades_of(term, version))),
    }
    return _("CTCAE %(version)s has these grades of “%(term)s”: %(grades)s.") % told


def own_names() -> list[tuple[str, str]]:
    """Return (name, term) of every name in the own list, for the list of suggestions."""
    return [(name, term) for term, own in TERMS.items() for name in (term, *own.others)]
