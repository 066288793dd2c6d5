"""WHO clinical progression scale: how many patients are in which category at each visit that asks for it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from patients.models import Patient, Record, Visit
from patients.participation.death import deaths_in
from patients.participation.visit_status import nominal_day
from protocol.document.design import ProtocolVisit
from protocol.document.document import Protocol
from protocol.document.items import Form, Item
from reports.figures.stack import StackColumn, StackPart, stacked
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

CATEGORY, TEST = "WHO CLINICAL PROGRESSION SCALE", "CPSSCORE"
"""Controlled terms of CDISC by which the form and its item are found, whatever they are called."""
UNKNOWN = ""
LOOKS = {
    "4": ("g1", "on-pale"), "5": ("g1", "on-pale"), "6": ("g2", "on-pale"), "7": ("g3", "on-pale"),
    "8": ("g3", "on-pale"), "9": ("g4", "on-deep"), "10": ("g5", "on-deep"), UNKNOWN: ("box", "ink"),
}  # fmt: skip
AT_HOME = ("band", "ink")
COLUMNS = (
    DataColumn("visit", gettext_lazy("Visit")),
    DataColumn("study_day", gettext_lazy("Study day")),
    DataColumn("category", gettext_lazy("Category")),
    DataColumn("patients", gettext_lazy("Patients")),
    DataColumn("reached", gettext_lazy("Patients who reached the visit")),
)


@dataclass(frozen=True, slots=True)
class ScaleVisit:
    """One visit: the number of patients by category, not known as an empty code; future visits are in none."""

    visit: ProtocolVisit
    numbers: Mapping[str, int]

    @property
    def reached(self) -> int:
        """Return the number of patients who reached the visit."""
        return sum(self.numbers.values())


@dataclass(frozen=True, slots=True)
class ScalePatient:
    """The facts that decide the category of one patient at a visit.

    died_on: the last day on which the death may have happened. planned, held: days by visit. scores: by visit.
    zero: day from which a visit without a date is counted.
    """

    died_on: date | None
    zero: date | None
    planned: Mapping[str, date]
    scores: Mapping[str, str]

    def category(self, visit: ProtocolVisit, today: date, codes: Sequence[str]) -> str | None:
        """Return the category at a visit, empty if it is not known, None if the day of the visit has not come.

        Who died before or on the day of the visit is in the last category from then on. Nothing is carried forward
        otherwise.
        """
        day = self.planned.get(visit.code)
        if day is None and self.zero is not None:
            day = self.zero + timedelta(days=visit.day)
        score = self.scores.get(visit.code)
        if score in codes:
            return score
        if self.died_on is not None and day is not None and self.died_on <= day:
            return codes[-1]
        if day is None or day > today:
            return None
        return UNKNOWN


def scale_of(rules: Protocol) -> tuple[Form, Item] | None:
    """Return the form and the item of the scale, None if the protocol does not ask for it."""
    for form in rules.forms.values():
        if form.sdtm is not None and form.sdtm.category == CATEGORY:
            for item in form.items:
                if item.sdtm is not None and item.sdtm.testcd == TEST and item.codes:
                    return form, item
    return None


def counted(
    patients: Iterable[ScalePatient], visits: Iterable[ProtocolVisit], today: date, codes: Sequence[str]
) -> list[ScaleVisit]:
    """Return the numbers by visit, in the order given."""
    known = list(patients)
    found = []
    for visit in visits:
        categories = [each.category(visit, today, codes) for each in known]
        numbers = {code: categories.count(code) for code in (*codes, UNKNOWN)}
        found.append(ScaleVisit(visit, numbers))
    return found


def draw(view: FigureView) -> DrawnFigure:
    """Return the scale at each visit that asks for it. Five queries, whatever the number of patients."""
    found = scale_of(view.rules)
    if found is None:
        return DrawnFigure(table=FigureTable(COLUMNS, []), why=_("The protocol does not ask for this scale."))
    form, item = found
    asked = [visit for visit in view.rules.visits if form.code in visit.form_codes]
    patients = _patients(view, form, item)
    visits = [each for each in counted(patients, asked, view.today, item.codes) if each.reached]
    table = FigureTable(COLUMNS, [row for each in visits for row in _rows(each, item, view)])
    if not visits:
        waiting = _("No patient has reached a visit that asks for the scale.")
        why = waiting if patients else _("No patient is included yet.")
        return DrawnFigure(table=table, why=why)
    figure = stacked(
        [_column(each, item, view) for each in visits],
        label=_label(visits, len(patients), item),
        axis_title=_("Patients"),
        key=_key(item, view),
    )
    return DrawnFigure(
        table=table,
        drawings=(Drawing("scale", form.title.in_language(view.language), figure),),
        notes=(
            _("Complete forms of included patients. A patient who died is in the last category at every later visit."),
            _("Not known: the day of the visit has come, and no category is recorded."),
            _("A patient whose visit is still to come is not in its column."),
        ),
    )  # fmt: skip


def _key(item: Item, view: FigureView) -> list[str]:
    """Return the key to the texts of the parts, with the first one as an example."""
    labels = [item.choice(code).label.in_language(view.language) for code in item.codes]
    example = _("%(category)s (2): two patients in category %(category)s") % {"category": item.codes[0]}
    return [example, *labels, _("?: not known")]


def _patients(view: FigureView, form: Form, item: Item) -> list[ScalePatient]:
    included: dict[str, Any] = {"patient__trial": view.trial, "patient__enrolled_on__isnull": False}
    rows = Patient.objects.filter(trial=view.trial, enrolled_on__isnull=False).order_by("number")
    planned: dict[int, dict[str, date]] = {}
    visits = Visit.objects.filter(**included, number=1).order_by("pk")
    for patient, code, held, due in visits.values_list("patient_id", "code", "held_on", "planned_on"):
        if held or due:
            planned.setdefault(patient, {})[code] = held or due
    scores: dict[int, dict[str, str]] = {}
    complete = Record.objects.filter(
        **included, form=form.code, state=Record.State.COMPLETE, visit__number=1
    ).order_by("pk")
    for patient, code, values in complete.values_list("patient_id", "visit__code", "values"):
        scores.setdefault(patient, {})[code] = values.get(item.name) or UNKNOWN
    deaths = deaths_in(view.trial)
    zone = view.rules.trial.site.time_zone
    last_visit_counts_from_infusion = view.rules.visits[-1].anchor.startswith("infusion")
    return [
        ScalePatient(
            died_on=deaths[key].moment.placed(zone).last_day if key in deaths else None,
            zero=(infused or enrolled) if last_visit_counts_from_infusion else enrolled,
            planned=planned.get(key, {}),
            scores=scores.get(key, {}),
        )
        for key, enrolled, infused in rows.values_list("pk", "enrolled_on", "first_infusion_on")
    ]


def _look(code: str) -> tuple[str, str]:
    return LOOKS.get(code, AT_HOME)


def _column(each: ScaleVisit, item: Item, view: FigureView) -> StackColumn:
    title = each.visit.title.in_language(view.language)
    parts = [
        StackPart(
            number=number,
            css=_look(code)[0],
            words_css=_look(code)[1],
            text=f"{code or '?'} ({number})",
            tip=_tip(title, code, number, item, view),
        )
        for code, number in each.numbers.items()
        if number
    ]
    note = ngettext("%(number)s patient", "%(number)s patients", each.reached) % {"number": each.reached}
    return StackColumn(_day(each, view), note, parts)


def _day(each: ScaleVisit, view: FigureView) -> str:
    """Return the study day of a visit, with its code where that says something else."""
    number = nominal_day(view.rules, each.visit)
    day = "" if number is None else day_words(number)
    return each.visit.code if day in ("", each.visit.code) else f"{each.visit.code} · {day}"


def _tip(title: str, code: str, number: int, item: Item, view: FigureView) -> str:
    category = item.choice(code).label.in_language(view.language) if code else _("not known")
    told = {"visit": title, "number": number, "category": category}
    return (
        ngettext(
            "%(visit)s, %(number)s patient. %(category)s",
            "%(visit)s, %(number)s patients. %(category)s",
            number,
        )
        % told
    )


def _label(visits: Sequence[ScaleVisit], patients: int, item: Item) -> str:
    last = visits[-1]
    told = {
        "patients": patients,
        "visit": last.visit.code,
        "reached": last.reached,
        "dead": last.numbers[item.codes[-1]],
        "unknown": last.numbers[UNKNOWN],
    }
    return (
        ngettext(
            "%(patients)s included patient. At %(visit)s, reached by %(reached)s: "
            "%(dead)s in the last category, %(unknown)s not known.",
            "%(patients)s included patients. At %(visit)s, reached by %(reached)s: "
            "%(dead)s in the last category, %(unknown)s not known.",
            patients,
        )
        % told
    )


def _rows(each: ScaleVisit, item: Item, view: FigureView) -> list[list[Cell]]:
    title = each.visit.title.in_language(view.language)
    return [
        [
            CodedCell(each.visit.code, title),
            nominal_day(view.rules, each.visit),
            CodedCell(code, item.choice(code).label.in_language(view.language))
            if code
            else CodedCell("unknown", _("Not known")),
            number,
            each.reached,
        ]
        for code, number in each.numbers.items()
    ]


FIGURE = StudyFigure(
    key="who-progression",
    title=gettext_lazy("WHO clinical progression scale"),
    question=gettext_lazy("How ill are the patients on each study day, and of how many is that not known?"),
    draw=draw,
    offered=lambda rules: scale_of(rules) is not None,
)
