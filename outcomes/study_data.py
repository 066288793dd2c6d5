"""The data of a trial as its outcomes read them: each patient, and the scopes of expressions. No Django."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from protocol.document.document import Protocol
from protocol.expressions.scope import NOTHING, Answers, Scope
from protocol.values.moments import Moment, days_between


@dataclass(frozen=True, slots=True)
class OutcomeVisit:
    """A visit with the values of its complete forms, by form. number: above 1 for a repeated unscheduled visit."""

    code: str
    number: int
    on: dt.date | None
    records: Mapping[str, Answers]


@dataclass(frozen=True, slots=True)
class OutcomeEventData:
    """An adverse event: its number, its term, its onset, and what conditions read of it. A None is an open answer."""

    number: int
    term: str
    onset: Moment
    values: Mapping[str, Any]


@dataclass(frozen=True)
class OutcomePatient:
    """One included patient. arm, stratum: of the allocation, only if the reader may know it, else empty.

    subject: names of `subject.…` without day 0. visits: in the order in which they take place.
    """

    code: str
    group: str
    arm: str
    subject: Mapping[str, Any]
    infusions: Sequence[Mapping[str, Any]]
    events: Sequence[OutcomeEventData]
    visits: Sequence[OutcomeVisit]
    logs: Mapping[str, Sequence[Answers]]
    observed_to: dt.date | None = None
    stratum: str = ""

    @property
    def infused(self) -> bool:
        return bool(self.infusions)

    @property
    def died_on(self) -> Moment | None:
        """Day of death, None if no death is recorded."""
        moment: Moment | None = self.subject.get("died_on")
        return moment

    @cached_property
    def _milestones(self) -> Mapping[str, Any]:
        given = {f"infusion_{each['number']}": each["started_at"] for each in self.infusions}
        return {
            "inclusion": self.subject.get("inclusion_on"),
            "screening": self.subject.get("screened_on"),
            **given,
        }

    def day_zero(self, name: str, zone: str) -> Moment | None:
        """Return the day of a milestone or of an item of a form, at the site; None if it is not known."""
        form, dot, item = name.partition(".")
        raw = self._latest.get(form, NOTHING).get(item) if dot else self._milestones.get(name)
        if isinstance(raw, str):
            return Moment.from_iso(raw, zone)
        if isinstance(raw, Moment):
            day = raw.day_in(zone)
            return Moment.from_date(day, zone) if day else None
        return Moment.from_date(raw, zone) if isinstance(raw, dt.date) else None

    @cached_property
    def _latest(self) -> Mapping[str, Answers]:
        return {form: values for visit in self.visits for form, values in visit.records.items()}

    @cached_property
    def rows(self) -> "VisitRows":
        """A row for each visit at which a form is complete, by form."""
        return VisitRows(self)

    def visit(self, code: str) -> OutcomeVisit | None:
        """Return the planned visit with a code, None if the patient has none."""
        return next((visit for visit in self.visits if visit.code == code and visit.number == 1), None)

    def values_before(self, visit: OutcomeVisit) -> Mapping[str, Answers]:
        """Return the latest values of each form before a visit."""
        found: dict[str, Answers] = {}
        for each in self.visits:
            if each is visit:
                break
            found.update(each.records)
        return found


class VisitRows(dict[str, list[Answers]]):
    """The rows of ``visits.form`` of a patient, made when an expression first asks for the form."""

    def __init__(self, patient: OutcomePatient) -> None:
        super().__init__()
        self._patient = patient

    def get(self, form: str, default: Any = None) -> Any:
        """Return the rows of a form; none if it is complete at no visit."""
        if form not in self:
            self[form] = [
                {**visit.records[form], "visit": visit.code, "visit_date": visit.on}
                for visit in self._patient.visits
                if form in visit.records
            ]
        return self[form]


@dataclass(frozen=True)
class PatientScopes:
    """The scopes of one patient with one day 0: of the whole course, and of each visit.

    At a visit a form that the protocol has there is read at that visit only; a value is never carried forward to it.
    """

    patient: OutcomePatient
    rules: Protocol
    day_zero: Moment | None
    _made: dict[str, Scope] = field(default_factory=dict)
    _days: dict[int, tuple[int, int]] = field(default_factory=dict)
    _events: dict[int, Scope] = field(default_factory=dict)

    @cached_property
    def _subject(self) -> Mapping[str, Any]:
        return {
            **self.patient.subject,
            "day_zero": self.day_zero,
            "infusions": list(self.patient.infusions),
        }

    @cached_property
    def _beside(self) -> Mapping[str, Answers]:
        logs = {form: list(self.patient.logs.get(form, ())) for form in self.rules.logs}
        return {"visits": self.patient.rows, "logs": logs, "infusion": NOTHING}

    @cached_property
    def whole(self) -> Scope:
        """The scope of the whole course: a form is its latest record."""
        latest = self.patient._latest
        return Scope(NOTHING, {**latest, **self._beside, "visit": NOTHING}, self._subject, last=latest)

    def of_event(self, event: OutcomeEventData) -> Scope:
        """Return the scope of a condition on one adverse event."""
        if event.number not in self._events:
            self._events[event.number] = Scope(
                event.values, self.whole.other_forms, self._subject, form="event", last=self.patient._latest
            )
        return self._events[event.number]

    def days_of(self, event: OutcomeEventData, zone: str) -> tuple[int, int]:
        """Return the least and the most day of an onset after day 0; 0 if that is not known."""
        if event.number not in self._days:
            start = self.day_zero or event.onset
            self._days[event.number] = days_between(start, event.onset, zone)
        return self._days[event.number]

    def at(self, code: str) -> Scope:
        """Return the scope of a visit; without that visit every form of it is unknown."""
        if code not in self._made:
            self._made[code] = self._at(code)
        return self._made[code]

    def _at(self, code: str) -> Scope:
        visit = self.patient.visit(code)
        here = visit.records if visit else NOTHING
        asked = self.rules.visit(code).form_codes
        earlier = self.patient.values_before(visit) if visit else NOTHING
        elsewhere = {form: values for form, values in earlier.items() if form not in asked}
        named = {"visit": {"code": code, "on": visit.on} if visit else NOTHING}
        return Scope(
            NOTHING,
            {**elsewhere, **here, **self._beside, **named},
            self._subject,
            previous=earlier,
            last=self.patient._latest,
            same=here,
        )
