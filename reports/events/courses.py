"""The worst grade of each patient on each study day, as spans of equal grade. No Django.

A grade lasts from its moment to the next one or to the end of the event. Days count from the patient's day 0.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class GradeSpan:
    """A grade from a first to a last study day, both included."""

    first: int
    last: int
    grade: int


def spans_of_event(changes: Iterable[tuple[int, int]], onset: int, end: int, worst: int) -> list[GradeSpan]:
    """Return the spans of one event. changes: (first day, grade) in their order; without one the worst grade holds.

    On the day of a change the higher of the two grades counts, as in every table of worst grades.
    """
    steps = sorted(changes) or [(onset, worst)]
    ends = [*(day for day, _grade in steps[1:]), max(end, steps[-1][0])]
    return [
        GradeSpan(first, max(first, last), grade) for (first, grade), last in zip(steps, ends, strict=True)
    ]


def worst_by_day(spans: Iterable[GradeSpan]) -> list[GradeSpan]:
    """Return the worst grade of several events day by day, in spans as long as possible, by first day."""
    given = list(spans)
    edges = sorted({edge for span in given for edge in (span.first, span.last + 1)})
    found: list[GradeSpan] = []
    for first, beyond in pairwise(edges):
        grades = [span.grade for span in given if span.first <= first and span.last + 1 >= beyond]
        if not grades:
            continue
        worst = max(grades)
        if found and found[-1].grade == worst and found[-1].last + 1 == first:
            found[-1] = GradeSpan(found[-1].first, beyond - 1, worst)
        else:
            found.append(GradeSpan(first, beyond - 1, worst))
    return found
