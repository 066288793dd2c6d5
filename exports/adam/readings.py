"""ADOUT and ADTTE: what each reading of an outcome says of each patient of its population."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from exports.adam.subject_level import shared
from outcomes.answers import (
    CENSORED,
    COMPETING,
    EVENT,
    MissingValue,
    OutcomeAnswer,
    OutcomeEvaluation,
    OutcomeVerdict,
    PatientResult,
)
from outcomes.study_data import OutcomePatient
from protocol.document.outcomes import NUMERIC
from protocol.expressions.outcomes import CompiledReading
from protocol.values.moments import Moment

ENDS: Final = {CENSORED: "CENSORED", EVENT: "EVENT", COMPETING: "COMPETING EVENT"}
# ADaM counts the event as 0, and everything else above it.
CENSORING: Final = {EVENT: 0, CENSORED: 1, COMPETING: 2}
CODE_LENGTH: Final = 8
REASON_PARTS: Final = "; "


@dataclass(frozen=True, slots=True)
class ReadingParameter:
    """A reading of an outcome as a parameter: PARAMCD and PARAM, in English."""

    code: str
    name: str
    compiled: CompiledReading

    @property
    def is_time(self) -> bool:
        """Return whether it is a time to an event, which ADTTE holds."""
        return self.compiled.reading.measure == "time_to_event"

    def values(self) -> dict[str, Any]:
        """Return the variables that tell the parameter."""
        reading = self.compiled.reading
        return {
            "PARAMCD": self.code,
            "PARAM": self.name,
            "PARCAT1": self.compiled.outcome.id,
            "PARCAT2": reading.code,
            "PARCAT3": reading.measure,
            "PARCAT4": reading.population,
        }


def parameters(compiled: Iterable[CompiledReading]) -> list[ReadingParameter]:
    """Return the parameters of the readings in the order of the protocol file, each with a code of its own."""
    found: list[ReadingParameter] = []
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    for each in compiled:
        outcome = each.outcome
        number = numbers[outcome.id] = numbers.get(outcome.id, 0) + 1
        stem = "".join(sign for sign in outcome.id.upper() if sign.isalnum())
        code = f"{stem[: CODE_LENGTH - 2]}{number:02d}"
        if code in taken or number > 99:
            code = f"P{len(found) + 1:04d}"
        taken.add(code)
        titles = (outcome.title.in_language("en"), each.reading.title.in_language("en"))
        found.append(ReadingParameter(code, ": ".join(titles), each))
    return found


class ReadingRecords:
    """Makes the records of the readings.

    subjects: records of ADSL by SUBJID. visits: VISITNUM by code.
    """

    def __init__(
        self,
        evaluation: OutcomeEvaluation,
        patients: list[OutcomePatient],
        subjects: Mapping[str, Mapping[str, Any]],
        visits: Mapping[str, int],
    ) -> None:
        self.evaluation, self.patients, self.subjects, self.visits = evaluation, patients, subjects, visits
        self._by_code = {each.code: each for each in patients}

    def of(self, parameter: ReadingParameter, results: Iterable[PatientResult]) -> Iterator[dict[str, Any]]:
        """Yield the records of a parameter: a patient at a visit each."""
        for result in results:
            for visit, answer in result.answers.items():
                who = self._who(parameter, result, answer)
                if parameter.is_time:
                    yield who | self._time(parameter, result, answer)
                else:
                    yield who | self._answer(parameter, result, visit, answer)

    def _who(
        self, parameter: ReadingParameter, result: PatientResult, answer: OutcomeAnswer
    ) -> dict[str, Any]:
        undetermined = answer.verdict is OutcomeVerdict.OPEN
        return {
            **shared(self.subjects[result.patient]),
            "STRATUM": result.stratum,
            **parameter.values(),
            "POPFL": "Y" if result.member else None,
            "UNDFL": "Y" if undetermined else None,
            "UNDREAS": REASON_PARTS.join(map(_named, dict.fromkeys(answer.missing))) or None,
        }

    def _answer(
        self, parameter: ReadingParameter, result: PatientResult, visit: str, answer: OutcomeAnswer
    ) -> dict[str, Any]:
        reading = parameter.compiled.reading
        values: dict[str, Any] = {"AVISIT": visit or None, "AVISITN": self.visits.get(visit)}
        if answer.verdict is not OutcomeVerdict.OPEN:
            if reading.measure in NUMERIC:
                values["AVAL"] = answer.value
            else:
                yes = answer.verdict is OutcomeVerdict.YES
                values |= {"AVAL": int(yes), "AVALC": "Y" if yes else "N"}
        if reading.event:
            certain = sum(event.certain for event in result.events)
            values |= {
                "NEVENT": certain,
                "NEVENTU": len(result.events) - certain,
                "PTDAYS": result.days,
            }
        return values

    def _time(
        self, parameter: ReadingParameter, result: PatientResult, answer: OutcomeAnswer
    ) -> dict[str, Any]:
        patient = self._by_code[result.patient]
        start = patient.day_zero(parameter.compiled.day_zero, self.evaluation.zone)
        values: dict[str, Any] = {"STARTDT": _day(start)}
        if answer.observed is not None:
            first, days = _day(start), answer.observed.day
            values |= {
                "AVAL": days,
                "CNSR": CENSORING[answer.observed.cause],
                "EVNTDESC": ENDS[answer.observed.cause],
                "ADT": first + timedelta(days=days) if first else None,
            }
        return values


def _day(moment: Moment | None) -> Any:
    return moment.first_day if moment is not None and moment.first_day == moment.last_day else None


def _named(missing: MissingValue) -> str:
    return f"{missing.name} at {missing.visit}" if missing.visit else missing.name
