"""Expectedness of a reaction by the reference safety information in force at its onset. Pure functions, no Django.

The result is a proposal: a person of drug safety decides (SAF-05).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from protocol.document.reference_safety import ReferenceSafety, term_key
from protocol.values.moments import Moment

FATAL_GRADE, LIFE_THREATENING_GRADE = 5, 4


class Ground(StrEnum):
    """Why a reaction is expected, unexpected or undecided."""

    NO_REFERENCE = "no_reference"
    NOT_LISTED = "not_listed"
    WITHIN_GRADE = "within_grade"
    ABOVE_GRADE = "above_grade"
    GRADE_MISSING = "grade_missing"
    VERSIONS_DIFFER = "versions_differ"


@dataclass(frozen=True, slots=True)
class Expectation:
    """Whether a reaction is expected (None: undecided), why, and by which versions of the reference.

    versions: one, or the several that may have been in force at a partial onset.
    """

    expected: bool | None
    ground: Ground
    versions: tuple[str, ...]


def severity(grade: int | None, *, fatal: bool, life_threatening: bool) -> int | None:
    """Return the grade that expectedness is judged by: a fatal event counts as 5, a life-threatening one as 4 at least.

    None if the grade is missing and nothing else decides.
    """
    if fatal:
        return FATAL_GRADE
    if life_threatening:
        return max(grade or LIFE_THREATENING_GRADE, LIFE_THREATENING_GRADE)
    return grade


def in_force(references: Sequence[ReferenceSafety], onset: Moment, zone: str) -> list[ReferenceSafety | None]:
    """Return the versions that may have been in force at an onset, oldest first; None for “none was yet”.

    references: by their day, the oldest first. A version counts from the first midnight of its day at the site.
    """
    onset = onset.placed(zone)
    starts = [Moment.from_date(each.effective, zone).earliest for each in references]
    possible: list[ReferenceSafety | None] = []
    if not starts or onset.earliest < starts[0]:
        possible.append(None)
    for reference, start, end in zip(references, starts, [*starts[1:], None], strict=False):
        if onset.latest >= start and (end is None or onset.earliest < end):
            possible.append(reference)
    return possible


def expectation(
    references: Sequence[ReferenceSafety],
    *,
    terms: Sequence[str],
    severity: int | None,
    onset: Moment,
    zone: str,
) -> Expectation:
    """Return whether a reaction is expected by the version in force at its onset.

    terms: the names of the event, such as the verbatim and the coded term: one that is listed is enough. Undecided
    without a version, without a grade where one decides, and if two versions may count and say different things.
    """
    possible = in_force(references, onset, zone)
    found = [_judged(each, {term_key(term) for term in terms}, severity) for each in possible]
    versions = tuple(each.version for each in possible if each is not None)
    if len({expected for expected, _ground in found}) > 1:
        return Expectation(None, Ground.VERSIONS_DIFFER, versions)
    # The latest version speaks if several agree.
    expected, ground = found[-1]
    return Expectation(expected, ground, versions)


def _judged(
    reference: ReferenceSafety | None, names: set[str], severity: int | None
) -> tuple[bool | None, Ground]:
    if reference is None:
        return None, Ground.NO_REFERENCE
    limit = max(_limits(reference, names), default=None)
    if limit is None:
        return False, Ground.NOT_LISTED
    if severity is None:
        return (True, Ground.WITHIN_GRADE) if limit == FATAL_GRADE else (None, Ground.GRADE_MISSING)
    return (True, Ground.WITHIN_GRADE) if severity <= limit else (False, Ground.ABOVE_GRADE)


def _limits(reference: ReferenceSafety, names: set[str]) -> Iterator[int]:
    for each in reference.terms:
        if any(term_key(name) in names for name in each.names):
            yield each.highest_grade
