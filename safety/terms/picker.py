"""The terms suggested for an adverse event, and the grades that exist for one, with their wording (SAF-02).

They come from the full CTCAE, if a release of the trial's version is loaded, and else from the own list.
"""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from safety.dictionaries.models import Dictionary, DictionaryTerm
from safety.terms.own_list import grades_of, key_of, term_of, wording
from safety.terms.own_terms import TERMS

TITLES = {
    1: gettext_lazy("1 Mild"),
    2: gettext_lazy("2 Moderate"),
    3: gettext_lazy("3 Severe"),
    4: gettext_lazy("4 Life-threatening"),
    5: gettext_lazy("5 Death"),
}


@dataclass(frozen=True, slots=True)
class OfferedGrades:
    """The grades of a term in the version of the trial, as a form offers them.

    choices: code and title of each grade. words: what each means; empty for a term that no list has. missing: the
    message for a grade that does not exist.
    """

    choices: list[tuple[str, str]]
    words: str
    missing: str


def offered(term: str, version: str) -> OfferedGrades:
    """Return the grades that exist for a term: by the loaded release of CTCAE, else by the own list. One query.

    A term of neither has every grade. No query without a term.
    """
    of_release = _of_release(term, version) if term.strip() else None
    grades = grades_of(term, version) if of_release is None else of_release
    words = ""
    if of_release is not None or term_of(term) is not None:
        words = " · ".join(f"{grade}: {wording(term, grade, version, _)}" for grade in grades)
    told = {"term": term_of(term) or term, "version": version, "grades": ", ".join(map(str, grades))}
    missing = _("CTCAE %(version)s has these grades of “%(term)s”: %(grades)s.") % told
    return OfferedGrades([(str(grade), str(TITLES[grade])) for grade in grades], words, missing)


def _of_release(term: str, version: str) -> tuple[int, ...] | None:
    """Return the grades of a term in the loaded release, by its name there or another name of the own list.

    None without a release of this version, and for a term that it does not have.
    """
    rows = DictionaryTerm.objects.filter(
        dictionary__kind=Dictionary.Kind.CTCAE, dictionary__version=version, is_current=True,
        key=key_of(term_of(term) or term),
    )  # fmt: skip
    grades = rows.exclude(grades="").values_list("grades", flat=True).first()
    return None if grades is None else tuple(int(grade) for grade in grades)


def names(version: str) -> list[tuple[str, str]]:
    """Return (name, term) of every name of the own list, and of every other term of the loaded release. One query."""
    own = [(name, term) for term, known in TERMS.items() for name in (term, *known.others)]
    release = DictionaryTerm.objects.filter(
        dictionary__kind=Dictionary.Kind.CTCAE, dictionary__version=version, is_current=True
    )
    known = {key_of(name) for name, _term in own}
    loaded = release.order_by("name").values_list("name", flat=True)
    return own + [(name, name) for name in loaded if key_of(name) not in known]
