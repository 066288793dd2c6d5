"""The course of each included patient in days from inclusion, for figures over time. At most eight queries.

Respiratory support comes from the log whose rows the protocol file tabulates as procedures of the category RESPIRATORY
SUPPORT (SDTM PR). Only complete rows count.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.functional import Promise

from outcomes.loading import study_data
from outcomes.study_data import OutcomePatient
from patients.models import Patient, Record
from protocol.document.document import Protocol
from protocol.document.items import Form, Item
from protocol.expressions.outcomes import outcomes_of
from protocol.values.moments import Moment, days_between
from reports.study_figures.contract import FigureView

SUPPORT_DOMAIN, SUPPORT_CATEGORY = "PR", "RESPIRATORY SUPPORT"
TREATMENT, START, END = "PRTRT", "PRSTDTC", "PRENDTC"
WHY_ENDED, BY_DEATH, ONGOING = "ENDREAS", "DEATH", "PRENRTPT"
INVASIVE = frozenset({"IMV", "ECMO"})
"""Codes of support that need a tube or a cannula; the shipped protocols and the WHO scale of progression use IMV."""


@dataclass(frozen=True, slots=True)
class SupportSpell:
    """One row of the log of respiratory support. A day is None if it is not known to the day; open: still going on."""

    kind: str
    start: int | None
    end: int | None
    open: bool
    by_death: bool

    @property
    def invasive(self) -> bool:
        """Return True for invasive ventilation and extracorporeal oxygenation."""
        return self.kind in INVASIVE


@dataclass(frozen=True, slots=True)
class SeriousEvent:
    """A serious adverse event: number, term, grade, and the day of its onset, None if that is not known to the day."""

    number: int
    term: str
    grade: int
    day: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCourse:
    """One included patient. Days count from inclusion.

    dead: whether a death is recorded; died: its day, None if that is not known. observed: the last day on which the
    patient was known to be alive, or died. last: the end of the study, or today. arm: empty unless the reader may know.
    """

    code: str
    group: str
    arm: str
    dead: bool
    died: int | None
    observed: int | None
    last: int
    state: str
    end_reason: str
    infusions: tuple[int, ...]
    spells: tuple[SupportSpell, ...]
    events: tuple[SeriousEvent, ...]

    @property
    def in_study(self) -> bool:
        """Return True while the patient is in follow-up."""
        return self.state == Patient.State.ENROLLED


@dataclass(frozen=True)
class SupportLog:
    """The log of respiratory support of a protocol, with its items by CDISC name."""

    form: Form

    @cached_property
    def _items(self) -> Mapping[str, Item]:
        named: dict[str, Item] = {}
        for item in self.form.items:
            told = item.sdtm
            for name in (item.cdisc, told.variable if told else None, told.qualifier if told else None):
                if name:
                    named[name] = item
        return named

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the codes of support in the order of the file, the least support first."""
        return tuple(choice.code for choice in self._items[TREATMENT].choices)

    def title_of(self, kind: str, language: str) -> str | Promise:
        """Return the name of a kind of support."""
        labels = {choice.code: choice.label for choice in self._items[TREATMENT].choices}
        return labels[kind].in_language(language) if kind in labels else kind

    def spell(self, values: Mapping[str, Any], start: Moment, zone: str) -> SupportSpell | None:
        """Return a row as days after `start`; None for a row without a kind."""

        def said(name: str) -> object:
            item = self._items.get(name)
            return values.get(item.name) if item else None

        kind = said(TREATMENT)
        if not isinstance(kind, str):
            return None
        began, ended = (_day(said(name), start, zone) for name in (START, END))
        return SupportSpell(kind, began, ended, said(ONGOING) == "Y", said(WHY_ENDED) == BY_DEATH)


def support_log(rules: Protocol) -> SupportLog | None:
    """Return the log of respiratory support of a protocol, None if it has none."""
    for code in rules.logs:
        form = rules.form(code)
        category = form.sdtm.category if form.sdtm else None
        if (form.cdisc_domain, category) == (SUPPORT_DOMAIN, SUPPORT_CATEGORY):
            return SupportLog(form)
    return None


def study_courses(view: FigureView) -> list[StudyCourse]:
    """Return the course of each included patient, in the order of their numbers."""
    patients = study_data(view.trial, outcomes_of(view.rules), arms=view.by_arm)
    rows = _rows(view)
    log = support_log(view.rules)
    support = _support(view, log) if log else {}
    return [_course(view, each, rows[each.code], log, support.get(each.code, [])) for each in patients]


def _rows(view: FigureView) -> Mapping[str, Mapping[str, Any]]:
    included = Patient.objects.filter(trial=view.trial, enrolled_on__isnull=False)
    return {row["code"]: row for row in included.values("code", "state", "ended_on", "end_reason")}


def _support(view: FigureView, log: SupportLog) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    complete = Record.objects.filter(
        patient__trial=view.trial, patient__enrolled_on__isnull=False, form=log.form.code, visit__isnull=True,
        state=Record.State.COMPLETE,
    )  # fmt: skip
    for code, values in complete.order_by("patient_id", "repeat").values_list("patient__code", "values"):
        found[code].append(values)
    return found


def _course(
    view: FigureView, patient: OutcomePatient, row: Mapping[str, Any], log: SupportLog | None,
    support: Sequence[Mapping[str, Any]],
) -> StudyCourse:  # fmt: skip
    zone = view.rules.trial.site.time_zone
    included = patient.subject["inclusion_on"]
    start = Moment.from_date(included, zone)
    spells = [spell for values in support if log and (spell := log.spell(values, start, zone))]
    infusions = (_known(each.get("started_at"), start, zone) for each in patient.infusions)
    died = patient.died_on
    return StudyCourse(
        code=patient.code,
        group=patient.group,
        arm=patient.arm,
        dead=died is not None,
        died=_known(died, start, zone),
        observed=(patient.observed_to - included).days if patient.observed_to else None,
        last=((row["ended_on"] or view.today) - included).days,
        state=row["state"],
        end_reason=row["end_reason"],
        infusions=tuple(day for day in infusions if day is not None),
        spells=tuple(sorted(spells, key=lambda each: (each.start is None, each.start or 0))),
        events=tuple(
            SeriousEvent(event.number, event.term, event.values["grade"], _known(event.onset, start, zone))
            for event in patient.events
            if event.values["serious"]
        ),
    )


def _day(stored: object, start: Moment, zone: str) -> int | None:
    return _known(Moment.from_iso(stored, zone), start, zone) if isinstance(stored, str) else None


def _known(moment: Moment | None, start: Moment, zone: str) -> int | None:
    """Return the day of a moment after `start`, None if it is not known to the day."""
    if moment is None:
        return None
    least, most = days_between(start, moment, zone)
    return least if least == most else None
