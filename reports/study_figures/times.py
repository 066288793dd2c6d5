"""Times to death, to ventilation or death, and to weaning of each patient, in days from inclusion. No queries.

What cannot be placed on a day (a death known by its month, a spell of ventilation without its start) leaves a patient
out; how many are left out is part of the result.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from outcomes.statistics.survival import ObservedTime
from reports.study_figures.course_data import StudyCourse, SupportSpell

CENSORED, EVENT, COMPETING = 0, 1, 2
REINTUBATION_DAYS = 2
"""A new spell of invasive support that begins within so many days of the last one continues it."""


@dataclass(frozen=True, slots=True)
class PatientTimes:
    """The times of the patients whom a figure concerns, and how many of these it leaves out."""

    by_patient: dict[str, ObservedTime]
    left_out: int


def times_of(
    courses: Iterable[StudyCourse], concerns: Callable[[StudyCourse], bool],
    time: Callable[[StudyCourse], ObservedTime | None],
) -> PatientTimes:  # fmt: skip
    """Return the times of the patients whom a figure concerns. time: returns None if a day is not known."""
    found = {each.code: time(each) for each in courses if concerns(each)}
    known = {code: observed for code, observed in found.items() if observed is not None}
    return PatientTimes(known, len(found) - len(known))


def everybody(_course: StudyCourse) -> bool:
    """Return True: every included patient counts."""
    return True


def ventilated_at_inclusion(course: StudyCourse) -> bool:
    """Return True if invasive support covers the day of inclusion."""
    return _at_inclusion(course) is not None


def not_ventilated_at_inclusion(course: StudyCourse) -> bool:
    """Return True if no invasive support covers the day of inclusion."""
    return _at_inclusion(course) is None


def death(course: StudyCourse) -> ObservedTime | None:
    """Return the time to death; without it the last day on which the patient was known to be alive."""
    if course.dead:
        return _timed(course.died, EVENT)
    return _timed(course.observed, CENSORED)


def ventilation_or_death(course: StudyCourse) -> ObservedTime | None:
    """Return the time to the first invasive support or to death, whichever comes first."""
    spells = [each for each in course.spells if each.invasive]
    if any(each.start is None for each in spells):
        return None
    starts = [each.start for each in spells if each.start is not None and each.start > 0]
    ends = death(course)
    if ends is None:
        return _timed(min(starts), EVENT) if starts and not course.dead else None
    if starts and (ends.cause == CENSORED or min(starts) <= ends.day):
        return _timed(min(starts), EVENT)
    return ends


def weaning_or_death(course: StudyCourse) -> ObservedTime | None:
    """Return the time to the end of the invasive support at inclusion; death before it competes."""
    spell = _at_inclusion(course)
    if spell is None:
        return None
    last = _continued(spell, course)
    if last.end is None:
        if not last.open:
            return None
        if course.dead:
            return _timed(course.died, COMPETING)
        return _timed(course.observed, CENSORED)
    if course.dead and course.died is None and not last.by_death:
        return None
    if last.by_death or (course.died is not None and course.died <= last.end):
        return _timed(last.end if course.died is None else min(course.died, last.end), COMPETING)
    return _timed(last.end, EVENT)


def _at_inclusion(course: StudyCourse) -> SupportSpell | None:
    """Return the first spell of invasive support that covers the day of inclusion."""
    for each in course.spells:
        begun = each.start is not None and each.start <= 0
        if each.invasive and begun and (each.end is None or each.end >= 0):
            return each
    return None


def _continued(spell: SupportSpell, course: StudyCourse) -> SupportSpell:
    """Return the last of the spells that follow each other without weaning between them."""
    for each in course.spells:
        if not each.invasive or each.start is None or spell.end is None or each is spell:
            continue
        goes_on = spell.start is not None and spell.start <= each.start <= spell.end + REINTUBATION_DAYS
        if goes_on and (each.end is None or each.end >= spell.end):
            spell = each
    return spell


def _timed(day: int | None, cause: int) -> ObservedTime | None:
    return None if day is None else ObservedTime(max(0, day), cause)
