"""Infusions and adverse events of patients, for the conditions of own questions and for columns beside the items.

A masked trial tells nothing by them: both arms are infused, and events are those that every member of the trial reads.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from dosing.models import Infusion
from outcomes.loading import event_rows, infusion_rows
from patients.casebook.casebook import day_of
from protocol.document.document import Protocol
from protocol.expressions.kinds import AllRows
from protocol.expressions.outcome_names import EVENTS, INFUSIONS
from safety.models import AdverseEvent

Course = Mapping[str, Any]
"""Of one patient, under the names of expressions without `subject.`: `infusions` and `events`, those that were read."""
INFUSIONS_HERE, EVENTS_HERE = INFUSIONS.partition(".")[2], EVENTS.partition(".")[2]


def courses_of(patients: Collection[int], rules: Protocol, names: Collection[str]) -> Mapping[int, Course]:
    """Return the course of each patient, as far as the names read it. A query for each of both names."""
    found: dict[int, dict[str, Any]] = {key: {} for key in patients}
    if INFUSIONS in names:
        given = infusion_rows(Infusion.objects.filter(patient__in=patients), rules)
        for key in patients:
            found[key][INFUSIONS_HERE] = AllRows(given.get(key, ()))
    if EVENTS in names:
        reported = event_rows(AdverseEvent.objects.filter(patient__in=patients), rules)
        for key in patients:
            found[key][EVENTS_HERE] = AllRows(event.values for event in reported.get(key, ()))
    return found


@dataclass(frozen=True, slots=True)
class CourseColumn:
    """A column beside the items. name: as it is stored with a question. reads: the name of an expression."""

    name: str
    label: str | Promise
    reads: str
    value: Callable[[Course, date | None, str], int | None]


def _infusions(course: Course, _on: date | None, _zone: str) -> int | None:
    return len(course[INFUSIONS_HERE])


def _days_since(course: Course, on: date | None, zone: str) -> int | None:
    if on is None:
        return None
    days = (each["started_at"].day_in(zone) for each in course[INFUSIONS_HERE] if "started_at" in each)
    before = [day for day in days if day is not None and day <= on]
    return (on - max(before)).days if before else None


def _events(course: Course, _on: date | None, _zone: str) -> int | None:
    return len(course[EVENTS_HERE])


def _serious(course: Course, _on: date | None, _zone: str) -> int | None:
    return sum(bool(each["serious"]) for each in course[EVENTS_HERE])


def _worst(course: Course, _on: date | None, _zone: str) -> int | None:
    return max((each["grade"] for each in course[EVENTS_HERE] if each["grade"]), default=None)


COLUMNS = (
    CourseColumn("patient.infusions", gettext_lazy("Infusions given to the patient"), INFUSIONS, _infusions),
    CourseColumn(
        "patient.days_since_infusion", gettext_lazy("Days since the last infusion"), INFUSIONS, _days_since
    ),
    CourseColumn("patient.events", gettext_lazy("Adverse events of the patient"), EVENTS, _events),
    CourseColumn("patient.serious_events", gettext_lazy("Serious events of the patient"), EVENTS, _serious),
    CourseColumn("patient.worst_grade", gettext_lazy("Worst grade of the patient"), EVENTS, _worst),
)
"""Days since the last infusion are those to the day of the visit; a row of a log has none."""


def course_columns(chosen: Iterable[str]) -> tuple[CourseColumn, ...]:
    """Return the chosen columns, in their order here. A name of another kind is left out."""
    wanted = set(chosen)
    return tuple(each for each in COLUMNS if each.name in wanted)


def add_courses(records: Sequence[Any], rules: Protocol, columns: Sequence[CourseColumn]) -> None:
    """Store at each record the values of the columns as `course`. At most two queries, none without columns."""
    courses = courses_of({each.patient_id for each in records}, rules, {each.reads for each in columns})
    zone = rules.trial.site.time_zone
    for record in records:
        on = day_of(record.visit) if record.visit else None
        record.course = {each.name: each.value(courses[record.patient_id], on, zone) for each in columns}
