"""Invented patients in every stage, stored by the same functions as real ones; the same seed gives the same ones."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

from django.utils import timezone

from demo.adverse_events import report
from demo.cases import follow_cases
from demo.logs import Course, log_rows
from demo.samples import destroy_after_withdrawal, ship_samples, take_samples
from demo.scales import as_proposed
from demo.series import timed_tables
from demo.stock import fill_stock, recall_given
from demo.stories import STORIES, Story
from demo.team import TrialTeam
from demo.treatment import infuse
from patients.casebook.casebook import Casebook, FormPlace
from patients.entry import saving
from patients.models import Consent, Identity, Patient, Visit
from patients.models.visit_forms import forms_of
from patients.participation.consents.consent import record_capacity, record_consent
from patients.participation.consents.consent_withdrawal import withdraw_consent
from patients.participation.disposition import end_study
from patients.participation.eligibility_decisions.eligibility import sign_eligibility
from patients.participation.eligibility_decisions.eligibility_data import eligibility_subject
from patients.participation.enrolment import enrol
from patients.participation.identities.identity import IDENTITY_FIELDS
from patients.participation.questions import Questioned
from patients.participation.screening import correct_identity, fail_screening, screen
from patients.participation.visits import add_unscheduled, hold_visit
from patients.review import fact_marks, fact_verification, source_verification
from patients.review.marks import SeenVersion
from patients.review.signatures import sign_records
from protocol.document.document import Protocol
from protocol.document.items import Form
from protocol.simulation.answers import Simulation, simulated_eligible, simulated_values

OF_THE_PAST = frozenset({"medical_history", "covid_diagnosis", "pregnancy_test"})
"""Screening forms whose dates are before the screening visit."""
AVAILABLE = 0.25
"""Probability that a form is entered which is asked only when available."""
VERIFIED_FACTS = ("consent", "eligibility")
BORN = "Date of birth from the hospital record"


class Populator(TrialTeam):
    """Creates the invented patients of one trial."""

    def populate(self) -> None:
        """Fill the stock, and create a patient for each story, the oldest first."""
        fill_stock(self)
        for story in sorted(STORIES, key=lambda story: -story.days_ago):
            self.create(story)
        follow_cases(self)
        recall_given(self)
        ship_samples(self)

    def create(self, story: Story) -> None:
        """Create one patient and take it through the stages of its story."""
        day = self.today - timedelta(days=story.days_ago)
        patient = self.screened(story, day)
        if story.stage == "screening":
            self.enter_screening(patient, day, drafts=True)
            return
        self.enter_screening(patient, day)
        if story.stage == "screen_failed":
            self.failed(patient, day)
            return
        with self.as_role("investigator") as by:
            sign_eligibility(
                patient=patient, conclusion="eligible", inclusion_on=day, password=self.password, by=by
            )
        if story.stage == "eligible":
            return
        with self.as_role("coordinator") as by:
            patient = enrol(patient=patient, on=day, by=by)
        self.follow(patient, story, day)

    def timed(self, form: Form, on: date, position: int = 0) -> dict[str, str]:
        """Return the times of a form's measurements; a later visit of the same day gets a later time."""
        moment = self.moment(on, self.hour(on), 22 + min(3 * position, 36)).iso
        return {item.name: moment for item in form.items if item.type == "datetime"}

    def assessed(self, rules: Protocol, day: date) -> dict[str, str]:
        """Return the moment of the assessment of eligibility, which holds for some hours only."""
        item = rules.assessment.item if rules.assessment else ""
        return {item: self.moment(day, self.hour(day), 22).iso} if item else {}

    def at_screening(self, form: Form, day: date) -> dict[str, str]:
        """Return the times and dates of a screening form; dates of past history are left to the simulation."""
        return self.timed(form, day) if form.code in OF_THE_PAST else self.dated(form, day)

    def dated(self, form: Form, on: date, position: int = 0) -> dict[str, str]:
        """Return the times and dates of a form at a visit, and the patient's status as alive."""
        days = {item.name: on.isoformat() for item in form.items if item.type == "date"}
        return (
            self.timed(form, on, position)
            | days
            | ({"survival_status": "ALIVE"} if form.code == "vital_status" else {})
        )

    def screened(self, story: Story, day: date) -> Patient:
        """Screen a patient and record the consent."""
        number = self.rng.randint(100000, 999999)
        identity = {"name": f"Invented person {number}", "hospital_number": f"H{number}"}
        with self.as_role("coordinator") as by:
            patient = screen(trial=self.trial, screened_on=day, identity=identity, by=by)
            version = patient.protocol.rules.consent.current_version
            given = self.moment(day, self.hour(day), 20)
            kind = story.consent if story.consent in patient.protocol.rules.consent.types else "patient"
            record_consent(patient=patient, type=kind, version=version, given=given, by=by)
        return patient

    def enter_screening(self, patient: Patient, day: date, *, drafts: bool = False) -> None:
        """Enter the screening forms with answers that meet every eligibility criterion."""
        rules = patient.protocol.rules
        known = eligibility_subject(patient, inclusion_on=day)
        visit = next(visit for visit in rules.visits if visit.kind == "screening")
        fixed = {
            f"{code}.{name}": value
            for code in visit.form_codes
            if code != "eligibility"
            for name, value in self.at_screening(rules.form(code), day).items()
        }
        fixed |= self.assessed(rules, day)
        how = Simulation(on=day, blank_rate=0.1, fixed=fixed)
        answers = simulated_eligible(rules, self.rng, known, simulation=how)
        with self.as_role("coordinator"):
            row = patient.visits.get(code=visit.code)
            hold_visit(visit=row, on=day, by=self.people["coordinator"])
            casebook = self.open_casebook(patient)
            codes = [saving.form for saving in visit.forms]
            for code in codes[: len(codes) // 2] if drafts else codes:
                place = casebook.place(code, visit.code)
                self.save(casebook, place, answers[code], draft=drafts and code == codes[1])
        self.born(patient, day)

    def born(self, patient: Patient, day: date) -> None:
        """Record a date of birth that fits the recorded age: the laboratory compares its year before each thaw."""
        form, _dot, item = (patient.protocol.rules.profile.age or "").partition(".")
        # The whole answers: SQLite returns a part of them as a number where it looks like one.
        stored = patient.records.filter(form=form).values_list("values", flat=True).first() or {}
        typed = stored.get(item)
        if not isinstance(typed, str) or not typed.isdigit():
            return
        # A generator of its own: with it no other invented value changes.
        days = Random(f"born {patient.code}").randint(1, 300)
        on = day.replace(year=day.year - int(typed), day=min(day.day, 28)) - timedelta(days=days)
        row = Identity.objects.get(patient=patient)
        identity = {name: getattr(row, name) for name in IDENTITY_FIELDS} | {"birth_date": on.isoformat()}
        with self.as_role("coordinator") as by:
            correct_identity(patient=patient, identity=identity, reason=BORN, by=by)

    def failed(self, patient: Patient, day: date) -> None:
        """Record a screen failure."""
        with self.as_role("coordinator") as by:
            fail_screening(
                patient=patient, on=day, reason="Transferred to another hospital before inclusion", by=by
            )

    def save(
        self, casebook: Casebook, place: FormPlace, values: dict[str, Any], *, draft: bool = False
    ) -> None:
        """Save one form as complete, or as a draft if it cannot be completed."""
        values = as_proposed(casebook, place, values)
        try:
            saved = self.confirming(saving.save_draft if draft else saving.complete, place, values)
        except saving.NotComplete:
            saved = self.confirming(saving.save_draft, place, values)
        casebook.records.append(saved.record)

    def confirming(
        self, verb: Callable[..., saving.Saved], place: FormPlace, values: dict[str, Any]
    ) -> saving.Saved:
        """Save one form, and confirm what it asks about other records."""
        entry, by = saving.Entry(place=place, values=values, base_version=0), self.people["coordinator"]
        try:
            return verb(entry, by=by)
        except Questioned as asked:
            return verb(replace(entry, questions=asked.token), by=by)

    def follow(self, patient: Patient, story: Story, day: date) -> None:
        """Record infusions, visits, logs, adverse events and the end of study."""
        last = story.entered_until if story.entered_until is not None else 10_000
        if story.end_day is not None:
            last = min(last, story.end_day)
        infuse(self, patient, story, day, last)
        near: dict[str, dict[str, Any]] = {}
        for visit in patient.visits.exclude(planned_on=None).order_by("position"):
            planned = visit.planned_on
            if (
                planned is not None
                and visit.code != "SCR"
                and planned <= min(self.today, day + timedelta(days=last))
            ):
                self.hold_visit_with_forms(patient, visit, visit.held_on or planned, near)
        self.keep_logs(patient, story, day)
        take_samples(self, patient)
        for event in story.events:
            report(self, patient, event, day)
        self.close(patient, story, day)

    def hold_visit_with_forms(
        self, patient: Patient, visit: Visit, on: date, near: dict[str, dict[str, Any]]
    ) -> None:
        """Hold a visit and enter its forms, with values close to those of the previous visit."""
        rules = patient.protocol.rules
        with self.as_role("coordinator") as by:
            if visit.state != Visit.State.HELD:
                hold_visit(visit=visit, on=on, by=by)
            casebook = self.open_casebook(patient)
            for entry in forms_of(patient.protocol, visit):
                if entry.after_infusion in casebook.patient.omitted_infusions:
                    continue
                if entry.when == "available" and self.rng.random() > AVAILABLE:
                    continue
                place = casebook.place(entry.form, visit.key)
                # Some forms get implausible values, so that checks raise queries.
                odd = 0.004 if self.rng.random() < 0.3 else 0.0
                how = Simulation(
                    on=on,
                    near=near.get(entry.form, {}),
                    fixed=self.dated(rules.form(entry.form), on, visit.position),
                    missing_rate=0.02,
                    implausible_rate=odd,
                )
                form = rules.form(entry.form)
                values = simulated_values(form, self.rng, rules, casebook.scope(place, {}), how)
                near[entry.form] = values
                values = timed_tables(self, patient, visit, form, values, timezone.now())
                self.save(casebook, place, values, draft=self.rng.random() < 0.02)

    def keep_logs(self, patient: Patient, story: Story, day: date) -> None:
        """Enter the log rows. A death is recorded first, because it ends the episodes."""
        rules = patient.protocol.rules
        died = day + timedelta(days=story.end_day or 0) if story.ends == "death" else None
        with self.as_role("coordinator") as by:
            if died is not None:
                visit = add_unscheduled(patient=patient, on=died, reason="Death", by=by)
                casebook = self.open_casebook(patient)
                dead = {"survival_status": "DEAD", "died_on": died.isoformat(), "contact_by": "RECORD"}
                place = casebook.place("vital_status", visit.key)
                self.save(casebook, place, dead | {"death_cause": "MULTI_ORGAN"})
            casebook = self.open_casebook(patient)
            first = {each.form: each.values for each in reversed(casebook.records) if each.visit_id}
            course = Course.of(first, included=day, today=self.today, died=died, at=self.moment)
            rows = Counter[str]()
            for form, fixed in log_rows(course):
                rows[form] += 1
                place = casebook.place(form, None, rows[form])
                how = Simulation(on=day, fixed=fixed)
                values = simulated_values(rules.form(form), self.rng, rules, casebook.scope(place, {}), how)
                self.save(casebook, place, values)

    def close(self, patient: Patient, story: Story, day: date) -> None:
        """Record a regained capacity, verify and sign forms, and end the study, as the story says."""
        with self.as_role("coordinator") as by:
            if story.capacity_day is not None and story.consent != Consent.Type.PATIENT:
                current = patient.consents.last()
                if current and current.type != Consent.Type.PATIENT:
                    record_capacity(
                        patient=patient, regained_on=day + timedelta(days=story.capacity_day), by=by
                    )
        if story.signed:
            self.verify(patient)
            with self.as_role("investigator") as by:
                rows = list(patient.records.filter(state="complete").order_by("pk")[:30])
                sign_records(records=rows, meaning="responsibility", password=self.password, by=by)
        if story.ends:
            self.end(patient, story, day)

    def verify(self, patient: Patient) -> None:
        """Verify the first forms of a patient, the consents and the decision against the source, as planned.

        Infusions, events and the end of study wait, so that there is something to verify of each.
        """
        rows = patient.records.filter(state="complete").select_related("protocol").order_by("pk")[:10]
        seen = [
            SeenVersion(row.pk, row.version, items)
            for row in rows
            if (items := source_verification.to_verify(row, ()))
        ]
        if seen:
            with self.as_role("monitor") as by:
                source_verification.verify(patient=patient, seen=seen, by=by, role="monitor")
                blocks = fact_verification.blocks(patient)
                lines = [
                    line for row in blocks for line in row.lines if line.fact.kind.target in VERIFIED_FACTS
                ]
                boxes = fact_marks.seen_in([line.value for line in lines], blocks)
                fact_verification.verify_facts(patient=patient, seen=boxes, by=by, role="monitor")

    def end(self, patient: Patient, story: Story, day: date) -> None:
        """End the study. A completed study is not ended while any visit is still planned."""
        follow_up = patient.protocol.rules.trial.follow_up_days
        on = min(
            day + timedelta(days=story.end_day if story.end_day is not None else follow_up + 5), self.today
        )
        if story.ends == "completed" and patient.visits.filter(state=Visit.State.PLANNED).exists():
            return
        note = "Did not want further blood samples" if story.ends == "withdrawal" else ""
        with self.as_role("coordinator") as by:
            if story.ends == "withdrawal":
                parts = {"samples_withdrawn_on": on}
                withdraw_consent(patient=patient, parts=parts, note=note, by=by)
            end_study(patient=patient, on=on, reason=story.ends, note=note, by=by)
        if story.ends == "withdrawal":
            destroy_after_withdrawal(self, patient, on)
