"""Invented patients of a protocol under rehearsal: one with every form entered, one with none, one in screening.

A step that the protocol refuses to the invented patient (no answers meet every criterion, a check blocks a form) is
no fault of a page: it is noted, and the rehearsal goes on with what can be stored.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import ValidationError

from demo.adverse_events import report
from demo.patients import Populator
from demo.stories import FRESH, HEADACHE, Story
from demo.treatment import infuse
from patients.models import Patient, Visit
from patients.participation.eligibility_decisions.eligibility import sign_eligibility
from patients.participation.eligibility_decisions.eligibility_data import eligibility_subject
from patients.participation.enrolment import enrol
from patients.participation.visits import add_unscheduled, hold_visit
from protocol.document.items import Form
from protocol.simulation.answers import Simulation, sample_values, simulated_eligible, simulated_values


class Rehearsal(Populator):
    """The invented patients of one protocol; ``notes`` are the steps that could not be taken."""

    notes: list[str]

    def populate(self) -> None:
        """Create the patients, the longest followed first."""
        self.notes = []
        rules = self.trial.rules
        longest = max(visit.day + visit.window[1] for visit in rules.visits) + 60
        day = self.today - timedelta(days=max(60, min(longest, 3000)))
        self._tried("first patient", self._followed, day)
        self._tried("second patient", self._empty, day)
        self._tried("third patient", self.screened, Story(0), self.today)

    def _tried(self, step: str, act: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        """Return what a step returns; note it and return None if it is refused."""
        try:
            return act(*arguments, **more)
        except (ValidationError, LookupError) as refused:
            told = " ".join(refused.messages) if isinstance(refused, ValidationError) else str(refused)
            self.notes.append(f"{step}: {told}")
            return None

    def _followed(self, day: date) -> None:
        """Take a patient through every visit, log and event."""
        patient = self.screened(Story(0), day)
        self._tried("screening forms", self._screening_forms, patient, day)
        if self._tried("inclusion", self._included, patient, day) is None:
            return
        self._tried("infusions", infuse, self, patient, Story(0), day, 10_000)
        near: dict[str, dict[str, Any]] = {}
        for visit in patient.visits.filter(state=Visit.State.PLANNED).order_by("position"):
            on = visit.planned_on or self.today
            if patient.screened_on <= on <= self.today:
                self._tried(f"visit {visit.code}", self.hold_visit_with_forms, patient, visit, on, near)
        self._tried("unscheduled visit", self._unscheduled, patient, near)
        for form in patient.protocol.rules.logs:
            self._tried(f"log {form}", self._log, patient, form)
        for event in (HEADACHE, FRESH):
            self._tried("adverse event", report, self, patient, event, day)

    def _empty(self, day: date) -> None:
        """Include a patient of whom only the screening forms are entered."""
        patient = self.screened(Story(0), day)
        self._tried("screening forms", self._screening_forms, patient, day)
        self._tried("inclusion", self._included, patient, day)

    def _included(self, patient: Patient, day: date) -> Patient:
        with self.as_role("investigator") as by:
            sign_eligibility(
                patient=patient, conclusion="eligible", inclusion_on=day, password=self.password, by=by
            )
        with self.as_role("coordinator") as by:
            return enrol(patient=patient, on=day, by=by)

    def _screening_forms(self, patient: Patient, day: date) -> None:
        """Hold the screening visits and enter their forms, if possible with answers that meet every criterion."""
        rules = patient.protocol.rules
        planned = [visit for visit in rules.visits if visit.anchor == "screening"]
        codes = tuple(dict.fromkeys(code for visit in planned for code in visit.form_codes))
        known = eligibility_subject(patient, inclusion_on=day)
        fixed = {
            f"{code}.{name}": value
            for code in codes
            for name, value in self.timed(rules.form(code), day).items()
        }
        fixed |= self.assessed(rules, day)
        how = Simulation(on=day, blank_rate=0.1, fixed=fixed)
        found = self._tried("eligible answers", simulated_eligible, rules, self.rng, known, codes, how)
        answers = found or {code: sample_values(rules.form(code), rules, {}) for code in codes}
        with self.as_role("coordinator") as by:
            for visit in planned:
                row = patient.visits.get(code=visit.code)
                on = min(row.planned_on or day, self.today)
                self._tried(f"visit {visit.code}", hold_visit, visit=row, on=on, by=by)
                casebook = self.open_casebook(patient)
                for code in visit.form_codes:
                    values = _entered(rules.form(code), answers[code])
                    self._tried(f"form {code}", self.save, casebook, casebook.place(code, row.key), values)

    def _unscheduled(self, patient: Patient, near: dict[str, dict[str, Any]]) -> None:
        with self.as_role("coordinator") as by:
            visit = add_unscheduled(patient=patient, on=self.today, reason="Rehearsal", by=by)
        self.hold_visit_with_forms(patient, visit, self.today, near)

    def _log(self, patient: Patient, form: str) -> None:
        rules = patient.protocol.rules
        with self.as_role("coordinator"):
            casebook = self.open_casebook(patient)
            place = casebook.place(form, None, 1)
            how = Simulation(on=self.today, blank_rate=0.0)
            values = simulated_values(rules.form(form), self.rng, rules, casebook.scope(place, {}), how)
            self.save(casebook, place, values)


def _entered(form: Form, values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if not form.item(name).is_calculated}
