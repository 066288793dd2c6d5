"""Missing data: the share of the expected forms that are not complete, by form and visit."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Case, Count, F, IntegerField, Q, Value, When
from django.db.models.functions import Coalesce
from django.db.models.lookups import GreaterThan
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from patients.models import Patient, Record, Visit
from patients.participation.visit_status import overdue, required_at
from protocol.document.design import UNSCHEDULED
from protocol.document.document import Protocol
from reports.figures.grid import GridCell, GridRow, grid
from reports.home.matrix import rules_by_id, visits_of
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

MOST_CELLS = 170
"""Coloured cells and rows of one drawing: about 215 bytes each in a file of at most 40 kB."""
SHADES = ((50, "g4"), (20, "g3"), (5, "g2"), (0, "g1"))
"""From which per cent on a cell has which class."""
ALL_FORMS, NO_SAMPLES, NO_FORMS = 0, 1, 2
COLUMNS = (
    DataColumn("form", gettext_lazy("Form")),
    DataColumn("visit", gettext_lazy("Visit")),
    DataColumn("expected", gettext_lazy("Expected")),
    DataColumn("missing", gettext_lazy("Missing")),
    DataColumn("drafts", gettext_lazy("Of these drafts")),
    DataColumn("missed_visits", gettext_lazy("Of these at missed visits")),
    DataColumn("missing_percent", gettext_lazy("Missing (%)")),
)


@dataclass(slots=True)
class FormCounts:
    """Counts of one form at one visit: how often it was expected, is complete, is a draft, or the visit was missed."""

    expected: int = 0
    complete: int = 0
    drafts: int = 0
    missed_visits: int = 0

    @property
    def missing(self) -> int:
        """Return how many expected forms are not complete."""
        return self.expected - self.complete

    @property
    def percent(self) -> float:
        """Return the share of the expected forms that are missing, in per cent. Of at least one expected form."""
        return 100 * self.missing / self.expected


Counts = Mapping[tuple[str, str], FormCounts]
"""By form and visit."""


@dataclass(frozen=True, slots=True)
class VisitGroup:
    """Visits that ask for the same forms: code, version, infusions given, state; and how many of them there are.

    consent: what the consent still allows on their day, one of `ALL_FORMS`, `NO_SAMPLES`, `NO_FORMS`.
    """

    code: str
    version: int
    given: str
    missed: bool
    number: int
    consent: int = ALL_FORMS


@dataclass(frozen=True, slots=True)
class RecordGroup:
    """Records of one form at such visits, complete or drafts, and how many of them there are."""

    code: str
    version: int
    given: str
    form: str
    complete: bool
    number: int
    consent: int = ALL_FORMS


@dataclass(slots=True)
class MissingForms:
    """Counts of expected and complete forms, from grouped visits and records."""

    rules: Mapping[int, Protocol]
    counts: dict[tuple[str, str], FormCounts] = field(default_factory=lambda: defaultdict(FormCounts))

    def add_visits(self, groups: Iterable[VisitGroup]) -> None:
        """Count the forms that the visits require."""
        for group in groups:
            for form in self._required(group):
                counts = self.counts[form, group.code]
                counts.expected += group.number
                counts.missed_visits += group.number * group.missed

    def add_records(self, groups: Iterable[RecordGroup]) -> None:
        """Count the records of required forms; other forms are not expected."""
        for group in groups:
            if group.form in self._required(group):
                counts = self.counts[group.form, group.code]
                if group.complete:
                    counts.complete += group.number
                else:
                    counts.drafts += group.number

    def _required(self, group: VisitGroup | RecordGroup) -> frozenset[str]:
        """Return the required forms that the consent allows, as `visit_status.required_of` does of one patient."""
        if group.consent == NO_FORMS:
            return frozenset()
        rules = self.rules[group.version]
        required = required_at(rules, group.code, [int(number) for number in group.given])
        if group.consent == ALL_FORMS:
            return required
        return frozenset(form for form in required if not rules.form(form).samples)


def percent_words(counts: FormCounts) -> str:
    """Return the share missing as whole per cent; not 0 while one is missing, not 100 while one is there."""
    if counts.missing == 0:
        return "0"
    if counts.percent < 0.5:
        return "<1"
    if counts.complete and counts.percent >= 99.5:
        return ">99"
    return f"{counts.percent:.0f}"


def draw(view: FigureView) -> DrawnFigure:
    """Return the share missing of each form at each visit. At most four queries."""
    rules, counts = counts_of(view)
    columns = [
        visit for _rules, visit in visits_of(view.rules, (each for each in rules if each is not view.rules))
    ]
    order = _forms(view, rules)
    forms = [code for code in order if any((code, visit.code) in counts for visit in columns)]
    rows = [
        _cells(order[form], visit.code, visit.title.in_language(view.language), counts[form, visit.code])
        for form in forms
        for visit in columns
        if (form, visit.code) in counts
    ]
    table = FigureTable(COLUMNS, rows)
    if not rows:
        return DrawnFigure(table=table, why=_why(view))
    shown = _kept(forms, counts)
    asked = [visit for visit in columns if any((form, visit.code) in counts for form in forms)]
    titles = {visit.code: visit.title.in_language(view.language) for visit in asked}
    figure = grid(
        [
            GridRow(
                order[form][1],
                [_cell(order[form][1], titles[code], counts.get((form, code))) for code in titles],
            )
            for form in shown
        ],
        list(titles),
        label=_label(counts),
        corner=_("Per cent missing"),
    )
    return DrawnFigure(
        table=table,
        drawings=(Drawing("missing", _("Missing data"), figure),),
        notes=tuple(_notes(len(forms) - len(shown))),
    )


def counts_of(view: FigureView) -> tuple[list[Protocol], Counts]:
    """Return the protocols in use and the counts of included patients. At most three queries."""
    due = Q(state__in=(Visit.State.HELD, Visit.State.MISSED)) | overdue(
        view.today, view.trial.rules.profile.died_on
    )
    mine: dict[str, Any] = {"patient__trial": view.trial, "patient__enrolled_on__isnull": False}
    version = Coalesce("protocol_id", "patient__protocol_id")
    # Unscheduled visits have no place in the plan.
    visits = Visit.objects.filter(due, **mine, number=1).exclude(code=UNSCHEDULED).order_by()
    # The place "" is the visit itself, "visit" that of a record.
    of_visits = ("code", version, "patient__infusions_given", "state", _consent(""))
    groups: Counter[tuple[str, int, str, bool, int]] = Counter()
    for code, key, given, state, consent, number in visits.values_list(*of_visits).annotate(Count("pk")):
        groups[code, key, given, state == Visit.State.MISSED, consent] += number
    records = Record.objects.filter(visit__in=visits.values("pk")).order_by()
    written = records.filter(state__in=(Record.State.COMPLETE, Record.State.DRAFT))
    of_visit = Coalesce("visit__protocol_id", "patient__protocol_id")
    stored = written.values_list(
        "visit__code", of_visit, "patient__infusions_given", "form", "state", _consent("visit__")
    ).annotate(Count("pk"))
    rules = rules_by_id(view.trial, {key for _code, key, *_rest in groups})
    found = MissingForms(rules)
    found.add_visits(
        VisitGroup(code, key, given, missed, number, consent)
        for (code, key, given, missed, consent), number in groups.items()
    )
    found.add_records(
        RecordGroup(code, key, given, form, state == Record.State.COMPLETE, number, consent)
        for code, key, given, form, state, consent, number in stored
    )
    return list(rules.values()), found.counts


def _consent(visit: str) -> Case:
    """Return for a query the forms that the consent allows on the day of a visit (`Patient.allows_form`)."""
    day = Coalesce(f"{visit}held_on", f"{visit}planned_on")
    return Case(
        When(patient__data_withdrawn_on__isnull=False, then=Value(NO_FORMS)),
        When(GreaterThan(day, F("patient__samples_withdrawn_on")), then=Value(NO_SAMPLES)),
        default=Value(ALL_FORMS),
        output_field=IntegerField(),
    )


def _why(view: FigureView) -> str:
    if not Patient.objects.filter(trial=view.trial, enrolled_on__isnull=False).exists():
        return _("No patient is included yet.")
    return _("No visit with required forms was held, missed or is overdue yet.")


def _forms(view: FigureView, rules: Iterable[Protocol]) -> dict[str, tuple[str, str]]:
    """Return (code, title) of every form by its code, in the order of the newest version, then of the others."""
    found: dict[str, tuple[str, str]] = {}
    for each in (view.rules, *rules):
        for code, form in each.forms.items():
            found.setdefault(code, (code, form.title.in_language(view.language)))
    return found


def _kept(forms: Sequence[str], counts: Counts) -> list[str]:
    """Return the forms that fit into one drawing, in their order: those with the largest share missing."""
    by_form: dict[str, FormCounts] = defaultdict(FormCounts)
    cells: Counter[str] = Counter()
    for (form, _visit), each in counts.items():
        by_form[form].expected += each.expected
        by_form[form].complete += each.complete
        cells[form] += each.missing > 0
    kept: set[str] = set()
    room = MOST_CELLS
    for form in sorted(forms, key=lambda code: -by_form[code].percent):
        room -= cells[form] + 1
        if room < 0:
            break
        kept.add(form)
    return [form for form in forms if form in kept]


def _cell(form: str, visit: str, counts: FormCounts | None) -> GridCell | None:
    if counts is None:
        return None
    if counts.missing == 0:
        return GridCell("0")
    css = next(css for least, css in SHADES if counts.percent >= least)
    told = {"form": form, "visit": visit, "missing": counts.missing, "expected": counts.expected}
    return GridCell(
        percent_words(counts), css, _("%(form)s, %(visit)s: %(missing)s of %(expected)s missing") % told
    )


def _label(counts: Counts) -> str:
    expected = sum(each.expected for each in counts.values())
    missing = sum(each.missing for each in counts.values())
    return ngettext(
        "%(missing)s of %(expected)s expected form is missing.",
        "%(missing)s of %(expected)s expected forms are missing.",
        expected,
    ) % {"missing": missing, "expected": expected}


def _notes(left_out: int) -> Iterable[str]:
    yield _(
        "Expected: the required forms of included patients at every visit that was held, was missed, or is overdue, as "
        "far as the consent still allows them. Missing: not complete; a draft is missing too."
    )
    yield _("The number in a cell is the per cent missing; an empty cell was expected of nobody.")
    if left_out:
        yield ngettext(
            "%(number)s form with the smallest share missing is in the data table only.",
            "%(number)s forms with the smallest share missing are in the data table only.",
            left_out,
        ) % {"number": left_out}


def _cells(form: tuple[str, str], visit: str, title: str, counts: FormCounts) -> list[Cell]:
    return [
        CodedCell(*form), CodedCell(visit, title), counts.expected, counts.missing, counts.drafts, counts.missed_visits,
        round(counts.percent, 2),
    ]  # fmt: skip


FIGURE = StudyFigure(
    key="missing-data",
    title=gettext_lazy("Missing data"),
    question=gettext_lazy("Which forms are missing at which visits, as a share of what was expected?"),
    draw=draw,
)
