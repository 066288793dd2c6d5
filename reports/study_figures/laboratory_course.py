"""Course of one laboratory test: a line for each patient over study days, the median at each visit, the range."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from statistics import median

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from patients.participation.milestones import infusion_days
from protocol.document.items import Item
from reports.figures.axes import is_wide
from reports.figures.shapes import day_ticks
from reports.figures.trajectories import (
    MedianPoint,
    Trajectory,
    TrajectoryFigure,
    kept_lines,
    trajectories,
)
from reports.study_figures import analytes
from reports.study_figures.analytes import PatientResults, StudyResult
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
from safety.labels import day as day_words
from safety.labels import day_zero
from trials.reader import shown_number

COLUMNS = (
    DataColumn("visit", gettext_lazy("Visit")),
    DataColumn("patients", gettext_lazy("Patients")),
    DataColumn("median_day", gettext_lazy("Median study day")),
    DataColumn("lowest", gettext_lazy("Lowest")),
    DataColumn("median", gettext_lazy("Median")),
    DataColumn("highest", gettext_lazy("Highest")),
    DataColumn("below", gettext_lazy("Below the range")),
    DataColumn("above", gettext_lazy("Above the range")),
    DataColumn("without_range", gettext_lazy("Without a range")),
)
Limits = tuple[Decimal | None, Decimal | None]


@dataclass(frozen=True, slots=True)
class VisitSummary:
    """The values of one planned visit: the first one of each patient."""

    visit: str
    results: Sequence[StudyResult]

    @property
    def values(self) -> list[Decimal]:
        """Return the values in ascending order."""
        return sorted(each.value for each in self.results)

    @property
    def day(self) -> float:
        """Return the median of the study days."""
        return float(median(each.day for each in self.results))

    @property
    def median(self) -> Decimal:
        """Return the median of the values."""
        return Decimal(median(self.values))


def summaries(found: Iterable[PatientResults], visits: Iterable[str]) -> list[VisitSummary]:
    """Return the values by planned visit, in the order given; visits without a value are left out."""
    by_visit: dict[str, list[StudyResult]] = {code: [] for code in visits}
    for each in found:
        seen = set()
        for result in each.results:
            code, number = result.result.place.visit or ("", 0)
            if number == 1 and code in by_visit and code not in seen:
                by_visit[code].append(result)
                seen.add(code)
    return [VisitSummary(code, results) for code, results in by_visit.items() if results]


def band_of(results: Iterable[StudyResult]) -> tuple[Limits | None, bool]:
    """Return the reference range of all results, and True if it differs between them.

    Ranges that differ, by sex, age or laboratory, give one from the lowest lower to the highest upper limit; a bound
    that some of them leave open is open.
    """
    ranges = {
        (each.result.low, each.result.high)
        for each in results
        if each.result.low is not None or each.result.high is not None
    }
    if not ranges:
        return None, False
    lows, highs = [low for low, _high in ranges], [high for _low, high in ranges]
    low = min((each for each in lows if each is not None), default=None) if None not in lows else None
    high = max((each for each in highs if each is not None), default=None) if None not in highs else None
    band = None if low is None and high is None else (low, high)
    return band, len(ranges) > 1


def draw(view: FigureView) -> DrawnFigure:
    """Return the course of the chosen test. Seven queries, whatever the number of patients."""
    path = analytes.chosen_path(view)
    item = view.rules.item(path)
    patients = analytes.included(view)
    found = analytes.results_in(view, patients, path)
    visits = summaries(found, [visit.code for visit in view.rules.visits])
    table = FigureTable(COLUMNS, [_row(each, view) for each in visits])
    measured = [each for each in found if each.results]
    if not measured:
        return DrawnFigure(table=table, why=_why(view, item, bool(patients)))
    return _drawn(view, item, measured, visits, table)


def _why(view: FigureView, item: Item, any_patient: bool) -> str:
    if not any_patient:
        return _("No patient is included yet.")
    told = {"test": item.label.in_language(view.language)}
    return _("No complete form of an included patient holds a result of %(test)s yet.") % told


def _drawn(
    view: FigureView,
    item: Item,
    measured: list[PatientResults],
    visits: list[VisitSummary],
    table: FigureTable,
) -> DrawnFigure:
    results = [result for each in measured for result in each.results]
    lines = [_line(each) for each in measured]
    kept = kept_lines(lines)
    band, differs = band_of(results)
    logarithmic = is_wide(float(each.value) for each in results)
    days = [result.day for result in results]
    infusions = _infusions(view, measured)
    span = min(0, *days, *(day for day, _tip in infusions)), max(1, *days, *(day for day, _tip in infusions))
    figure = trajectories(
        TrajectoryFigure(
            label=_label(view, item, measured, visits),
            lines=kept,
            medians=[
                MedianPoint(each.day, float(each.median), _median_tip(each, view), len(each.results))
                for each in visits
            ],
            ticks=[(day, day_words(day)) for day in day_ticks(*span)],
            span=span,
            axis_title=analytes.title_of(item, view.language),
            median_label=_("Median"),
            band=None if band is None else (_float(band[0]), _float(band[1])),
            limit_label=_("Reference range"),
            infusions=infusions,
            infusion_label=_("Infusions"),
            number_label=_("Patients") if visits else "",
            logarithmic=logarithmic,
        )
    )
    title = item.label.in_language(view.language)
    return DrawnFigure(
        table=table,
        drawings=(Drawing("course", title, figure),),
        methods=(_("median of the first value of each patient at each planned visit"),),
        notes=tuple(_notes(len(lines) - len(kept), band, differs=differs, logarithmic=logarithmic)),
    )


def _float(bound: Decimal | None) -> float | None:
    return None if bound is None else float(bound)


def _line(each: PatientResults) -> Trajectory:
    values = [result.value for result in each.results]
    told = {
        "patient": each.patient.code,
        "number": len(values),
        "lowest": shown_number(min(values)),
        "highest": shown_number(max(values)),
    }
    if len(values) == 1:
        tip = _("%(patient)s: %(lowest)s") % told
    else:
        tip = _("%(patient)s: %(number)s values, %(lowest)s to %(highest)s") % told
    return Trajectory([(result.day, float(result.value)) for result in each.results], tip)


def _infusions(view: FigureView, measured: Sequence[PatientResults]) -> list[tuple[int, str]]:
    """Return the study days of the infusions, as the ward records them in all arms, with their number."""
    patients = [each.patient for each in measured]
    counted: Counter[int] = Counter()
    for patient, days in zip(patients, infusion_days(patients).values(), strict=True):
        zero = day_zero(patient, view.rules)
        if zero is not None:
            counted.update(day.toordinal() - zero.toordinal() for day in days.values())
    return [
        (
            day,
            ngettext("%(day)s: %(number)s infusion", "%(day)s: %(number)s infusions", number)
            % {"day": day_words(day), "number": number},
        )
        for day, number in sorted(counted.items())
    ]


def _label(
    view: FigureView, item: Item, measured: Sequence[PatientResults], visits: Sequence[VisitSummary]
) -> str:
    told = {"test": analytes.title_of(item, view.language), "patients": len(measured)}
    text = ngettext(
        "%(test)s of %(patients)s patient over study days.",
        "%(test)s of %(patients)s patients over study days.",
        len(measured),
    )
    if not visits:
        return text % told
    first, last = visits[0], visits[-1]
    medians = _("Median %(first)s at %(start)s and %(last)s at %(end)s.") % {
        "first": _number(first.median), "start": _visit(first, view),
        "last": _number(last.median), "end": _visit(last, view),
    }  # fmt: skip
    return f"{text % told} {medians}"


def _number(value: Decimal) -> str:
    return shown_number(f"{value.normalize():f}")


def _visit(each: VisitSummary, view: FigureView) -> str:
    return view.rules.visit(each.visit).title.in_language(view.language)


def _median_tip(each: VisitSummary, view: FigureView) -> str:
    return ngettext(
        "%(visit)s: median %(median)s of %(number)s patient",
        "%(visit)s: median %(median)s of %(number)s patients",
        len(each.results),
    ) % {"visit": _visit(each, view), "median": _number(each.median), "number": len(each.results)}


def _row(each: VisitSummary, view: FigureView) -> list[Cell]:
    values = each.values
    outside = Counter(_side(result) for result in each.results)
    return [
        CodedCell(each.visit, _visit(each, view)),
        len(values),
        each.day,
        values[0],
        each.median,
        values[-1],
        *(outside[side] for side in ("below", "above", "none")),
    ]


def _side(each: StudyResult) -> str:
    low, high = each.result.low, each.result.high
    if low is None and high is None:
        return "none"
    if low is not None and each.value < low:
        return "below"
    return "above" if high is not None and each.value > high else "within"


def _notes(left_out: int, band: Limits | None, *, differs: bool, logarithmic: bool) -> Iterable[str]:
    yield _(
        "A thin line is one patient, the thick line with dots the median, with the number of patients below it. "
        "A triangle is a day with infusions."
    )
    yield _("Only complete forms count. A result beyond a limit of detection is drawn at that limit.")
    if differs:
        yield _(
            "The reference range depends on sex, age or laboratory: "
            "the band reaches from the lowest to the highest limit."
        )
    elif band is None:
        yield _("The laboratory gave no reference range for these results.")
    if logarithmic:
        yield _(
            "The axis is logarithmic, because the highest value is at least 50 times the lowest one above zero."
        )
    if left_out:
        yield ngettext(
            "%(number)s patient with the fewest values has no line; the median counts every patient.",
            "%(number)s patients with the fewest values have no line; the median counts every patient.",
            left_out,
        ) % {"number": left_out}


FIGURE = StudyFigure(
    key="laboratory-course",
    title=gettext_lazy("Course of a laboratory test"),
    question=gettext_lazy(
        "How does a laboratory value change over the study days, in each patient and at the median?"
    ),
    draw=draw,
    offered=lambda rules: bool(analytes.items(rules)),
    choices=partial(analytes.choices, graded=False),
    choice_label=gettext_lazy("Laboratory test"),
)
