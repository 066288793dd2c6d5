"""Forest plots of the outcomes: every proportion and every rate with its limits, in all patients and in parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from outcomes.computing import report_of
from outcomes.lines import OutcomeFigure, OutcomeLine
from protocol.document.document import Protocol
from protocol.document.outcomes import Outcome, OutcomeReading
from reports.figures.forest import ForestRow, end_of_axis, forest
from reports.outcomes.words import (
    PER_CENT,
    WITHOUT_VALUE,
    method_words,
    number_words,
    percent_words,
    population_title,
)
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

MOST_ROWS = 60
"""Rows of one drawing, headings counted: about 550 bytes each in a file. More rows make further drawings."""
RATE = frozenset({"rate"})
COLUMNS = (
    DataColumn("outcome", gettext_lazy("Outcome")),
    DataColumn("reading", gettext_lazy("Reading")),
    DataColumn("visit", gettext_lazy("Visit")),
    DataColumn("split", gettext_lazy("By")),
    DataColumn("part", gettext_lazy("Patients of")),
    DataColumn("patients", gettext_lazy("Patients")),
    DataColumn("known", gettext_lazy("Known")),
    DataColumn("with_event", gettext_lazy("With the event")),
    DataColumn("undetermined", gettext_lazy("Undetermined")),
    DataColumn("events", gettext_lazy("Events")),
    DataColumn("patient_days", gettext_lazy("Patient-days")),
    DataColumn("kind", gettext_lazy("Figure")),
    DataColumn("value", gettext_lazy("Value")),
    DataColumn("low", gettext_lazy("Lower limit")),
    DataColumn("high", gettext_lazy("Upper limit")),
    DataColumn("method", gettext_lazy("Method")),
)
KINDS = {
    "proportion": gettext_lazy("Proportion of the patients"),
    "share": gettext_lazy("Share without the event at the end of the window"),
    "incidence": gettext_lazy("Share with the event at the end of the window"),
    "rate": gettext_lazy("Events per 100 patient-days"),
}
SPLITS = {"": gettext_lazy("All"), "group": gettext_lazy("Group"), "arm": gettext_lazy("Arm")}


@dataclass(frozen=True, slots=True)
class Estimated:
    """A line of the outcomes with the one figure of it that a forest plot shows."""

    outcome: Outcome
    reading: OutcomeReading
    line: OutcomeLine
    figure: OutcomeFigure

    @property
    def key(self) -> str:
        """The reading that a line is of, by which lines share a heading."""
        return f"{self.outcome.id} {self.reading.code}"

    @property
    def factor(self) -> int:
        """The factor from a value to the axis: 100 for per cent, else 1."""
        return 100 if self.figure.kind in PER_CENT else 1

    def scaled(self, value: float | None) -> float | None:
        """Return a value in the unit of the axis."""
        return None if value is None else value * self.factor


def offered(rules: Protocol) -> bool:
    """Return True if the protocol reads an outcome that gives a proportion or a rate."""
    shown = {"proportion", "rate", "time_to_event"}
    return any(reading.measure in shown for outcome in rules.outcomes for reading in outcome.readings)


def draw(view: FigureView) -> DrawnFigure:
    """Return plots of the proportions and of the rates. As many queries as the page of the outcomes."""
    report = report_of(view.access)
    found = list(_estimated(view.rules, report.lines))
    table = FigureTable(COLUMNS, [_cells(each, view) for each in found])
    treatment = any(each.line.split == "arm" for each in found)
    if not report.patients:
        return DrawnFigure(table=table, why=_("No patient is included yet."), treatment=treatment)
    drawings = [
        *_plots(view, found, "proportions", _("Proportions"), PER_CENT, _("Per cent of the patients")),
        *_plots(view, found, "rates", _("Rates"), RATE, _("Events per 100 patient-days")),
    ]
    return DrawnFigure(
        table=table,
        drawings=tuple(drawings),
        methods=tuple(dict.fromkeys(method_words(each.figure.estimate.method) for each in found)),
        notes=_notes(view, several=len(drawings) > len({each.name.partition("-")[0] for each in drawings})),
        treatment=treatment,
    )


def _estimated(rules: Protocol, lines: Sequence[OutcomeLine]) -> Iterator[Estimated]:
    """Yield one figure of each line: the exact limits of a proportion, a rate, a share at the end of a window."""
    readings = {
        (outcome.id, each.code): (outcome, each) for outcome in rules.outcomes for each in outcome.readings
    }
    for line in lines:
        figure = next((each for each in line.figures if each.kind in KINDS), None)
        if figure is not None:
            yield Estimated(*readings[line.outcome, line.reading], line, figure)


def _notes(view: FigureView, *, several: bool) -> tuple[str, ...]:
    notes = [
        _("A diamond stands for all patients of a reading, a square for a part of them."),
        _("The bar spans the 95 % limits; an arrow says that a limit lies beyond the axis."),
        _("Undetermined answers are in no number here: the page of the outcomes lists what they lack."),
        _("Counts, means and medians are on the page of the outcomes."),
    ]
    if view.trial.masked and not view.by_arm:
        notes.append(_("All arms together: the trial is masked."))
    if several:
        notes.append(
            _("All rows are drawn: what one drawing does not hold goes on in the next, on the same axis.")
        )
    return tuple(notes)


def _plots(
    view: FigureView, found: Sequence[Estimated], name: str, title: str, kinds: frozenset[str], axis: str
) -> Iterator[Drawing]:
    """Yield the plots of some kinds, all on one axis; none if no line has such a figure."""
    chosen = [each for each in found if each.figure.kind in kinds]
    if not chosen:
        return
    pages = _pages(chosen)
    rows = [_rows(page, view) for page in pages]
    most = 100.0 if kinds == PER_CENT else end_of_axis([row for page in rows for row in page])
    for number, (page, drawn) in enumerate(zip(pages, rows, strict=True), start=1):
        told = {"title": title, "number": number, "all": len(pages)}
        titled = _("%(title)s, %(number)s of %(all)s") % told if len(pages) > 1 else title
        named = f"{name}-{number}" if number > 1 else name
        yield Drawing(named, titled, forest(drawn, label=_label(titled, page), axis_title=axis, most=most))


def _pages(chosen: Sequence[Estimated]) -> list[list[Estimated]]:
    """Return the lines of each drawing. A reading that goes on in the next one has its heading there again."""
    pages: list[list[Estimated]] = []
    used, before = MOST_ROWS, ""
    for each in chosen:
        needed = 1 if each.key == before else 2
        if used + needed > MOST_ROWS:
            pages.append([])
            used, needed = 0, 2
        pages[-1].append(each)
        used, before = used + needed, each.key
    return pages


def _rows(page: Sequence[Estimated], view: FigureView) -> list[ForestRow]:
    rows: list[ForestRow] = []
    before = ""
    for each in page:
        if each.key != before:
            rows.append(ForestRow(kind="heading", title=_heading(each, view)))
            before = each.key
        rows.append(_row(each, view))
    return rows


def _label(title: str, page: Sequence[Estimated]) -> str:
    known = sum(each.figure.estimate.value is not None for each in page)
    told = {"title": title, "known": known, "lines": len(page)}
    return _("%(title)s with their limits: %(known)s of %(lines)s lines have a value.") % told


def _heading(each: Estimated, view: FigureView) -> str:
    title = each.reading.title.in_language(view.language)
    whole = each.outcome.title.in_language(view.language)
    told = {"outcome": each.outcome.id, "whole": whole, "title": title}
    if each.figure.kind == "share":
        return _("%(outcome)s · %(whole)s · %(title)s: without the event at the end of the window") % told
    if each.figure.kind == "incidence":
        return _("%(outcome)s · %(whole)s · %(title)s: with the event at the end of the window") % told
    return _("%(outcome)s · %(whole)s · %(title)s") % told


def _row(each: Estimated, view: FigureView) -> ForestRow:
    estimate, title = each.figure.estimate, _part(each, view)
    words = _words(each)
    return ForestRow(
        kind="part" if each.line.split else "all",
        title=title,
        value=each.scaled(estimate.value),
        low=each.scaled(estimate.low),
        high=each.scaled(estimate.high),
        words=words,
        tip=_("%(row)s, %(part)s: %(numbers)s") % {
            "row": _heading(each, view), "part": title, "numbers": words
        },
    )  # fmt: skip


def _part(each: Estimated, view: FigureView) -> str:
    """Return which patients a row is about, and the visit if the reading has visits."""
    rules, line = view.rules, each.line
    if line.split:
        part = rules.group(line.part) if line.split == "group" else rules.arm(line.part)
        title = part.title.in_language(view.language)
    else:
        title = population_title(rules, each.reading.population)
    if not line.visit:
        return title
    visit = rules.visit(line.visit).title.in_language(view.language)
    return _("%(visit)s: %(patients)s") % {"visit": visit, "patients": title}


def _words(each: Estimated) -> str:
    line, estimate = each.line, each.figure.estimate
    if estimate.value is None:
        return str(WITHOUT_VALUE[each.figure.kind])
    low, high, value = (
        (percent_words if each.figure.kind in PER_CENT else number_words)(number)
        for number in (estimate.low, estimate.high, estimate.value)
    )
    told = {"value": value, "low": low, "high": high, "yes": line.yes, "known": line.yes + line.no}
    if each.figure.kind == "rate":
        told |= {"events": line.events, "days": line.days}
        return _("%(events)s in %(days)s days: %(value)s (%(low)s to %(high)s)") % told
    if each.figure.kind == "proportion":
        return _("%(yes)s of %(known)s: %(value)s %% (%(low)s to %(high)s %%)") % told
    if estimate.low is None and estimate.high is None:
        # A curve on which nobody had the event has no variance.
        return _("%(value)s %%, without limits") % told
    return _("%(value)s %% (%(low)s to %(high)s %%)") % told


def _cells(each: Estimated, view: FigureView) -> list[Cell]:
    line, estimate = each.line, each.figure.estimate
    part = CodedCell(line.part or "all", _part(each, view))
    return [
        line.outcome,
        CodedCell(line.reading, each.reading.title.in_language(view.language)),
        line.visit,
        CodedCell(line.split or "all", SPLITS[line.split]),
        part,
        line.patients,
        line.yes + line.no,
        line.yes,
        line.undetermined,
        line.events if each.reading.event else None,
        line.days,
        CodedCell(each.figure.kind, KINDS[each.figure.kind]),
        *(_rounded(number) for number in (estimate.value, estimate.low, estimate.high)),
        CodedCell(estimate.method, method_words(estimate.method)),
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


FIGURE = StudyFigure(
    key="outcomes",
    title=gettext_lazy("Outcomes with their limits"),
    question=gettext_lazy(
        "How large is each outcome, and how sure is that, in all patients and in parts of them?"
    ),
    draw=draw,
    offered=offered,
)
