"""Invented patients in every stage, stored by the same functions as real ones; the same seed gives the same ones."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from random import Random
from typing import Any

from django.utils import timezone

from accounts.models import User
from audit.context import acting
from audit.stored_text import say
from demo.logs import Course, log_rows
from demo.stories import STORIES, Event, Story
from dosing.administration import Bedside, Product, record_infusion, record_preparation
from dosing.models import AllocationSlot, Infusion
from dosing.weights import last_weight
from patients.casebook.casebook import Casebook, FormPlace, forms_of
from patients.entry import saving
from patients.models import Consent, Patient, Visit
from patients.participation.consent import record_capacity, record_consent
from patients.participation.disposition import end_study
from patients.participation.eligibility import sign_eligibility
from patients.participation.eligibility_data import subject_of
from patients.participation.enrolment import enrol
from patients.participation.screening import fail_screening, screen
from patients.participation.visits import add_unscheduled, hold_visit
from patients.review import source_verification
from patients.review.marks import SeenVersion
from patients.review.signatures import sign_records
from protocol.document.design import Safety
from protocol.document.document import Protocol
from protocol.document.items import Form
from protocol.simulation.answers import Simulation, simulated_eligible, simulated_values
from protocol.values.moments import Moment
from safety.choices import causalities
from safety.classification import related
from safety.event_checks import EventAnswers
from safety.models import NOT_OF_SPECIAL_INTEREST
from safety.reporting import report_event, report_to_sponsor
from trials.models import Trial

OF_THE_PAST = frozenset({"medical_history", "covid_diagnosis", "pregnancy_test"})
"""Screening forms whose dates are before the screening visit."""
AVAILABLE = 0.25
"""Probability that a form is entered which is asked only when available."""


class Populator:
    """Creates the invented patients of one trial."""

    def __init__(self, trial: Trial, people: dict[str, User], password: str, seed: int) -> None:
        self.trial, self.people, self.password = trial, people, password
        # One generator per trial: a change in one protocol does not change the other trial's patients.
        self.rng = Random(f"{seed} {trial.slug}")
        self.today = trial.today
        self.zone = trial.rules.trial.site.time_zone

    @contextmanager
    def as_role(self, role: str) -> Iterator[User]:
        """Act as the person who holds a role."""
        with acting(user=self.people[role], role=role, origin="demo", reason=say("demo.invented")):
            yield self.people[role]

    def populate(self) -> None:
        """Create a patient for each story, the oldest first."""
        for story in sorted(STORIES, key=lambda story: -story.days_ago):
            self.tell(story)

    def moment(self, day: date, hour: int, minute: int = 0) -> Moment:
        """Return a moment in the site's time zone."""
        wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.trial.zone)
        return Moment.from_datetime(wall, self.zone)

    def hour(self, day: date) -> int:
        """Return an hour of the working day; for today, an hour that has certainly passed."""
        return 9 if day < self.today else 0

    def tell(self, story: Story) -> None:
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
        known = subject_of(patient, inclusion_on=day)
        visit = next(visit for visit in rules.visits if visit.kind == "screening")
        fixed = {
            f"{code}.{name}": value
            for code in visit.form_codes
            if code != "eligibility"
            for name, value in self.at_screening(rules.form(code), day).items()
        }
        how = Simulation(on=day, blank_rate=0.1, fixed=fixed)
        answers = simulated_eligible(rules, self.rng, known, simulation=how)
        with self.as_role("coordinator"):
            row = patient.visits.get(code=visit.code)
            hold_visit(visit=row, on=day, by=self.people["coordinator"])
            casebook = self.opened(patient)
            codes = [saving.form for saving in visit.forms]
            for code in codes[: len(codes) // 2] if drafts else codes:
                place = casebook.place(code, visit.code)
                self.save(casebook, place, answers[code], draft=drafts and code == codes[1])

    def failed(self, patient: Patient, day: date) -> None:
        """Record a screen failure."""
        with self.as_role("coordinator") as by:
            fail_screening(
                patient=patient, on=day, reason="Transferred to another hospital before inclusion", by=by
            )

    def opened(self, patient: Patient) -> Casebook:
        """Open the casebook as the coordinator."""
        return Casebook.opened(user=self.people["coordinator"], trial=self.trial, code=patient.code)

    def save(
        self, casebook: Casebook, place: FormPlace, values: dict[str, Any], *, draft: bool = False
    ) -> None:
        """Save one form as complete, or as a draft if it cannot be completed."""
        by = self.people["coordinator"]
        try:
            verb = saving.save_draft if draft else saving.complete
            saved = verb(saving.Entry(place=place, values=values, base_version=0), by=by)
        except saving.NotComplete:
            saved = saving.save_draft(saving.Entry(place=place, values=values, base_version=0), by=by)
        casebook.records.append(saved.record)

    def follow(self, patient: Patient, story: Story, day: date) -> None:
        """Record infusions, visits, logs, adverse events and the end of study."""
        last = story.entered_until if story.entered_until is not None else 10_000
        if story.end_day is not None:
            last = min(last, story.end_day)
        self.infuse(patient, story, day, last)
        near: dict[str, dict[str, Any]] = {}
        for visit in patient.visits.exclude(planned_on=None).order_by("position"):
            planned = visit.planned_on
            if (
                planned is not None
                and visit.code != "SCR"
                and planned <= min(self.today, day + timedelta(days=last))
            ):
                self.hold(patient, visit, visit.held_on or planned, near)
        self.keep_logs(patient, story, day)
        for event in story.events:
            self.report(patient, event, day)
        self.close(patient, story, day)

    def hold(self, patient: Patient, visit: Visit, on: date, near: dict[str, dict[str, Any]]) -> None:
        """Hold a visit and enter its forms, with values close to those of the previous visit."""
        rules = patient.protocol.rules
        with self.as_role("coordinator") as by:
            if visit.state != Visit.State.HELD:
                hold_visit(visit=visit, on=on, by=by)
            casebook = self.opened(patient)
            for asked in forms_of(patient.protocol, visit):
                if asked.when == "available" and self.rng.random() > AVAILABLE:
                    continue
                place = casebook.place(asked.form, visit.key)
                # Some forms get implausible values, so that checks raise queries.
                odd = 0.004 if self.rng.random() < 0.3 else 0.0
                how = Simulation(
                    on=on,
                    near=near.get(asked.form, {}),
                    fixed=self.dated(rules.form(asked.form), on, visit.position),
                    missing_rate=0.02,
                    implausible_rate=odd,
                )
                values = simulated_values(
                    rules.form(asked.form), self.rng, rules, casebook.scope(place, {}), how
                )
                near[asked.form] = values
                self.save(casebook, place, values, draft=self.rng.random() < 0.02)

    def keep_logs(self, patient: Patient, story: Story, day: date) -> None:
        """Enter the log rows. A death is recorded first, because it ends the episodes."""
        rules = patient.protocol.rules
        died = day + timedelta(days=story.end_day or 0) if story.ends == "death" else None
        with self.as_role("coordinator") as by:
            if died is not None:
                visit = add_unscheduled(patient=patient, on=died, reason="Death", by=by)
                casebook = self.opened(patient)
                dead = {"survival_status": "DEAD", "died_on": died.isoformat(), "contact_by": "RECORD"}
                place = casebook.place("vital_status", visit.key)
                self.save(casebook, place, dead | {"death_cause": "MULTI_ORGAN"})
            casebook = self.opened(patient)
            first = next(each for each in casebook.records if each.form == "respiratory_support")
            course = Course(str(first.values.get("support")), day, self.today, died, self.moment)
            rows = Counter[str]()
            for form, fixed in log_rows(course):
                rows[form] += 1
                place = casebook.place(form, None, rows[form])
                how = Simulation(on=day, fixed=fixed)
                values = simulated_values(rules.form(form), self.rng, rules, casebook.scope(place, {}), how)
                self.save(casebook, place, values)

    def infuse(self, patient: Patient, story: Story, day: date, last: int) -> None:
        """Record the infusions whose day has come, with their products."""
        dosing = patient.protocol.rules.dosing
        if dosing is None:
            return
        on, donor = day, f"D-{self.rng.randint(10, 59)}"
        for infusion in Infusion.objects.filter(patient=patient).order_by("number"):
            if infusion.number > story.infusions or on > self.today or (on - day).days > last:
                return
            start = self.moment(on, self.hour(on), 40 + infusion.number)
            end = self.moment(on, self.hour(on) + 1, 10 + self.rng.randint(0, 30))
            # Today's infusion may not have ended yet.
            if end.earliest > timezone.now():
                return
            known = last_weight(infusion)
            weight = known.kg.quantize(Decimal("0.1")) if known else Decimal(self.rng.randint(580, 960)) / 10
            self.give(patient, infusion, weight, start, end, donor)
            on += (
                timedelta(days=self.rng.choice(dosing.interval_days)) if dosing.interval_days else timedelta()
            )

    def give(
        self, patient: Patient, infusion: Infusion, weight: Decimal, start: Moment, end: Moment, donor: str
    ) -> None:
        """Record one infusion as the coordinator and its product as the cell laboratory."""
        with self.as_role("coordinator") as by:
            facts = Bedside(
                weight_kg=weight,
                weight_measured=self.moment(day_of(start), self.hour(day_of(start)), 30),
                started=start,
                ended=end,
                volume_ml=Decimal(100),
                interrupted="N",
                interruption_reason="",
                premedication="Paracetamol 1 g",
                timing_deviation_reason="",
            )
            record_infusion(infusion=infusion, facts=facts, version=infusion.version, by=by)
        cells = self.cells_for(patient, weight)
        with self.as_role("cell_laboratory") as by:
            product = Product(
                donor_code=donor if cells else "",
                lot=f"{donor}-{self.rng.randint(1, 9)}" if cells else f"S-{self.rng.randint(100, 999)}",
                viable_cells=cells,
                viability_percent=Decimal(self.rng.randint(820, 960)) / 10 if cells else None,
                thawed=self.moment(day_of(start), self.hour(day_of(start)), 10) if cells else None,
                dose_deviation_reason="",
                donor_deviation_reason="",
            )
            record_preparation(infusion=infusion, facts=product, version=0, by=by)

    def cells_for(self, patient: Patient, weight: Decimal) -> Decimal | None:
        """Return the viable cells of one infusion, close to the target dose; None in an arm without cells."""
        rules = patient.protocol.rules
        slot = AllocationSlot.objects.filter(patient=patient).first()
        if rules.dosing is None or (slot and not rules.arm(slot.arm).cells):
            return None
        limits = rules.dosing.cells_per_kg
        # Below the target where the permitted range is wide enough, as in real products.
        share = (
            Decimal(self.rng.randint(80, 100)) / 100
            if limits.lowest * 10 <= limits.target * 8
            else Decimal(1)
        )
        return (limits.target * weight * share).quantize(Decimal(1), rounding=ROUND_FLOOR)

    def report(self, patient: Patient, event: Event, day: date) -> None:
        """Report one adverse event. If the story leaves it unreported, its 24-hour clock is still running."""
        rules = patient.protocol.rules.safety
        onset_day = day + timedelta(days=event.day)
        if onset_day > self.today:
            return
        fresh = not event.reported
        aware = timezone.now() - timedelta(hours=17) if fresh else None
        onset = (
            Moment.from_datetime(aware - timedelta(hours=1), self.zone)
            if aware
            else self.moment(onset_day, 14, 30)
        )
        end = self.moment(onset_day + timedelta(days=event.days), 18) if event.days is not None else None
        if end is not None and end.earliest > timezone.now():
            end = None
        serious = "none_of_these" not in event.seriousness
        known = Moment.from_datetime(aware, self.zone) if aware else self.moment(onset_day, 16)
        answers = EventAnswers(
            term=event.term,
            description="",
            onset=onset,
            ongoing="N" if end else "Y",
            end=end,
            grade=event.grade,
            seriousness=event.seriousness,
            causality=self.causality(event, patient.protocol.rules),
            outcome=event.outcome if end or event.outcome == "not_recovered" else "not_recovered",
            action_taken=event.action,
            aesi=self.category(event, rules),
            aware=known if serious else None,
        )
        with self.as_role("coordinator") as by:
            row = report_event(patient=patient, by=by, **answers)
            if serious and event.reported:
                at = Moment.from_datetime(known.earliest + timedelta(hours=6), self.zone)
                report_to_sponsor(event=row, at=at, by=by, version=row.version)

    def causality(self, event: Event, rules: Protocol) -> str:
        """Return the event's causality on the protocol's scale, which may only have related and not related."""
        offered = [code for code, _label in causalities(rules)]
        if event.causality in offered:
            return event.causality
        return next(code for code in offered if related(code) == related(event.causality))

    def category(self, event: Event, rules: Safety) -> str:
        """Return the category of special interest if the protocol has it; otherwise none."""
        codes = [each.code for each in rules.aesi]
        if not codes:
            return ""
        return event.aesi if event.aesi in codes else NOT_OF_SPECIAL_INTEREST

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
        """Verify the first forms of a patient against the source, as the protocol plans."""
        rows = patient.records.filter(state="complete").select_related("protocol").order_by("pk")[:10]
        seen = [
            SeenVersion(row.pk, row.version, items)
            for row in rows
            if (items := source_verification.to_verify(row, ()))
        ]
        if seen:
            with self.as_role("monitor") as by:
                source_verification.verify(patient=patient, seen=seen, by=by, role="monitor")

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
            end_study(patient=patient, on=on, reason=story.ends, note=note, by=by)


def day_of(moment: Moment) -> date:
    """Return the date of a moment. Raises ValueError if it has none."""
    if moment.date is None:
        raise ValueError("a moment of the demo has a day")
    return moment.date
