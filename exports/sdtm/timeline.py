"""The time of one subject: study days, elements and epochs. Local ISO 8601 texts, partial ones too. No Django."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

DAY_LENGTH: Final = 10
SCREENING, TREATMENT, FOLLOW_UP = "SCREENING", "TREATMENT", "FOLLOW-UP"


def study_day(moment: str | None, reference: str | None) -> int | None:
    """Return the study day (--DY) of a moment; None unless both days are known. There is no day 0 (IG 3.4 §4.4.4)."""
    if not moment or not reference or len(moment) < DAY_LENGTH or len(reference) < DAY_LENGTH:
        return None
    days = (date.fromisoformat(moment[:DAY_LENGTH]) - date.fromisoformat(reference[:DAY_LENGTH])).days
    return days + 1 if days >= 0 else days


def is_before(moment: str, other: str) -> bool:
    """Return True if a moment surely is before another one; what only one of them tells does not decide."""
    shared = min(len(moment), len(other))
    return moment[:shared] < other[:shared]


def at_or_before(moment: str, other: str) -> bool:
    """Return True if a moment surely is not after another: a day without a time only on an earlier day."""
    if len(moment) < len(other):
        return moment < other[: len(moment)]
    return moment[: len(other)] <= other


@dataclass(frozen=True, slots=True)
class SubjectElement:
    """An element that a subject went through. ends: the start of the next one, empty while it lasts."""

    epoch: str
    starts: str
    ends: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Moments of one subject as local ISO 8601 texts, empty while unknown.

    consented: first consent or screening. first_dose, last_dose_end: of study treatment. treated: no infusion is to
    come. ended: end of participation. last_known: the last day known of a subject who takes part.
    """

    consented: str
    first_dose: str = ""
    last_dose_end: str = ""
    treated: bool = False
    ended: str = ""
    last_known: str = ""

    @property
    def reference(self) -> str:
        """Return the start of the reference period (RFSTDTC): the first dose."""
        return self.first_dose

    def day(self, moment: str | None) -> int | None:
        """Return the study day of a moment."""
        return study_day(moment, self.reference)

    @property
    def elements(self) -> tuple[SubjectElement, ...]:
        """Return the elements in their order."""
        return tuple(self._elements())

    def _elements(self) -> Iterator[SubjectElement]:
        yield SubjectElement(SCREENING, self.consented, self.first_dose or self.ended)
        if not self.first_dose:
            return
        over = self.last_dose_end if self.treated else ""
        yield SubjectElement(TREATMENT, self.first_dose, over or self.ended)
        if over and (not self.ended or is_before(over[:DAY_LENGTH], self.ended) or over[:10] == self.ended):
            yield SubjectElement(FOLLOW_UP, over, self.ended)

    def epoch(self, moment: str | None) -> str | None:
        """Return the epoch of a moment: the last element that had begun; None before the first one or without a day.

        A day without a time on which two elements meet belongs to the later one.
        """
        if not moment or len(moment) < DAY_LENGTH:
            return None
        begun = [each for each in self.elements if not is_before(moment, each.starts)]
        return begun[-1].epoch if begun else None
