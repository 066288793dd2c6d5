"""Weaning from invasive ventilation with death as a competing event: cumulative incidence, Aalen-Johansen (OUT-08)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from outcomes.statistics.survival import AALEN_JOHANSEN, CurveStep, ObservedTime, at_risk_on, curve
from protocol.document.document import Protocol
from reports.figures.shapes import Figure
from reports.figures.time_curves import AtRisk, TimeCurve, TimeFigure, TimePoint, time_figure
from reports.outcomes.words import method_words, percent_words
from reports.study_figures import times
from reports.study_figures.contract import (
    Cell,
    CodedCell,
    DataColumn,
    Drawing,
    DrawnFigure,
    FigureTable,
    FigureView,
    StudyFigure,
)
from reports.study_figures.course_data import study_courses, support_log
from reports.study_figures.survival import limits_words, rounded

COLUMNS = (
    DataColumn("event", gettext_lazy("Event")),
    DataColumn("day", gettext_lazy("Day")),
    DataColumn("at_risk", gettext_lazy("At risk")),
    DataColumn("events", gettext_lazy("Events")),
    DataColumn("competing", gettext_lazy("Competing events")),
    DataColumn("censored", gettext_lazy("Censored")),
    DataColumn("incidence", gettext_lazy("Cumulative incidence")),
    DataColumn("low", gettext_lazy("Lower limit")),
    DataColumn("high", gettext_lazy("Upper limit")),
)
WEANED, DIED = gettext_lazy("Weaned"), gettext_lazy("Died on ventilation")
OTHER = {times.EVENT: times.COMPETING, times.COMPETING: times.EVENT, times.CENSORED: times.CENSORED}


def draw(view: FigureView) -> DrawnFigure:
    """Return the incidence of weaning and of death before it, of all patients ventilated at inclusion."""
    courses = study_courses(view)
    found = times.times_of(courses, times.ventilated_at_inclusion, times.weaning_or_death)
    observed = list(found.by_patient.values())
    left_out = tuple(_left_out(found.left_out))
    if not observed:
        why = _("No patient was on invasive ventilation at inclusion, as the complete rows of the log say.")
        told = _("No patient on invasive ventilation at inclusion has a time that is known to the day.")
        table = FigureTable(COLUMNS, ())
        return DrawnFigure(table=table, notes=left_out, why=told if found.left_out else why)
    # The same times with the causes exchanged give the incidence of death.
    swapped = [replace(each, cause=OTHER[each.cause]) for each in observed]
    both = [("weaned", WEANED, curve(observed)), ("died", DIED, curve(swapped))]
    return DrawnFigure(
        table=FigureTable(COLUMNS, [row for code, label, steps in both for row in _rows(code, label, steps)]),
        drawings=(Drawing("weaning", _("Weaning from invasive ventilation"), _figure(observed, both)),),
        methods=(method_words(AALEN_JOHANSEN),),
        notes=(
            *left_out,
            _(
                "Patients on invasive ventilation at inclusion. Weaned: their ventilation ended alive and did not "
                "begin again within two days. Who was not weaned is observed to the last contact or the last visit "
                "held."
            ),
        ),
    )


def _figure(
    observed: list[ObservedTime], both: Sequence[tuple[str, Promise | str, list[CurveStep]]]
) -> Figure:
    until = max(each.day for each in observed)
    told = {"patients": len(observed), "ends": _ends(both)}
    label = (
        _("Weaning from invasive ventilation by day from inclusion. Patients: %(patients)s. %(ends)s.") % told
    )
    return time_figure(
        TimeFigure(
            label=label,
            axis=_("Days from inclusion"),
            share=_("Cumulative incidence (%), with 95 % limits"),
            risk=_("On ventilation"),
            curves=[
                TimeCurve(
                    label=str(name), begin=0.0, points=[_point(name, step) for step in steps], until=until
                )
                for _code, name, steps in both
            ],
            at_risk=[AtRisk(label=_("All patients"), on=lambda day: at_risk_on(observed, [day])[0])],
        )
    )


def _ends(both: Sequence[tuple[str, Promise | str, list[CurveStep]]]) -> str:
    """Return both incidences at their last day."""
    return "; ".join(
        _("%(event)s %(share)s %%") % {"event": name, "share": percent_words(float(steps[-1].incidence))}
        for _code, name, steps in both
    )


def _point(name: str | Promise, step: CurveStep) -> TimePoint:
    incidence = float(step.incidence)
    told = {
        "event": name, "day": step.day, "share": percent_words(incidence), "risk": step.at_risk,
        "limits": limits_words(step.incidence_low, step.incidence_high),
    }  # fmt: skip
    censored = ngettext("%(count)s patient", "%(count)s patients", step.censored) % {"count": step.censored}
    return TimePoint(
        day=step.day,
        share=incidence,
        low=step.incidence_low,
        high=step.incidence_high,
        tip=_("%(event)s, day %(day)s: %(share)s %% (%(limits)s), %(risk)s at risk") % told
        if step.events
        else "",
        censored=_("Day %(day)s: %(censored)s observed on ventilation to this day")
        % (told | {"censored": censored})
        if step.censored
        else "",
    )


def _left_out(number: int) -> Iterator[str]:
    if number:
        yield ngettext(
            "%(number)s patient is left out: the end of the ventilation or the death is not known to the day.",
            "%(number)s patients are left out: the end of the ventilation or the death is not known to the day.",
            number,
        ) % {"number": number}


def _rows(code: str, label: str | Promise, steps: Sequence[CurveStep]) -> Iterator[tuple[Cell, ...]]:
    for step in steps:
        yield (
            CodedCell(code, label), step.day, step.at_risk, step.events, step.competing, step.censored,
            rounded(float(step.incidence)), rounded(step.incidence_low), rounded(step.incidence_high),
        )  # fmt: skip


def _offered(rules: Protocol) -> bool:
    return support_log(rules) is not None


FIGURE = StudyFigure(
    key="weaning",
    title=gettext_lazy("Weaning from invasive ventilation"),
    question=gettext_lazy(
        "How many patients ventilated at inclusion are weaned by which day, and how many die before?"
    ),
    draw=draw,
    offered=_offered,
)
