"""A blinded case must not tell the treatment (ICS-04): no lot, no substance, no word of the arm in any text."""

import re
from collections.abc import Collection, Iterator
from dataclasses import fields, is_dataclass
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


def check(case: IndividualCase, found: Findings, secrets: Collection[str] = ()) -> None:
    """Add texts that XML cannot carry and, if the case is blinded, everything that tells the treatment."""
    hidden = [word.casefold() for word in secrets if word.strip()] if case.blinded else []
    for section, text in _sections(case):
        if UNWRITABLE.search(text):
            found.add(section, Flaw.UNPRINTABLE)
        lower = text.casefold()
        if any(_names(word, lower) for word in hidden):
            found.add(section, Flaw.SHOWS_TREATMENT)
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


def _names(word: str, text: str) -> bool:
    """Return whether a text holds the word by itself: lot `12` is not in `2012`."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def _sections(case: IndividualCase) -> Iterator[tuple[str, str]]:
    for name, section in SECTIONS.items():
        for text in _texts(getattr(case, name)):
            yield section, text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif is_dataclass(value):
        for each in fields(value):
            yield from _texts(getattr(value, each.name))
    elif isinstance(value, tuple | frozenset):
        for inner in value:
            yield from _texts(inner)
