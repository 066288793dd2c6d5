"""The course of one patient from screening to the end of the study; subclasses enter it over HTTP or in a browser.

To save time, visits in the middle are recorded as missed; with TYPE_EVERY_VISIT in the environment each is entered.
"""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal
from random import Random
from typing import Any

from demo.logs import Course, log_rows
from demo.patients import Populator
from patients.casebook.casebook import Casebook
from patients.models import Patient, Record, Visit
from patients.participation.eligibility_decisions.eligibility_data import eligibility_subject
from protocol.document.document import ProtocolVisit
from protocol.simulation.answers import Simulation, simulated_eligible, simulated_values
from protocol.values.row_ids import cells_of, rows_of
from tests.support import build

EVERY_VISIT = bool(os.environ.get("TYPE_EVERY_VISIT"))
IF_AVAILABLE = 0.2
"""Probability that a form is entered which the protocol asks for only if data are available."""
MILD = {"support": "LOW_FLOW", "ecmo": "N", "vasoactive": "N", "dialysis": "N", "gas_done": "Y"}
"""The course of the patient, whatever the other values: oxygen on a ward, and a blood gas where one is asked."""
AT_HOME = {"support": "AIR", "fio2": "21"}
DAYS_IN_HOSPITAL = 30
EVENT = {"term": "Headache", "grade": "2", "outcome": "recovered", "action_taken": "none", "aesi": "none"}


def as_typed(value: Any) -> Any:
    """Return a stored value without the ids of rows, which the server gives."""
    return [cells_of(row) for row in rows_of(value)] or value


class WholePatient:
    """The answers of one patient, compared with the stored data at the end; a subclass enters them."""

    def __init__(self, slug: str, days_ago: int) -> None:
        self.trial = build.trial(slug)
        self.rules, self.rng = self.trial.rules, Random(slug)
        roles = ("coordinator", "investigator", "cell_laboratory")
        self.people = {role: build.user(role, trial=self.trial) for role in roles}
        self.invented = Populator(self.trial, self.people, build.PASSWORD, seed=1)
        self.start = self.invented.today - timedelta(days=days_ago)
        self.typed: dict[tuple[str, str], dict[str, Any]] = {}
        self.near: dict[str, dict[str, Any]] = {}

    def screened(self) -> None:
        """Screen the patient and record the consent."""
        raise NotImplementedError

    def screening_entered(self) -> None:
        """Enter every screening form, with answers that meet every criterion."""
        raise NotImplementedError

    def decided(self) -> None:
        """Sign the eligibility as the investigator and include the patient as the coordinator."""
        raise NotImplementedError

    def followed(self) -> None:
        """Record every visit after screening as held, with its infusion, or as missed."""
        raise NotImplementedError

    def logged(self) -> None:
        """Enter one row in each log that has data for this patient."""
        raise NotImplementedError

    def reported(self) -> None:
        """Report an adverse event."""
        raise NotImplementedError

    def ended(self) -> None:
        """End the study as completed."""
        raise NotImplementedError

    def signed(self) -> None:
        """Sign every complete form as the investigator, with one password."""
        raise NotImplementedError

    def went(self) -> None:
        """Do every step; then check that every form is complete, signed and stored as entered."""
        self.screened()
        self.screening_entered()
        self.decided()
        self.followed()
        self.logged()
        self.reported()
        self.ended()
        self.signed()
        for (visit, form), values in self.typed.items():
            asked = {item.name for item in self.rules.form(form).items if not item.is_calculated}
            where = {"visit": None} if visit == "log" else {"visit__code": visit}
            record = Record.objects.get(patient=self.patient, form=form, state="complete", **where)
            stored = {name: as_typed(value) for name, value in record.values.items() if name in asked}
            assert stored == values, (visit, form)
        assert self.patient.state == "ended"
        records = Record.objects.filter(patient=self.patient)
        assert [record for record in records.with_marks() if not record.is_signed] == []

    @property
    def patient(self) -> Patient:
        """Return the patient as stored now."""
        return Patient.objects.get(trial=self.trial)

    @property
    def last_day(self) -> date:
        """Return the day on which the study ends."""
        return self.start + timedelta(days=self.rules.trial.follow_up_days)

    def visits(self) -> Iterator[tuple[ProtocolVisit, Visit, bool]]:
        """Yield each visit after screening: its plan, its row, and True if it is held."""
        plans = [plan for plan in self.rules.visits if plan.kind != "screening"]
        for plan in plans:
            held = plan.infusion or plan in (plans[1], plans[-1]) or EVERY_VISIT
            yield plan, self.patient.visits.get(code=plan.code), bool(held)

    def is_wanted(self) -> bool:
        """Return True if an optional form is entered; drawn at random."""
        return self.rng.random() < IF_AVAILABLE

    def at_screening(self) -> dict[str, dict[str, Any]]:
        """Return answers to the screening forms that meet every criterion."""
        fixed = {
            f"{code}.{name}": value
            for code in self.rules.visit("SCR").form_codes
            if code != "eligibility"
            for name, value in self.invented.at_screening(self.rules.form(code), self.start).items()
        }
        fixed |= self.invented.assessed(self.rules, self.start)
        for code in self.rules.visit("SCR").form_codes:
            fixed |= {f"{code}.{name}": value for name, value in self.course(code, self.start).items()}
        how = Simulation(on=self.start, blank_rate=0.1, fixed=fixed)
        known = eligibility_subject(self.patient, inclusion_on=self.start)
        answers = simulated_eligible(self.rules, self.rng, known, simulation=how)
        self.near = {code: one_line(values) for code, values in answers.items()}
        return dict(self.near)

    def course(self, form: str, on: date) -> dict[str, str]:
        """Return the answers of a form that the course of the patient settles."""
        is_home = on > self.start + timedelta(days=DAYS_IN_HOSPITAL)
        settled = MILD | AT_HOME if is_home else MILD
        return {name: value for name, value in settled.items() if name in self.rules.form(form)}

    def answers(self, form: str, visit: Visit) -> dict[str, Any]:
        """Return plausible answers to a form of a visit, close to those of the visit before."""
        opened, asked, on = self.opened(), self.rules.form(form), visit.held_on or self.start
        how = Simulation(
            on=on,
            near=self.near.get(form, {}),
            fixed=self.invented.dated(asked, on, visit.position) | self.course(form, on),
            missing_rate=0.03,
            implausible_rate=0.02,
        )
        scope = opened.scope(opened.place(form, visit.key), {})
        self.near[form] = simulated_values(asked, self.rng, self.rules, scope, how)
        return one_line(self.near[form])

    def logs(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the code of each log that has data for this patient, with the answers of one row."""
        screening = {form: values for (visit, form), values in self.typed.items() if visit == "SCR"}
        later = self.start + timedelta(days=30)
        course = Course.of(screening, included=self.start, today=later, died=None, at=self.invented.moment)
        for code, fixed in dict(reversed(list(log_rows(course)))).items():
            opened, form = self.opened(), self.rules.form(code)
            scope = opened.scope(opened.place(code, None, 1), {})
            how = Simulation(on=self.start, fixed=fixed)
            yield code, one_line(simulated_values(form, self.rng, self.rules, scope, how))

    def opened(self) -> Casebook:
        """Return the casebook as the coordinator may see it."""
        return Casebook.open(user=self.people["coordinator"], trial=self.trial, code=self.patient.code)

    @property
    def weight(self) -> str:
        """Return the weight that was entered last."""
        return [each["weight"] for each in self.typed.values() if isinstance(each.get("weight"), str)][-1]

    def million_cells(self) -> str:
        """Return the target dose for the last weight entered, in 10⁶ cells, rounded down."""
        dose = Decimal(self.rules.dosing.cells_per_kg.target) * Decimal(self.weight) / 1_000_000
        return str(dose.quantize(Decimal(1), ROUND_FLOOR))


def one_line(value: Any) -> Any:
    """Return the answers with spaces for line breaks, because a single-line input accepts none."""
    if isinstance(value, dict):
        return {name: one_line(each) for name, each in value.items()}
    if isinstance(value, list):
        return [one_line(each) for each in value]
    return value.replace("\n", " ") if isinstance(value, str) else value
