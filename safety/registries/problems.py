"""Faults that a register would refuse, found before the file is made."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from protocol.values.refusals import gettext_noop as _
from safety.registries.organ_classes import organ_class
from safety.registries.rows import RegisterFacts
from safety.registries.table import EventTable, RegisterTerm


class RegisterFault(StrEnum):
    """Why a register would refuse the file."""

    NO_ARM = "no_arm"
    NOBODY_EXPOSED = "nobody_exposed"
    TITLE_LENGTH = "title_length"
    SAME_TITLE = "same_title"
    DESCRIPTION_LENGTH = "description_length"
    THRESHOLD = "threshold"
    TIME_FRAME = "time_frame"
    NO_ORGAN_CLASS = "no_organ_class"
    TERM_LENGTH = "term_length"
    VERSION = "version"


SENTENCES: dict[RegisterFault, str] = {
    RegisterFault.NO_ARM: _("There is no arm to report."),
    RegisterFault.NOBODY_EXPOSED: _("“%(about)s”: nobody had an infusion; a register needs one patient at risk."),
    RegisterFault.TITLE_LENGTH: _("“%(about)s”: the title of an arm has 4 to 62 characters."),
    RegisterFault.SAME_TITLE: _("“%(about)s”: two arms have this title."),
    RegisterFault.DESCRIPTION_LENGTH: _("“%(about)s”: shorten the description to the length that the register allows."),
    RegisterFault.THRESHOLD: _("“%(about)s”: the threshold is a number from 0 to 5 percent."),
    RegisterFault.TIME_FRAME: _("The time frame has 1 to 255 characters."),
    RegisterFault.NO_ORGAN_CLASS: _("“%(about)s”: code this term, its organ class of MedDRA is not known."),
    RegisterFault.TERM_LENGTH: _("“%(about)s”: a term has 2 to 100 characters."),
    RegisterFault.VERSION: _("“%(about)s”: the version of the dictionary has 1 to 10 characters."),
}  # fmt: skip
LONGEST_DESCRIPTION, LONGEST_ARM_DESCRIPTION = 350, 999


@dataclass(frozen=True)
class RegisterProblem:
    """One fault, and what it is about."""

    fault: RegisterFault
    about: str = ""


def problems(table: EventTable, facts: RegisterFacts) -> tuple[RegisterProblem, ...]:
    """Return the faults that the registers refuse, in the order of the file."""
    return (*_about_facts(facts), *_about_arms(table), *_about_terms((*table.serious, *table.non_serious)))


def _about_facts(facts: RegisterFacts) -> Iterator[RegisterProblem]:
    if len(facts.description) > LONGEST_DESCRIPTION:
        yield RegisterProblem(RegisterFault.DESCRIPTION_LENGTH, facts.description[:40])
    if not 1 <= len(facts.time_frame) <= 255:
        yield RegisterProblem(RegisterFault.TIME_FRAME)
    if not 1 <= len(facts.dictionary_version) <= 10:
        yield RegisterProblem(RegisterFault.VERSION, facts.dictionary_version)
    if not is_threshold(facts.threshold):
        yield RegisterProblem(RegisterFault.THRESHOLD, facts.threshold)


def is_threshold(text: str) -> bool:
    """Return whether a text is a percentage from 0 to 5."""
    try:
        percent = Decimal(text)
    except InvalidOperation:
        return False
    return percent.is_finite() and 0 <= percent <= 5


def _about_arms(table: EventTable) -> Iterator[RegisterProblem]:
    if not table.arms:
        yield RegisterProblem(RegisterFault.NO_ARM)
    titles = [arm.title for arm in table.arms]
    for arm in table.arms:
        if not arm.exposed:
            yield RegisterProblem(RegisterFault.NOBODY_EXPOSED, arm.title)
        # The schema allows two characters, the portal refuses fewer than four.
        if not 4 <= len(arm.title) <= 62:
            yield RegisterProblem(RegisterFault.TITLE_LENGTH, arm.title)
        if len(arm.description) > LONGEST_ARM_DESCRIPTION:
            yield RegisterProblem(RegisterFault.DESCRIPTION_LENGTH, arm.title)
    for title in sorted({each for each in titles if titles.count(each) > 1}):
        yield RegisterProblem(RegisterFault.SAME_TITLE, title)


def _about_terms(rows: tuple[RegisterTerm, ...]) -> Iterator[RegisterProblem]:
    for term, named in sorted({(row.term, row.organ_class) for row in rows}):
        if organ_class(named) is None:
            yield RegisterProblem(RegisterFault.NO_ORGAN_CLASS, term)
        if not 2 <= len(term) <= 100:
            yield RegisterProblem(RegisterFault.TERM_LENGTH, term)
