"""The page of grades over time: the worst grade of each patient on each study day, as heat map and table (SAF-14)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from patients.models import Patient
from patients.participation.milestones import infusion_days
from protocol.values.moments import Moment
from reports.events.courses import GradeSpan, spans_of_event, worst_by_day
from reports.figures.heat import HeatCell, HeatRow, heat_map
from reports.figures.shapes import Figure, day_ticks
from safety.labels import day as day_words
from safety.labels import day_zero
from safety.listing.filters import AdverseEventFilter
from safety.models import AdverseEvent, EventGrade
from trials.access import TrialRequest, trial_page
from trials.models import Trial
from trials.permissions import Permission as P

MOST_ROWS = 60
AT_MOST = 20_000


@dataclass(frozen=True, slots=True)
class PatientCourse:
    """One patient: the worst grade by day, and the study days of the infusions given."""

    patient: Patient
    spans: list[GradeSpan]
    infusions: list[int]

    @property
    def worst(self) -> int:
        """Return the worst grade of the patient."""
        return max(span.grade for span in self.spans)


@trial_page(see=P.SEE_TRIAL)
def grades(request: TrialRequest) -> HttpResponse:
    """Show the worst grade of each patient on each study day, over the events that pass the filters."""
    rows = AdverseEvent.objects.of(request.access).not_in_error()
    filters = AdverseEventFilter(request.GET, queryset=rows, trial=request.trial)
    valid = filters.is_valid()
    events = filters.qs if valid else rows.none()
    too_many = events.order_by()[: AT_MOST + 1].count() > AT_MOST
    found = [] if too_many else courses_of(request.trial, events)
    shown = sorted(found, key=lambda each: (-each.worst, each.patient.number))[:MOST_ROWS]
    shown.sort(key=lambda each: each.patient.number)
    context = {
        "figure": _figure(shown) if shown else None,
        "left_out": len(found) - len(shown),
        "too_many": too_many,
        "valid": valid,
        "courses": [(each.patient.code, _words(each)) for each in found],
        "kept": f"?{request.GET.urlencode()}",
    }
    return render(request, "reports/event_grades.html", context, status=200 if valid else 400)


def courses_of(trial: Trial, events: QuerySet[AdverseEvent]) -> list[PatientCourse]:
    """Return the courses of the patients with a day 0, by patient. Five queries, whatever the number of events."""
    given = list(
        events.order_by("patient_id", "number").only("patient_id", "onset", "end", "grade", "ongoing")
    )
    patients = Patient.objects.filter(trial=trial, pk__in={event.patient_id for event in given})
    known = {row.pk: row for row in patients.select_related("protocol").order_by("number")}
    for row in known.values():
        row.trial = trial
    infusions, changes = infusion_days(list(known.values())), _changes(trial)
    spans: dict[int, list[GradeSpan]] = defaultdict(list)
    for event in given:
        patient = known[event.patient_id]
        if (zero := day_zero(patient, trial.rules)) is not None:
            spans[patient.pk] += _spans(
                event, changes[event.pk], zero, _until(patient, trial), trial.time_zone
            )
    return [
        PatientCourse(row, worst_by_day(spans[key]), _since_zero(row, trial, infusions[key].values()))
        for key, row in known.items()
        if spans[key]
    ]


def _changes(trial: Trial) -> dict[int, list[tuple[Moment, int]]]:
    """Return by event since when it had which grade; nothing for an event whose grade never changed."""
    found: dict[int, list[tuple[Moment, int]]] = defaultdict(list)
    rows = EventGrade.objects.filter(event__trial=trial).in_force().order_by("number")
    for event, since, grade in rows.values_list("event_id", "since", "grade"):
        found[event].append((Moment.from_iso(since), grade))
    return found


def _spans(
    event: AdverseEvent, changes: list[tuple[Moment, int]], zero: date, until: date, zone: str
) -> list[GradeSpan]:
    """Return the spans of an event. A partial date counts from its first possible day to its last one."""
    onset, end = event.onset_moment.placed(zone).first_day, event.end_moment
    last = end.placed(zone).last_day if end else until
    steps = [(_number(since.placed(zone).first_day, zero), grade) for since, grade in changes]
    return spans_of_event(steps, _number(onset, zero), _number(max(onset, last), zero), event.grade)


def _number(on: date, zero: date) -> int:
    return on.toordinal() - zero.toordinal()


def _until(patient: Patient, trial: Trial) -> date:
    """Return the day up to which an event that goes on is drawn: the end of study, or today."""
    return patient.ended_on or trial.today


def _since_zero(patient: Patient, trial: Trial, days: Iterable[date]) -> list[int]:
    zero = day_zero(patient, trial.rules)
    return [] if zero is None else [_number(on, zero) for on in days]


def _figure(courses: Sequence[PatientCourse]) -> Figure:
    first = min(span.first for course in courses for span in course.spans)
    last = max(span.last for course in courses for span in course.spans)
    ticks = [(each, day_words(each)) for each in day_ticks(first, last)]
    rows = [
        HeatRow(
            course.patient.code,
            [HeatCell(span.first, span.last, span.grade, _tip(course, span)) for span in course.spans],
            [on for on in course.infusions if first <= on <= last],
        )
        for course in courses
    ]
    label = _("Worst grade on each study day, of %(patients)s patients; worst of all: grade %(grade)s.")
    return heat_map(
        rows,
        (first, last),
        ticks,
        label % {"patients": len(rows), "grade": max(each.worst for each in courses)},
    )


def _tip(course: PatientCourse, span: GradeSpan) -> str:
    told = {"patient": course.patient.code, "grade": span.grade, "first": day_words(span.first)}
    if span.first == span.last:
        return _("%(patient)s: grade %(grade)s on %(first)s") % told
    return _("%(patient)s: grade %(grade)s from %(first)s to %(last)s") % {
        **told,
        "last": day_words(span.last),
    }


def _words(course: PatientCourse) -> str:
    """Return the spans of a patient as text: `grade 2 D3–D7; grade 3 D8`."""
    return "; ".join(
        _("grade %(grade)s %(days)s") % {"grade": span.grade, "days": _days(span)} for span in course.spans
    )


def _days(span: GradeSpan) -> str:
    first, last = day_words(span.first), day_words(span.last)
    return first if span.first == span.last else f"{first}–{last}"
