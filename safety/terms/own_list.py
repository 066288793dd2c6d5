"""The own list of terms: what a typed text is called there, and the grades and their wording. No Django.

Texts are compared without case, spaces, hyphens and accents, so that “Multi-organ failure” and “Multiple organ failure”
are one term. What was typed is never changed.
"""

import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from protocol.ctcae.criteria import HIGH, Criteria
from protocol.ctcae.laboratory_terms import criteria_of
from protocol.values.refusals import gettext_noop
from safety.terms.own_terms import ALL, CHANGED_GRADES, TERMS

GENERAL: Final[Mapping[int, str]] = {
    1: gettext_noop("mild, seen or felt but needs no treatment"),
    2: gettext_noop("moderate, simple treatment, or hinders daily tasks such as shopping"),
    3: gettext_noop("severe, hospital or longer stay, or hinders washing and eating"),
    4: gettext_noop("life-threatening, needs urgent intervention"),
    5: gettext_noop("death because of the event"),
}
SPECIAL: Final[Mapping[str, Mapping[int, str]]] = {
    "Infusion related reaction": {
        1: gettext_noop("mild and passing; the infusion goes on"),
        2: gettext_noop(
            "the infusion is interrupted, quick answer to treatment; medicines for at most 24 hours"
        ),
        3: gettext_noop("lasts, comes back after it improved, or leads to hospital"),
    },
    "Fever": {
        1: gettext_noop("38.0 to 39.0 °C"),
        2: gettext_noop("above 39.0 to 40.0 °C"),
        3: gettext_noop("above 40.0 °C for at most 24 hours"),
        4: gettext_noop("above 40.0 °C for more than 24 hours"),
    },
    "Hypotension": {
        1: gettext_noop("no symptoms, no treatment"),
        2: gettext_noop("treatment that is not urgent"),
        3: gettext_noop("medical intervention, or hospital"),
    },
    "Hypoxia": {
        1: gettext_noop("saturation below the normal limit without symptoms"),
        2: gettext_noop("saturation below 88 % on exertion, or oxygen from time to time"),
        3: gettext_noop("saturation below 88 % or PaO₂ at most 55 mmHg at rest, or oxygen all the time"),
        4: gettext_noop("airway threatened; tube or tracheotomy"),
    },
    "Allergic reaction": {
        1: gettext_noop("no systemic treatment"),
        2: gettext_noop("treatment by mouth"),
        3: gettext_noop("bronchospasm, treatment into a vein, or hospital"),
    },
    "Anaphylaxis": {
        3: gettext_noop("bronchospasm with symptoms, oedema or low pressure; treatment by injection"),
    },
    "Cytokine release syndrome": {
        1: gettext_noop("fever, with or without general symptoms"),
        2: gettext_noop("low pressure that answers to fluids, or low-flow oxygen"),
        3: gettext_noop("low pressure held by one vasopressor, or high-flow oxygen"),
    },
    "Thromboembolic event": {
        1: gettext_noop("superficial, no treatment"),
        2: gettext_noop("treatment indicated"),
        3: gettext_noop("urgent treatment"),
        4: gettext_noop("circulation or brain unstable"),
    },
}
TIMES_UPPER = gettext_noop("more than %(factor)s × the upper limit")
TIMES_LOWER = gettext_noop("less than %(factor)s × the lower limit")


def key_of(text: str) -> str:
    """Return a text without case, accents, spaces and punctuation."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in plain if each.isalnum())


@cache
def _by_key() -> dict[str, str]:
    return {key_of(name): term for term, own in TERMS.items() for name in (term, *own.others)}


def term_of(text: str) -> str | None:
    """Return the term of the own list that a typed text names, or None."""
    return _by_key().get(key_of(text))


def names_of(text: str) -> tuple[str, ...]:
    """Return a typed text with all names of the term of the own list that it names."""
    term = term_of(text)
    return (text,) if term is None else (text, term, *TERMS[term].others)


def same_term_key(text: str) -> str:
    """Return a key that is the same for every name of one term, and for one text however it is spaced."""
    return key_of(term_of(text) or text) or text.strip()


def grades_of(text: str, version: str) -> tuple[int, ...]:
    """Return the grades that exist for a typed term; all of them for one that the list does not have."""
    term = term_of(text)
    if term is None:
        return ALL
    return CHANGED_GRADES.get(version, {}).get(term, TERMS[term].grades)


def matching(text: str, most: int = 12) -> list[tuple[str, str]]:
    """Return (name, term) of the names that contain a text, those that begin with it first."""
    key = key_of(text)
    if not key:
        return []
    found = [
        (name, term) for term, own in TERMS.items() for name in (term, *own.others) if key in key_of(name)
    ]
    return sorted(found, key=lambda pair: (not key_of(pair[0]).startswith(key), pair))[:most]


def wording(text: str, grade: int, version: str, translate: Callable[[str], str] = str) -> str:
    """Return the meaning of a grade in our own words: the number of a laboratory term, else a description."""
    term = term_of(text)
    if term is not None:
        if special := SPECIAL.get(term, {}).get(grade):
            return translate(special)
        if (criteria := criteria_of(term, version)) is not None and (
            words := _numbers(criteria, grade, translate)
        ):
            return words
    return translate(GENERAL[grade])


def _numbers(criteria: Criteria, grade: int, translate: Callable[[str], str]) -> str:
    """Return where a grade of a laboratory term begins; empty for a grade that no number gives."""
    if grade > len(criteria.times_limit):
        return ""
    for family, cuts in criteria.numbers.items():
        if cut := cuts[grade - 1]:
            sign = ">" if criteria.worse is HIGH else "<"
            return f"{sign} {cut} {family.partition(' ')[0]}"
    if factor := criteria.times_limit[grade - 1]:
        return translate(TIMES_UPPER if criteria.worse is HIGH else TIMES_LOWER) % {"factor": factor}
    return ""
