"""Overall survival, and survival without invasive ventilation, as Kaplan-Meier curves (OUT-08)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from outcomes.statistics.survival import (
    KAPLAN_MEIER,
    KAPLAN_MEIER_MEDIAN,
    CurveStep,
    ObservedTime,
    at_risk_on,
    curve,
    median_time,
)
from reports.figures.shapes import Figure
from reports.figures.time_curves import AtRisk, TimeCurve, TimeFigure, TimePoint, time_figure
from reports.outcomes.words import method_words, number_words, percent_words
from reports.study_figures import times
from reports.study_figures.contract import (
    CodedCell,
    DataColumn,
    Drawing,
    DrawnFigure,
    FigureTable,
    FigureView,
    StudyFigure,
)
from reports.study_figures.course_data import StudyCourse, study_courses, support_log

COLUMNS = (
    DataColumn("curve", gettext_lazy("Curve")),
    DataColumn("part", gettext_lazy("Patients")),
    DataColumn("day", gettext_lazy("Day")),
    DataColumn("at_risk", gettext_lazy("At risk")),
    DataColumn("events", gettext_lazy("Events")),
    DataColumn("censored", gettext_lazy("Censored")),
    DataColumn("share", gettext_lazy("Share without event")),
    DataColumn("low", gettext_lazy("Lower limit")),
    DataColumn("high", gettext_lazy("Upper limit")),
)
PLACES = Decimal("0.0001")
NOBODY = gettext_lazy("No patient is included yet: there is no time to draw.")


@dataclass(frozen=True, slots=True)
class TimePart:
    """The patients of one curve: all, or those of a group or an arm. code: empty for all."""

    code: str
    label: str
    has: Callable[[StudyCourse], bool]


@dataclass(frozen=True, slots=True)
class SurvivalKind:
    """One of the survivals that are drawn: its name, whom it concerns, and the time of a patient."""

    name: str
    title: str | Promise
    concerns: Callable[[StudyCourse], bool]
    time: Callable[[StudyCourse], ObservedTime | None]


OVERALL = SurvivalKind("overall", gettext_lazy("Overall survival"), times.everybody, times.death)
VENTILATOR_FREE = SurvivalKind(
    "ventilator-free",
    gettext_lazy("Survival without invasive ventilation"),
    times.not_ventilated_at_inclusion,
    times.ventilation_or_death,
)


def parts_of(view: FigureView) -> list[TimePart]:
    """Return the curves of a figure: the arms for who may know how they do, else the groups, else all patients."""
    language = view.language
    if view.by_arm:
        return [
            TimePart(each.code, each.title.in_language(language), _of_arm(each.code))
            for each in view.rules.arms
        ]
    if view.rules.allocation is None and view.rules.groups:
        return [
            TimePart(each.code, each.title.in_language(language), _of_group(each.code))
            for each in view.rules.groups
        ]
    return [TimePart("", _("All patients"), times.everybody)]


def _of_arm(code: str) -> Callable[[StudyCourse], bool]:
    return lambda course: course.arm == code


def _of_group(code: str) -> Callable[[StudyCourse], bool]:
    return lambda course: course.group == code


def draw(view: FigureView) -> DrawnFigure:
    """Return both survivals; the second one only in a trial with a log of respiratory support."""
    courses, parts = study_courses(view), parts_of(view)
    kinds = [OVERALL, VENTILATOR_FREE] if support_log(view.rules) else [OVERALL]
    drawings, notes, rows = list[Drawing](), list[str](), list[Sequence[object]]()
    for kind in kinds:
        found = [(part, _times(courses, part, kind)) for part in parts]
        if not any(each.by_patient for _part, each in found):
            notes.extend(_left_out(kind, found))
            continue
        curves = [(part, list(each.by_patient.values())) for part, each in found if each.by_patient]
        drawings.append(Drawing(kind.name, str(kind.title), _figure(kind, curves)))
        notes.extend(_medians(kind, curves))
        notes.extend(_left_out(kind, found))
        rows.extend(row for part, observed in curves for row in _rows(kind, part, observed))
    if not courses:
        notes = []
    elif drawings:
        notes.extend(_explained(kinds))
    return DrawnFigure(
        table=FigureTable(COLUMNS, rows),  # type: ignore[arg-type]
        drawings=tuple(drawings),
        methods=tuple(map(method_words, (KAPLAN_MEIER, KAPLAN_MEIER_MEDIAN))) if drawings else (),
        notes=tuple(notes),
        why=""
        if drawings
        else str(NOBODY)
        if not courses
        else _("No patient has a time that is known to the day."),
        treatment=view.by_arm,
    )


def _times(courses: Sequence[StudyCourse], part: TimePart, kind: SurvivalKind) -> times.PatientTimes:
    return times.times_of((each for each in courses if part.has(each)), kind.concerns, kind.time)


def _figure(kind: SurvivalKind, curves: Sequence[tuple[TimePart, list[ObservedTime]]]) -> Figure:
    label = _("%(title)s by day from inclusion. Patients: %(patients)s. %(ends)s.") % {
        "title": kind.title,
        "patients": sum(len(observed) for _part, observed in curves),
        "ends": "; ".join(_end(part, curve(observed)) for part, observed in curves),
    }
    return time_figure(
        TimeFigure(
            label=label,
            axis=_("Days from inclusion"),
            share=_("%(title)s (%%), with 95 %% limits") % {"title": kind.title},
            risk=_("At risk"),
            curves=[
                TimeCurve(
                    label=part.label, begin=1.0, points=[_point(part, step) for step in curve(observed)],
                    until=max(each.day for each in observed),
                )
                for part, observed in curves
            ],
            at_risk=[AtRisk(label=part.label, on=_risk_of(observed)) for part, observed in curves],
        )
    )  # fmt: skip


def _risk_of(observed: Sequence[ObservedTime]) -> Callable[[int], int]:
    return lambda day: at_risk_on(observed, [day])[0]


def _end(part: TimePart, steps: Sequence[CurveStep]) -> str:
    told = {"part": part.label, "share": percent_words(float(steps[-1].share)), "day": steps[-1].day}
    return _("%(part)s %(share)s %% on day %(day)s") % told


def _point(part: TimePart, step: CurveStep) -> TimePoint:
    share = float(step.share)
    told = {
        "part": part.label, "day": step.day, "share": percent_words(share), "risk": step.at_risk,
        "limits": limits_words(step.low, step.high),
    }  # fmt: skip
    events = ngettext("%(count)s event", "%(count)s events", step.events) % {"count": step.events}
    censored = ngettext("%(count)s patient", "%(count)s patients", step.censored) % {"count": step.censored}
    return TimePoint(
        day=step.day,
        share=share,
        low=step.low,
        high=step.high,
        tip=_("%(part)s, day %(day)s: %(share)s %% (%(limits)s), %(events)s, %(risk)s at risk")
        % (told | {"events": events})
        if step.events
        else "",
        censored=_("%(part)s, day %(day)s: %(censored)s observed without the event to this day")
        % (told | {"censored": censored})
        if step.censored
        else "",
    )


def limits_words(low: float | None, high: float | None) -> str:
    """Return the limits of a share in per cent."""
    shown = {name: percent_words(value) for name, value in (("low", low), ("high", high))}
    return _("%(low)s to %(high)s %%") % shown


def rounded(share: float | None) -> Decimal | None:
    """Return a share with four decimals."""
    return None if share is None else Decimal(share).quantize(PLACES)


def _medians(kind: SurvivalKind, curves: Sequence[tuple[TimePart, list[ObservedTime]]]) -> Iterator[str]:
    for part, observed in curves:
        found = median_time(curve(observed))
        told = {
            "title": kind.title, "part": part.label, "median": number_words(found.value),
            "low": number_words(found.low), "high": number_words(found.high),
        }  # fmt: skip
        if found.value is None:
            yield _("%(title)s, %(part)s: the median is not reached.") % told
        else:
            yield _("%(title)s, %(part)s: median %(median)s days (%(low)s to %(high)s).") % told


def _left_out(kind: SurvivalKind, found: Sequence[tuple[TimePart, times.PatientTimes]]) -> Iterator[str]:
    number = sum(each.left_out for _part, each in found)
    if number:
        yield ngettext(
            "%(title)s: %(number)s patient is left out, because a day that decides is not known.",
            "%(title)s: %(number)s patients are left out, because a day that decides is not known.",
            number,
        ) % {"title": kind.title, "number": number}


def _explained(kinds: Sequence[SurvivalKind]) -> Iterator[str]:
    yield _(
        "A patient without the event is censored at the last contact or the last visit held, also one who withdrew or "
        "was lost to follow-up."
    )
    if VENTILATOR_FREE in kinds:
        yield _(
            "Survival without invasive ventilation concerns the patients without it at inclusion; who has no complete "
            "row of the log of respiratory support counts as without it."
        )


def _rows(
    kind: SurvivalKind, part: TimePart, observed: Sequence[ObservedTime]
) -> Iterator[tuple[object, ...]]:
    for step in curve(observed):
        yield (
            CodedCell(kind.name, kind.title), CodedCell(part.code or "all", part.label), step.day, step.at_risk,
            step.events, step.censored, rounded(float(step.share)), rounded(step.low), rounded(step.high),
        )  # fmt: skip


FIGURE = StudyFigure(
    key="survival",
    title=gettext_lazy("Survival"),
    question=gettext_lazy(
        "How many patients are alive, and alive without invasive ventilation, by which day?"
    ),
    draw=draw,
)
