"""Shift of one laboratory test: the baseline of each patient against the worst value after it, and their grades."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from protocol.ctcae.criteria import HIGH
from protocol.document.items import Item
from reports.figures.grid import GridCell, GridRow, grid
from reports.figures.shapes import Figure
from reports.figures.shift import ShiftFigure, ShiftPoint, shift
from reports.study_figures import analytes
from reports.study_figures.analytes import PatientResults, StudyResult
from reports.study_figures.contract import (
    Cell,
    DataColumn,
    Drawing,
    DrawnFigure,
    FigureTable,
    FigureView,
    StudyFigure,
)
from safety.grading import CannotGrade, ruler_of
from safety.labels import day as day_words
from safety.laboratory.results import graded
from trials.reader import shown_number

GRADES = range(5)
UNKNOWN = -1
COLUMNS = (
    DataColumn("term", gettext_lazy("CTCAE term")),
    DataColumn("patient", gettext_lazy("Patient")),
    DataColumn("baseline", gettext_lazy("Baseline")),
    DataColumn("baseline_in_limits", gettext_lazy("Baseline in multiples of the limit")),
    DataColumn("baseline_grade", gettext_lazy("Grade at baseline")),
    DataColumn("worst", gettext_lazy("Worst value")),
    DataColumn("worst_day", gettext_lazy("Study day")),
    DataColumn("worst_in_limits", gettext_lazy("Worst value in multiples of the limit")),
    DataColumn("worst_grade", gettext_lazy("Worst grade")),
)


@dataclass(frozen=True, slots=True)
class ShiftOfPatient:
    """One patient: the baseline and the worst value after it. A grade of -1 is not known."""

    patient: str
    baseline: StudyResult
    worst: StudyResult
    upward: bool
    grades: tuple[int, int]

    @property
    def multiples(self) -> tuple[Decimal, Decimal] | None:
        """Return both values in multiples of the limit of their own sample; None without one, or of a zero."""
        found = _multiple(self.baseline, self.upward), _multiple(self.worst, self.upward)
        return None if found[0] is None or found[1] is None else (found[0], found[1])


def _multiple(each: StudyResult, upward: bool) -> Decimal | None:
    limit = each.result.high if upward else each.result.low
    return each.value / limit if limit and each.value > 0 else None


def shifts(found: Iterable[PatientResults], term: str, *, upward: bool) -> list[ShiftOfPatient]:
    """Return the shift of each patient with a baseline and a value after it.

    The worst value is the highest one, or the lowest one if low values are the worse ones; of equal values the first.
    The worst grade is the highest of all values, which need not be that of the worst value: limits differ.
    """
    shown = []
    for each in found:
        baseline = next((result for result in each.results if result.result.is_baseline), None)
        later = [result for result in each.results if result.result.baseline is not None]
        if baseline is None or not later:
            continue
        worst = (max if upward else min)(later, key=lambda result: result.value)
        grades = _grade(baseline, term), max(_grade(result, term) for result in later)
        shown.append(ShiftOfPatient(each.patient.code, baseline, worst, upward, grades))
    return shown


def _grade(each: StudyResult, term: str) -> int:
    grade, _cannot = graded(each.result, term)
    return UNKNOWN if grade is None else int(grade)


def terms_of(item: Item, version: str) -> list[tuple[str, bool]]:
    """Return the CTCAE terms of a test, each with True if high values are the worse ones."""
    found = []
    for term in item.ctcae:
        try:
            found.append((term, ruler_of(term, item.unit or "", version).criteria.worse is HIGH))
        except CannotGrade:
            # The term has no numbers in this version: there is nothing to compare with.
            continue
    return found


def draw(view: FigureView) -> DrawnFigure:
    """Return for each CTCAE term of the chosen test a plot in multiples of the limit, and a table of grades."""
    path = analytes.chosen_path(view, graded=True)
    item = view.rules.item(path)
    patients = analytes.included(view)
    found = analytes.results_in(view, patients, path)
    by_term = [
        (term, upward, shifts(found, term, upward=upward))
        for term, upward in terms_of(item, view.rules.safety.ctcae)
    ]
    table = FigureTable(COLUMNS, [_cells(term, each) for term, _up, several in by_term for each in several])
    measured = sum(bool(each.results) for each in found)
    if not any(several for _term, _up, several in by_term):
        return DrawnFigure(table=table, why=_why(view, item, bool(patients), bool(by_term)))
    drawings: list[Drawing] = []
    for number, (term, upward, several) in enumerate(by_term, start=1):
        drawings += _drawings(view, item, term, number, upward, several)
    compared = len({each.patient for _term, _up, several in by_term for each in several})
    return DrawnFigure(
        table=table,
        drawings=tuple(drawings),
        methods=(
            _("grades of CTCAE version %(version)s from the number alone")
            % {"version": view.rules.safety.ctcae},
        ),
        notes=tuple(_notes(view, measured - compared, by_term)),
    )


def _why(view: FigureView, item: Item, any_patient: bool, any_term: bool) -> str:
    if not any_patient:
        return _("No patient is included yet.")
    told = {"test": item.label.in_language(view.language), "version": view.rules.safety.ctcae}
    if not any_term:
        return _("CTCAE version %(version)s has no numeric grades for %(test)s in its unit.") % told
    return _("No included patient has a baseline of %(test)s and a value after it yet.") % told


def _drawings(
    view: FigureView, item: Item, term: str, number: int, upward: bool, several: Sequence[ShiftOfPatient]
) -> list[Drawing]:
    grades = Drawing(f"grades-{number}", _("Grades: %(term)s") % {"term": term}, _grade_table(term, several))
    placed = [each for each in several if each.multiples is not None]
    if not placed:
        return [grades]
    title = _("Limits: %(term)s") % {"term": term}
    return [Drawing(f"limits-{number}", title, _plot(view, item, placed, upward)), grades]


def _plot(view: FigureView, item: Item, placed: Sequence[ShiftOfPatient], upward: bool) -> Figure:
    points = []
    for each in placed:
        baseline, worst = each.multiples or (Decimal(1), Decimal(1))
        shown = {
            "patient": each.patient,
            "baseline": _short(baseline),
            "worst": _short(worst),
            "day": day_words(each.worst.day),
        }
        tip = _("%(patient)s: %(baseline)s → %(worst)s (%(day)s)") % shown
        beyond = worst > 1 if upward else worst < 1
        points.append(ShiftPoint(float(baseline), float(worst), beyond, tip))
    told = {
        "test": item.label.in_language(view.language),
        "patients": len(points),
        "beyond": sum(point.beyond for point in points),
    }
    if upward:
        label = ngettext(
            "%(test)s of %(patients)s patient: the highest value of %(beyond)s is above the upper limit.",
            "%(test)s of %(patients)s patients: the highest value of %(beyond)s is above the upper limit.",
            len(points),
        )
    else:
        label = ngettext(
            "%(test)s of %(patients)s patient: the lowest value of %(beyond)s is below the lower limit.",
            "%(test)s of %(patients)s patients: the lowest value of %(beyond)s is below the lower limit.",
            len(points),
        )
    return shift(
        ShiftFigure(
            label=label % told,
            points=points,
            upward=upward,
            across_title=_("Baseline, in multiples of the limit"),
            down_title=_("Highest value after it, in multiples of the limit")
            if upward
            else _("Lowest value after it, in multiples of the limit"),
            limit_label=_("ULN") if upward else _("LLN"),
            same_label=_("no change"),
        )
    )


def _short(multiple: Decimal) -> str:
    return shown_number(f"{multiple:.2f}")


def counted(several: Iterable[ShiftOfPatient]) -> Counter[tuple[int, int]]:
    """Return the number of patients by grade at baseline and worst grade after it."""
    return Counter(each.grades for each in several)


def _grade_table(term: str, several: Sequence[ShiftOfPatient]) -> Figure:
    numbers = counted(several)
    asked = [*GRADES, *([UNKNOWN] if any(UNKNOWN in each.grades for each in several) else [])]
    rows = [
        GridRow(
            _("Baseline: %(grade)s") % {"grade": _grade_words(baseline)},
            [_cell(numbers[baseline, worst], baseline, worst) for worst in asked],
        )
        for baseline in asked
    ]
    worse = sum(number for (before, after), number in numbers.items() if UNKNOWN < before < after)
    label = ngettext(
        "%(term)s: the grade of %(worse)s of %(patients)s patient rose.",
        "%(term)s: the grade of %(worse)s of %(patients)s patients rose.",
        len(several),
    ) % {"term": term, "worse": worse, "patients": len(several)}
    return grid(rows, [_grade_words(each) for each in asked], label=label, corner=_("Worst grade after it"))


def _grade_words(grade: int) -> str:
    return _("not known") if grade == UNKNOWN else _("grade %(grade)s") % {"grade": grade}


def _cell(number: int, baseline: int, worst: int) -> GridCell | None:
    if not number:
        return None
    css = "box" if worst in (0, UNKNOWN) else f"g{worst}"
    told = {"number": number, "baseline": _grade_words(baseline), "worst": _grade_words(worst)}
    tip = ngettext(
        "%(number)s patient: %(baseline)s, then %(worst)s",
        "%(number)s patients: %(baseline)s, then %(worst)s",
        number,
    )
    return GridCell(str(number), css, tip % told)


def _notes(
    view: FigureView, left_out: int, by_term: Sequence[tuple[str, bool, Sequence[ShiftOfPatient]]]
) -> Iterable[str]:
    if view.rules.safety.baseline == "inclusion":
        yield _(
            "Baseline: the last value up to the day of inclusion. Worst: the highest or lowest value after it."
        )
    else:
        yield _(
            "Baseline: the last value before the first infusion. Worst: the highest or lowest value after it."
        )
    yield _("A triangle is a patient beyond the limit, a circle one within it. Only complete forms count.")
    unplaced = {each.patient for _term, _up, several in by_term for each in several if each.multiples is None}
    if unplaced:
        yield ngettext(
            "%(number)s patient has no limit of the laboratory and is in the table of grades only.",
            "%(number)s patients have no limit of the laboratory and are in the table of grades only.",
            len(unplaced),
        ) % {"number": len(unplaced)}
    if left_out > 0:
        yield ngettext(
            "%(number)s patient lacks a baseline or a value after it and is left out.",
            "%(number)s patients lack a baseline or a value after it and are left out.",
            left_out,
        ) % {"number": left_out}


def _cells(term: str, each: ShiftOfPatient) -> list[Cell]:
    multiples = each.multiples or (None, None)
    rounded = [None if number is None else round(number, 4) for number in multiples]
    grades = [None if grade == UNKNOWN else grade for grade in each.grades]
    return [
        term, each.patient, each.baseline.value, rounded[0], grades[0], each.worst.value, each.worst.day,
        rounded[1], grades[1],
    ]  # fmt: skip


FIGURE = StudyFigure(
    key="laboratory-shift",
    title=gettext_lazy("Shift of a laboratory test"),
    question=gettext_lazy("How much worse than its baseline did a laboratory value become in each patient?"),
    draw=draw,
    offered=lambda rules: bool(analytes.items(rules, graded=True)),
    choices=partial(analytes.choices, graded=True),
    choice_label=gettext_lazy("Laboratory test"),
    opens_on=analytes.first_with_ranges,
)
