"""Results of one laboratory test in all included patients, as the figures of the laboratory read them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils.translation import gettext as _

from patients.models import Patient, Record
from protocol.document.document import Protocol
from protocol.document.items import Item
from protocol.values.intervals import Interval, limit_of
from protocol.values.labels import headed
from reports.study_figures.contract import FigureChoice, FigureView
from safety.labels import day_zero
from safety.laboratory.results import LabResult, results_of
from trials.laboratories.ranges import items_with_ranges
from trials.models import ReferenceRange, Trial
from trials.reader import reader_language


@dataclass(frozen=True, slots=True)
class StudyResult:
    """One result. day: after day 0 of the patient. value: a limit of detection stands for what lies beyond it."""

    day: int
    value: Decimal
    result: LabResult


@dataclass(frozen=True, slots=True)
class PatientResults:
    """The results of one patient in the order of their samples, and the patient's study days of the infusions."""

    patient: Patient
    results: Sequence[StudyResult]


def items(rules: Protocol, *, graded: bool = False) -> dict[str, Item]:
    """Return the laboratory tests by path: those of the profile first. graded: only those with a CTCAE term."""
    measured = {**{path: rules.item(path) for path in rules.profile.labs}, **items_with_ranges(rules)}
    return {path: item for path, item in measured.items() if not item.masked and (item.ctcae or not graded)}


def choices(rules: Protocol, *, graded: bool = False) -> tuple[FigureChoice, ...]:
    """Return the tests as the choices of a figure, of several with one name each with its unit."""
    language = reader_language()
    offered = items(rules, graded=graded)
    named = Counter(item.label.in_language(language) for item in offered.values())

    def name(item: Item) -> str:
        label = item.label.in_language(language)
        return label if named[label] == 1 else title_of(item, language)

    return tuple(FigureChoice(path, name(item)) for path, item in offered.items())


def chosen_path(view: FigureView, *, graded: bool = False) -> str:
    """Return the path of the chosen test, of the first one without a choice; the figure is only offered with one."""
    return view.chosen or next(iter(items(view.rules, graded=graded)))


def first_with_ranges(trial: Trial) -> str:
    """Return the first graded test for which a laboratory of the trial gave ranges; empty without one. One query.

    A shift in multiples of the limit needs them: a test without any has its grades alone.
    """
    known = ReferenceRange.objects.filter(laboratory__trial=trial, in_error_reason="").order_by()
    paths = {f"{form}.{item}" for form, item in known.values_list("form", "item").distinct()}
    return next((path for path in items(trial.rules, graded=True) if path in paths), "")


def title_of(item: Item, language: str) -> str:
    """Return the name of a test with its unit: `CRP (mg/L)`."""
    return headed(item.label.in_language(language), item.unit, _)


def included(view: FigureView) -> list[Patient]:
    """Return the included patients in the order of their numbers. One query."""
    rows = list(Patient.objects.filter(trial=view.trial, enrolled_on__isnull=False).order_by("number"))
    for row in rows:
        row.trial = view.trial
    return rows


def results_in(view: FigureView, patients: Sequence[Patient], path: str) -> list[PatientResults]:
    """Return the results of one test on complete forms, by patient. Six queries. Those without a day are left out."""
    found = results_of(view.trial, patients, only=path)
    zone = view.rules.trial.site.time_zone
    return [
        PatientResults(
            patient,
            [
                StudyResult(_number(each.place.taken.placed(zone).first_day, zero), _value(each), each)
                for each in found[patient.pk]
                if each.place.taken is not None and each.place.state == Record.State.COMPLETE
            ]
            if (zero := day_zero(patient, view.rules)) is not None
            else [],
        )
        for patient in patients
    ]


def _number(on: date, zero: date) -> int:
    return on.toordinal() - zero.toordinal()


def _value(result: LabResult) -> Decimal:
    """Return the number of a result; of one beyond a limit of detection that limit, not where the interval ends."""
    if not isinstance(result.lies, Interval):
        return result.lies
    return Decimal(limit_of(result.stored) or 0)
