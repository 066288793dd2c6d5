"""Invented patients of the shipped trials as their outcomes read them, without a database."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from outcomes.answers import OutcomeAnswer, OutcomeEvaluation, PatientResult
from outcomes.lines import OutcomeLine, lines_of
from outcomes.study_data import OutcomeEventData, OutcomePatient, OutcomeVisit
from protocol.expressions.outcomes import CompiledReading, OutcomeRules, outcomes_of
from protocol.values.moments import Moment
from tests.support.protocols.shipped import COVID_MSV, LIEGE, protocol

ZONE = "Europe/Madrid"
DAY_0 = dt.date(2026, 3, 10)
DOSE = dt.datetime(2026, 3, 10, 9, 0, tzinfo=dt.UTC)


def day(number: int) -> dt.date:
    """Return a day counted from the inclusion, on which the infusion is given."""
    return DAY_0 + dt.timedelta(days=number)


def clock(number: int, hour: int = 10) -> str:
    """Return an hour of a day as stored, on the clock of the site."""
    local = dt.datetime.combine(day(number), dt.time(hour), tzinfo=ZoneInfo(ZONE))
    return Moment.from_datetime(local, ZONE).iso


def alive(number: int) -> Mapping[str, Any]:
    """Return the vital status of a patient who was in contact on a day."""
    return {"survival_status": "ALIVE", "last_contact_on": day(number).isoformat()}


def visit(code: str, number: int, **records: Mapping[str, Any]) -> OutcomeVisit:
    """Return a visit held on a day with its complete forms."""
    return OutcomeVisit(code, 1, day(number), records)


def event(number: int = 1, *, onset: str = "", **values: Any) -> OutcomeEventData:
    """Return a mild, unrelated event of day 3. A None is an open answer."""
    at = onset or day(3).isoformat()
    known = {
        "term": "Fever", "onset": at, "grade": 1, "serious": False, "fatal": False, "related": False,
        "expected": None, "aesi": "none",
    }  # fmt: skip
    return OutcomeEventData(number, "Fever", Moment.from_iso(at, ZONE), {**known, **values})


def patient(
    code: str = "P-1",
    *,
    group: str = "",
    arm: str = "",
    stratum: str = "",
    infused: bool = True,
    died: str = "",
    contact: int | None = None,
    visits: tuple[OutcomeVisit, ...] = (),
    events: tuple[OutcomeEventData, ...] = (),
    **logs: list[Mapping[str, Any]],
) -> OutcomePatient:
    """Return a patient included on day 0. contact: day of the last contact. logs: rows by form."""
    given = {"number": 1, "started_at": Moment.from_datetime(DOSE, ZONE)}
    last = Moment.from_date(day(contact), ZONE) if contact is not None else None
    death = Moment.from_iso(died, ZONE) if died else None
    subject = {
        "inclusion_on": DAY_0, "screened_on": DAY_0, "first_infusion_on": DAY_0 if infused else None,
        "first_infusion_at": given["started_at"] if infused else None, "group": group, "died_on": death,
        "last_contact_on": last,
    }  # fmt: skip
    end = death.first_day if death else day(contact) if contact is not None else None
    return OutcomePatient(
        code=code, group=group, arm=arm, stratum=stratum, subject=subject, infusions=[given] if infused else [],
        events=events, visits=visits, logs=logs, observed_to=end,
    )  # fmt: skip


class Outcomes:
    """The outcomes of one shipped trial."""

    def __init__(self, slug: str) -> None:
        self.rules: OutcomeRules = outcomes_of(protocol(slug))

    def reading(self, key: str) -> CompiledReading:
        """Return a reading by `outcome reading`."""
        outcome, code = key.split()
        return next(each for each in self.rules.readings if each.key == (outcome, code))

    def results(self, key: str, *patients: OutcomePatient) -> list[PatientResult]:
        """Return what a reading says of those who belong to its population."""
        return OutcomeEvaluation(self.rules).results(self.reading(key), list(patients))

    def answer(self, key: str, patient: OutcomePatient, visit: str = "") -> OutcomeAnswer | None:
        """Return the answer about one patient, None outside the population."""
        found = self.results(key, patient)
        return found[0].answers[visit] if found else None

    def lines(self, key: str, *patients: OutcomePatient, arms: bool = False) -> list[OutcomeLine]:
        """Return the lines of a reading."""
        found = self.results(key, *patients)
        return lines_of(self.reading(key), found, self.rules.protocol, arms=arms)


LIEGE_OUTCOMES, MSV_OUTCOMES = Outcomes(LIEGE), Outcomes(COVID_MSV)
