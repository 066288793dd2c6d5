"""Answers of readings for patients: yes, no, a number, a time, or undetermined with what is missing. No Django."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from outcomes.statistics.survival import ObservedTime
from outcomes.study_data import OutcomeEventData, OutcomePatient, PatientScopes
from protocol.document.outcomes import INCLUDED, INFUSED
from protocol.expressions.compiled import Undetermined
from protocol.expressions.outcomes import CompiledReading, OutcomeRules
from protocol.expressions.window_functions import in_window
from protocol.values.moments import Moment, days_between

CENSORED, EVENT, COMPETING = 0, 1, 2


class OutcomeVerdict(StrEnum):
    """The verdict of a reading on a patient. Any number counts as known."""

    YES = "yes"
    NO = "no"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class MissingValue:
    """A value that could decide: its name in the protocol file, and the visit at which it is missing, if one is."""

    name: str
    visit: str = ""


@dataclass(frozen=True, slots=True)
class OutcomeAnswer:
    """The answer of a reading for a patient, at one visit if it has visits.

    value: of a number, or the day of a time. observed: of a time to an event. missing: what an open answer lacks.
    """

    verdict: OutcomeVerdict
    value: Decimal | None = None
    observed: ObservedTime | None = None
    missing: tuple[MissingValue, ...] = ()


@dataclass(frozen=True, slots=True)
class OutcomeEvent:
    """An adverse event that counts (certain), or may count."""

    number: int
    term: str
    certain: bool
    missing: tuple[MissingValue, ...] = ()


@dataclass(frozen=True, slots=True)
class PatientResult:
    """One patient of the population of a reading. member: None if it is open whether the patient belongs to it.

    answers: by visit, one under an empty code without visits. days: patient-days of observation, of a rate.
    """

    patient: str
    group: str
    arm: str
    member: bool | None
    answers: Mapping[str, OutcomeAnswer] = field(default_factory=dict)
    events: tuple[OutcomeEvent, ...] = ()
    days: int | None = None
    stratum: str = ""


class OutcomeEvaluation:
    """Evaluates the readings of a protocol on the patients of a trial."""

    def __init__(self, rules: OutcomeRules) -> None:
        self.rules = rules
        self.zone = rules.protocol.trial.site.time_zone
        self._scopes: dict[tuple[str, str], PatientScopes] = {}
        self._days: dict[tuple[str, str, tuple[int, int]], int | None] = {}
        self._members: dict[tuple[str, str], tuple[bool | None, tuple[MissingValue, ...]]] = {}

    def results(self, compiled: CompiledReading, patients: list[OutcomePatient]) -> list[PatientResult]:
        """Return the results of those who belong to the population of a reading, or may belong to it."""
        return list(self._results(compiled, patients))

    def _results(self, compiled: CompiledReading, patients: list[OutcomePatient]) -> Iterator[PatientResult]:
        for patient in patients:
            member, missing = self.belongs(patient, compiled.reading.population)
            if member is None:
                # A time that is looked for at visits is one answer, not one at each of them.
                timed = compiled.reading.measure == "time_to_event"
                places = ("",) if timed else compiled.reading.at or ("",)
                unknown = dict.fromkeys(places, OutcomeAnswer(OutcomeVerdict.OPEN, missing=missing))
                yield PatientResult(
                    patient.code, patient.group, patient.arm, None, unknown, stratum=patient.stratum
                )
            elif member:
                yield self._result(compiled, patient)

    def belongs(
        self, patient: OutcomePatient, population: str
    ) -> tuple[bool | None, tuple[MissingValue, ...]]:
        """Return whether a patient belongs to a population, and what is missing if that is open."""
        if population == INCLUDED:
            return True, ()
        if population == INFUSED:
            return patient.infused, ()
        key = (patient.code, population)
        if key not in self._members:
            self._members[key] = self._judged(patient, population)
        return self._members[key]

    def _judged(
        self, patient: OutcomePatient, population: str
    ) -> tuple[bool | None, tuple[MissingValue, ...]]:
        plan = self.rules.protocol.populations[population]
        around, missing = self.belongs(patient, plan.within)
        if around is False:
            return False, ()
        scopes = self._scopes_of(patient, "inclusion")
        answer = self.rules.members[population].evaluate(scopes.at(plan.at) if plan.at else scopes.whole)
        if isinstance(answer, Undetermined):
            return None, (*missing, *_missing(answer, plan.at or ""))
        return (False, ()) if answer is False else (around, missing)

    def _scopes_of(self, patient: OutcomePatient, day_zero: str) -> PatientScopes:
        key = (patient.code, day_zero)
        if key not in self._scopes:
            start = patient.day_zero(day_zero, self.zone)
            self._scopes[key] = PatientScopes(patient, self.rules.protocol, start)
        return self._scopes[key]

    def _result(self, compiled: CompiledReading, patient: OutcomePatient) -> PatientResult:
        scopes = self._scopes_of(patient, compiled.day_zero)
        reading = compiled.reading
        if reading.event:
            return self._of_events(compiled, patient, scopes)
        if reading.measure == "time_to_event":
            find = self._time_at_visits if reading.at else self._time
            return _of(patient, {"": find(compiled, patient, scopes)})
        if reading.measure == "mean_change":
            return _of(patient, self._changes(compiled, scopes))
        places = {code: scopes.at(code) for code in reading.at} or {"": scopes.whole}
        found = {code: _answer(compiled.expression.evaluate(scope), code) for code, scope in places.items()}
        return _of(patient, _named(found, compiled.day_zero))

    # Adverse events.

    def _of_events(
        self, compiled: CompiledReading, patient: OutcomePatient, scopes: PatientScopes
    ) -> PatientResult:
        start = scopes.day_zero
        window = compiled.window
        if start is None:
            return _of(patient, {"": _unknown(compiled.day_zero)})
        found = [
            counted
            for event in patient.events
            if (counted := self._counted(compiled, event, scopes, window)) is not None
        ]
        place = (patient.code, compiled.day_zero, window)
        if place not in self._days:
            self._days[place] = _days_observed(patient, start, window, self.zone)
        days = self._days[place]
        lacking = tuple(dict.fromkeys(each for event in found for each in event.missing))
        if any(event.certain for event in found):
            answer = OutcomeAnswer(OutcomeVerdict.YES)
        elif found:
            answer = OutcomeAnswer(OutcomeVerdict.OPEN, missing=lacking)
        else:
            answer = OutcomeAnswer(OutcomeVerdict.NO)
        if compiled.reading.measure == "rate" and days is None:
            answer = _unknown("subject.last_contact_on")
        return _of(patient, {"": answer}, tuple(found), days)

    def _counted(
        self,
        compiled: CompiledReading,
        event: OutcomeEventData,
        scopes: PatientScopes,
        window: tuple[int, int],
    ) -> OutcomeEvent | None:
        inside = in_window(*scopes.days_of(event, self.zone), *window)
        if inside is False:
            return None
        answer = compiled.expression.evaluate(scopes.of_event(event))
        if answer is False:
            return None
        missing = () if inside else (MissingValue("event.onset"),)
        if isinstance(answer, Undetermined):
            missing = (*missing, *_missing(answer))
        return OutcomeEvent(event.number, event.term, not missing, missing)

    # Numbers.

    def _changes(self, compiled: CompiledReading, scopes: PatientScopes) -> Mapping[str, OutcomeAnswer]:
        before = [
            _answer(compiled.expression.evaluate(scopes.at(code)), code) for code in compiled.reading.baseline
        ]
        baseline = next((each for each in before if each.value is not None), None)
        lacking = () if baseline else tuple(each for answer in before for each in answer.missing)
        found = {}
        for code in compiled.reading.at:
            now = _answer(compiled.expression.evaluate(scopes.at(code)), code)
            if baseline and baseline.value is not None and now.value is not None:
                found[code] = OutcomeAnswer(OutcomeVerdict.YES, value=now.value - baseline.value)
            else:
                found[code] = OutcomeAnswer(OutcomeVerdict.OPEN, missing=(*lacking, *now.missing))
        return found

    # Times.

    def _time(
        self, compiled: CompiledReading, patient: OutcomePatient, scopes: PatientScopes
    ) -> OutcomeAnswer:
        """Return the time to a date: the event, or the last contact without it, within the window."""
        start, last = scopes.day_zero, compiled.window[1]
        if start is None:
            return _unknown(compiled.day_zero)
        event = compiled.expression.evaluate(scopes.whole)
        contact = patient.subject.get("last_contact_on")
        if isinstance(event, Moment):
            least, most = days_between(start, event, self.zone)
            if least > last:
                return _timed(last, CENSORED)
            if least != most:
                return _unknown(compiled.expression.source)
            return _timed(max(0, least), EVENT)
        if contact is None:
            return _unknown(compiled.expression.source, "subject.last_contact_on")
        day = _day_of(contact, start, self.zone)
        if day < 0:
            return _unknown("subject.last_contact_on")
        return _timed(min(day, last), CENSORED)

    def _time_at_visits(
        self, compiled: CompiledReading, patient: OutcomePatient, scopes: PatientScopes
    ) -> OutcomeAnswer:
        """Return the day of the first visit at which the endpoint is true, else that of the last answered visit."""
        start, last = scopes.day_zero, compiled.window[1]
        if start is None:
            return _unknown(compiled.day_zero)
        until: int | None = None
        missing: list[MissingValue] = []
        for code in compiled.reading.at:
            visit = patient.visit(code)
            answer = _answer(compiled.expression.evaluate(scopes.at(code)), code)
            missing += answer.missing
            if visit is None or visit.on is None or answer.verdict is OutcomeVerdict.OPEN:
                continue
            day = max(0, _day_of(Moment.from_date(visit.on, self.zone), start, self.zone))
            if answer.verdict is OutcomeVerdict.YES and day <= last:
                return _timed(day, EVENT)
            until = day
        return self._without_event(compiled, patient, start, until, tuple(missing))

    def _without_event(
        self, compiled: CompiledReading, patient: OutcomePatient, start: Moment, until: int | None,
        missing: tuple[MissingValue, ...],
    ) -> OutcomeAnswer:  # fmt: skip
        last = compiled.window[1]
        if compiled.reading.competing_death and patient.died_on is not None:
            least, most = days_between(start, patient.died_on, self.zone)
            if most <= last:
                return _timed(max(0, most), COMPETING)
            if least <= last:
                return _unknown("subject.died_on")
        if until is None:
            return OutcomeAnswer(OutcomeVerdict.OPEN, missing=missing)
        return _timed(min(until, last), CENSORED)


def _of(
    patient: OutcomePatient,
    answers: Mapping[str, OutcomeAnswer],
    events: tuple[OutcomeEvent, ...] = (),
    days: int | None = None,
) -> PatientResult:
    """Return the result of a patient who certainly belongs to the population."""
    return PatientResult(
        patient.code, patient.group, patient.arm, True, answers, events, days, patient.stratum
    )


def _answer(value: Any, visit: str) -> OutcomeAnswer:
    if isinstance(value, Undetermined):
        return OutcomeAnswer(OutcomeVerdict.OPEN, missing=tuple(_missing(value, visit)))
    if isinstance(value, Decimal):
        return OutcomeAnswer(OutcomeVerdict.YES, value=value)
    return OutcomeAnswer(OutcomeVerdict.YES if value is True else OutcomeVerdict.NO)


def _unknown(*names: str) -> OutcomeAnswer:
    """Return an undetermined answer that lacks these values, which belong to no visit."""
    return OutcomeAnswer(OutcomeVerdict.OPEN, missing=tuple(map(MissingValue, names)))


def _timed(day: int, cause: int) -> OutcomeAnswer:
    verdict = OutcomeVerdict.YES if cause == EVENT else OutcomeVerdict.NO
    return OutcomeAnswer(verdict, value=Decimal(day), observed=ObservedTime(day, cause))


def _named(answers: Mapping[str, OutcomeAnswer], day_zero: str) -> Mapping[str, OutcomeAnswer]:
    """Return the answers with the milestone or the item in place of a missing day 0."""
    unnamed = MissingValue("subject.day_zero")
    return {
        visit: replace(
            answer,
            missing=tuple(MissingValue(day_zero) if each == unnamed else each for each in answer.missing),
        )
        if unnamed in answer.missing
        else answer
        for visit, answer in answers.items()
    }


def _missing(answer: Undetermined, visit: str = "") -> tuple[MissingValue, ...]:
    """Return the gaps of an undetermined answer; a name of the whole patient is missing at no visit."""
    return tuple(
        MissingValue(name, "" if name.startswith(("subject.", "event.", "visits.", "logs.")) else visit)
        for name in answer.needs
    )


def _day_of(moment: Moment, start: Moment, zone: str) -> int:
    """Return the day of a moment that is known to the day, after day 0."""
    return days_between(start, moment, zone)[0]


def _days_observed(patient: OutcomePatient, start: Moment, window: tuple[int, int], zone: str) -> int | None:
    """Return the calendar days of the window on which a patient was observed, both ends included; None if unknown."""
    if patient.observed_to is None:
        return None
    to = _day_of(Moment.from_date(patient.observed_to, zone), start, zone)
    first, last = window
    return max(0, min(to, last) - first + 1)
