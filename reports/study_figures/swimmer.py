"""Every patient's course as one line: infusions, support, serious events, death, still in the study (OUT-09)."""

from collections.abc import Iterator, Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from patients.models import Patient
from reports.figures.swimmer import (
    LEVELS,
    LaneEnd,
    SwimmerBar,
    SwimmerLegend,
    SwimmerMark,
    SwimmerPlot,
    SwimmerRow,
    swimmer_plot,
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
from reports.study_figures.course_data import StudyCourse, SupportLog, study_courses, support_log

AT_ONCE, MOST_DRAWINGS = 24, 4
"""Patients in one drawing, so that its file stays below 40 kB, and drawings on the page: the latest patients."""
EARLIEST = -14
"""Support that began earlier is drawn from this day on."""
COLUMNS = (
    DataColumn("patient", gettext_lazy("Patient")),
    DataColumn("kind", gettext_lazy("What")),
    DataColumn("detail", gettext_lazy("Detail"), free_text=True),
    DataColumn("from_day", gettext_lazy("From day")),
    DataColumn("to_day", gettext_lazy("To day")),
)
KINDS: dict[str, str | Promise] = {
    "in_study": gettext_lazy("In the study"),
    "end": gettext_lazy("End of study"),
    "death": gettext_lazy("Death"),
    "infusion": gettext_lazy("Infusion"),
    "support": gettext_lazy("Respiratory support"),
    "serious_event": gettext_lazy("Serious adverse event"),
}


class SwimmerWords:
    """The words of one figure: what each kind of support is called, and the sentence of each mark."""

    def __init__(self, log: SupportLog | None, language: str) -> None:
        self.log, self.language = log, language

    def support(self, kind: str) -> str | Promise:
        """Return the name of a kind of support."""
        return self.log.title_of(kind, self.language) if self.log else kind

    def level(self, kind: str) -> int:
        """Return the level of a kind of support, 1 to 5: its place among the choices of the log."""
        kinds = self.log.kinds if self.log else ()
        return min(LEVELS, 1 + kinds.index(kind)) if kind in kinds else 1

    def bar(self, each: StudyCourse) -> Iterator[SwimmerBar]:
        """Yield the bars of a patient: spells whose start is known to the day."""
        for spell in each.spells:
            if spell.start is None:
                continue
            end = spell.end if spell.end is not None else each.last if spell.open else spell.start
            told = {"what": self.support(spell.kind), "first": spell.start, "last": end}
            tip = (
                _("%(what)s, day %(first)s, still going on")
                if spell.open
                else _("%(what)s, day %(first)s to %(last)s")
            )
            yield SwimmerBar(start=spell.start, end=end, level=self.level(spell.kind), tip=tip % told)


def draw(view: FigureView) -> DrawnFigure:
    """Return the courses in drawings of at most 24 patients, the latest patients if there are too many."""
    courses, log = study_courses(view), support_log(view.rules)
    words = SwimmerWords(log, view.language)
    table = FigureTable(COLUMNS, [row for each in courses for row in _rows(each, words)])
    if not courses:
        return DrawnFigure(table=table, why=_("No patient is included yet: there is no course to draw."))
    shown = courses[-AT_ONCE * MOST_DRAWINGS :]
    pages = [shown[start : start + AT_ONCE] for start in range(0, len(shown), AT_ONCE)]
    notes = [
        _(
            "Days count from inclusion. Only serious adverse events are drawn; the profile of a patient has all."
        )
    ]
    if log:
        notes.append(_("Respiratory support: the complete rows of its log, the higher bar for more support."))
    if left_out := len(courses) - len(shown):
        notes.append(
            ngettext(
                "%(number)s earlier patient is not drawn; the data table has all.",
                "%(number)s earlier patients are not drawn; the data table has all.",
                left_out,
            )
            % {"number": left_out}
        )
    notes.extend(_undated(courses))
    return DrawnFigure(
        table=table,
        drawings=tuple(
            _drawing(page, words, number, len(pages)) for number, page in enumerate(pages, start=1)
        ),
        notes=tuple(notes),
    )


def _drawing(courses: Sequence[StudyCourse], words: SwimmerWords, number: int, pages: int) -> Drawing:
    codes = {"first": courses[0].code, "last": courses[-1].code}
    title = _("Courses of the patients") if pages == 1 else _("Patients %(first)s to %(last)s") % codes
    starts = [spell.start for each in courses for spell in each.spells if spell.start is not None]
    first = max(EARLIEST, min([0, *starts]))
    rows = [_row(each, words, first) for each in courses]
    label = _(
        "Courses of the patients. Patients: %(patients)s; infusions: %(infusions)s; serious adverse events: "
        "%(events)s; deaths: %(deaths)s."
    ) % {
        "patients": len(courses),
        "infusions": sum(len(each.infusions) for each in courses),
        "events": sum(len(each.events) for each in courses),
        "deaths": sum(each.dead for each in courses),
    }
    used = {spell.kind for each in courses for spell in each.spells}
    legend = SwimmerLegend(
        infusion=_("Infusion"),
        event=_("Serious adverse event"),
        death=_("Death"),
        open=_("Still in the study"),
        support=[
            (words.level(kind), str(words.support(kind)))
            for kind in (words.log.kinds if words.log else ())
            if kind in used
        ],
    )
    plot = SwimmerPlot(
        label=label, axis=_("Days from inclusion"), first=first, last=max(_end(each) for each in courses),
        rows=rows, legend=legend,
    )  # fmt: skip
    return Drawing(f"patients-{number}", title, swimmer_plot(plot))


def _row(each: StudyCourse, words: SwimmerWords, first: int) -> SwimmerRow:
    ending, tip, note = _lane_end(each)
    infusion, event = (
        _("%(patient)s: infusion on day %(day)s"),
        _("%(patient)s: %(term)s, grade %(grade)s, day %(day)s"),
    )
    return SwimmerRow(
        code=each.code,
        end=_end(each),
        ending=ending,
        ending_tip=tip,
        note=note,
        bars=[bar for bar in words.bar(each) if bar.end >= first],
        infusions=[
            SwimmerMark(day=day, tip=infusion % {"patient": each.code, "day": day}) for day in each.infusions
        ],
        events=[
            SwimmerMark(
                day=one.day,
                tip=event % {"patient": each.code, "term": one.term, "grade": one.grade, "day": one.day},
            )
            for one in each.events
            if one.day is not None
        ],
    )


def _end(each: StudyCourse) -> int:
    """Return the last day of a line: death, the end of the study, or today."""
    return max(0, each.died if each.died is not None else each.last)


def _lane_end(each: StudyCourse) -> tuple[LaneEnd, str, str]:
    """Return how the line ends, the sentence of that mark, and the words after it."""
    told = {"patient": each.code, "day": _end(each)}
    if each.dead:
        if each.died is None:
            return "death", _("%(patient)s: died, on a day that is not known") % told, _("day not known")
        return "death", _("%(patient)s: died on day %(day)s") % told, ""
    if each.in_study:
        return "open", _("%(patient)s: still in the study on day %(day)s") % told, ""
    reason = str(Patient.EndReason(each.end_reason).label) if each.end_reason else _("Ended")
    told["reason"] = reason
    return "ended", _("%(patient)s: study ended on day %(day)s (%(reason)s)") % told, reason


def _undated(courses: Sequence[StudyCourse]) -> Iterator[str]:
    number = sum(spell.start is None for each in courses for spell in each.spells)
    number += sum(event.day is None for each in courses for event in each.events)
    if number:
        yield ngettext(
            "%(number)s mark is not drawn, because its day is not known.",
            "%(number)s marks are not drawn, because their day is not known.",
            number,
        ) % {"number": number}


def _rows(each: StudyCourse, words: SwimmerWords) -> Iterator[tuple[Cell, ...]]:
    def row(kind: str, detail: Cell, first: int | None, last: int | None = None) -> tuple[Cell, ...]:
        return each.code, CodedCell(kind, KINDS[kind]), detail, first, last

    yield row("in_study", None, 0, _end(each))
    for number, day in enumerate(each.infusions, start=1):
        yield row("infusion", number, day)
    for spell in each.spells:
        yield row("support", CodedCell(spell.kind, words.support(spell.kind)), spell.start, spell.end)
    for event in each.events:
        yield row("serious_event", f"AE {event.number} {event.term} G{event.grade}", event.day)
    if each.dead:
        yield row("death", None, each.died)
    elif not each.in_study:
        yield row("end", CodedCell(each.end_reason, Patient.EndReason(each.end_reason).label), each.last)


FIGURE = StudyFigure(
    key="swimmer",
    title=gettext_lazy("Courses of all patients (swimmer plot)"),
    question=gettext_lazy(
        "What happened to each patient, and when: infusions, support, serious events, death?"
    ),
    draw=draw,
)
