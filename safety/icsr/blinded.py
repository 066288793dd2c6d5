"""A blinded case must not tell the treatment (ICS-04): no lot, no substance, no word of the arm in any text."""

import re
from collections.abc import Collection, Iterator
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any

from safety.icsr.case import IndividualCase
from safety.icsr.checking import Findings, Flaw

# Signs that XML 1.0 has no way to write.
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
SECTIONS = {
    "transmission": "N",
    "identity": "C.1",
    "sources": "C.2",
    "sender": "C.3",
    "study": "C.5",
    "patient": "D",
    "events": "E.i",
    "tests": "F.r",
    "drugs": "G.k",
    "narrative": "H",
}
# Elements of free texts, so that a word is found again; of the others the section is enough.
ELEMENT_OF = {
    ("CaseNarrative", "text"): "H.1",
    ("CaseNarrative", "reporter_comment"): "H.2",
    ("CaseNarrative", "sender_comment"): "H.4",
    ("CaseNarrative", "native_text"): "H.5.r.1a",
    ("CasePatient", "history"): "D.7.2",
    ("Reaction", "native_text"): "E.i.1.1a",
    ("Reaction", "translation"): "E.i.1.2",
    ("CaseTest", "comment"): "F.r.6",
    ("CaseDrug", "further_text"): "G.k.11",
    ("CaseStudy", "name"): "C.5.2",
}
STUDY_NAME = "C.5.2"
LEAST_TO_SPACE = 4
PARTS = re.compile(r"[^\W\d_]+|\d+")


def check(case: IndividualCase, found: Findings, secrets: Collection[str] = ()) -> None:
    """Add texts that XML cannot carry and, if the case is blinded, everything that tells the treatment."""
    hidden = [word for word in secrets if word.strip()] if case.blinded else []
    pattern = _pattern(tuple(sorted(hidden)))
    for element, text in _texts_of_elements(case):
        if UNWRITABLE.search(text):
            found.add(element, Flaw.UNPRINTABLE)
        # The name of the study is public, and the same in every arm.
        if pattern and element != STUDY_NAME and (named := pattern.search(text)):
            found.add(element, Flaw.NAMES_TREATMENT, named.group())
    for here, drug in zip(found.each(case.drugs), case.drugs, strict=True):
        if not drug.blinded:
            continue
        if drug.substances or drug.authorisation:
            here.add("G.k.2.3.r.1", Flaw.SHOWS_TREATMENT)
        if any(dose.lot for dose in drug.doses):
            here.add("G.k.4.r.7", Flaw.SHOWS_TREATMENT)
        # Cells are counted, a placebo is not: the dose alone tells the arm.
        if any(dose.dose.number for dose in drug.doses) or drug.cumulative.number:
            here.add("G.k.4.r.1a", Flaw.SHOWS_TREATMENT)


def named_in(text: str, words: Collection[str]) -> str:
    """Return the first of the words that a text holds by itself, as it is written there; empty without one."""
    pattern = _pattern(tuple(sorted(word for word in words if word.strip())))
    found = pattern.search(text) if pattern else None
    return found.group() if found else ""


@lru_cache(maxsize=64)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str] | None:
    """Return what finds each word by itself: lot `12` is not in `2012`, and `MSV-allo` is also `msv allo`."""
    found = [_spelt(word) for word in words]
    alternatives = "|".join(sorted(filter(None, found), key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE) if alternatives else None


def _spelt(word: str) -> str:
    """Return how a word may be written. A short code is found as it is written alone: bag `B-1` is not vitamin B1."""
    if sum(map(str.isalnum, word)) < LEAST_TO_SPACE:
        return re.escape(word.strip())
    return r"[\W_]{0,3}".join(map(re.escape, PARTS.findall(word)))


def _texts_of_elements(case: IndividualCase) -> Iterator[tuple[str, str]]:
    for name, section in SECTIONS.items():
        yield from _texts(getattr(case, name), section)


def _texts(value: Any, element: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield element, value
    elif is_dataclass(value):
        for each in fields(value):
            known = ELEMENT_OF.get((type(value).__name__, each.name), element)
            yield from _texts(getattr(value, each.name), known)
    elif isinstance(value, tuple | frozenset):
        for inner in value:
            yield from _texts(inner, element)
