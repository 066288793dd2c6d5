"""Store the courses of a replay through the ordinary verbs, all in one transaction, or nothing with every mistake."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from django.db import transaction

from demo.replay.arms import dealt, sealed_places
from demo.replay.captured import store_logs, store_visit
from demo.replay.courses import ReplayedEvent, ReplayedPatient
from demo.replay.steps import NOT_STATED, ReplayReport, ReplaySteps, Stopped
from demo.replay.tables import TableMistake
from demo.replay.treatment import store_infusion
from dosing.allocation.lists import strata_of, upload_list
from dosing.allocation.slots import arm_of, stratum_of
from patients.models import Patient, Visit
from patients.participation.consents.consent import record_consent
from patients.participation.disposition import end_study
from patients.participation.eligibility_decisions.eligibility import evaluate, sign_eligibility
from patients.participation.enrolment import enrol
from patients.participation.screening import fail_screening, screen
from patients.participation.visits import miss_visit
from safety.reporting import report_event, report_to_sponsor


class ReplayRefused(Exception):
    """Nothing was stored; `mistakes` has every reason by line and column."""

    def __init__(self, mistakes: Sequence[TableMistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(f"{len(self.mistakes)} mistakes")


class Replay:
    """Stores the courses of one trial."""

    def __init__(self, steps: ReplaySteps) -> None:
        self.steps = steps
        self._patients: dict[str, Patient] = {}

    def store(self, courses: Sequence[ReplayedPatient], known: Sequence[TableMistake] = ()) -> ReplayReport:
        """Store every course. known: mistakes of the reading, with which nothing stays stored.

        Raises ReplayRefused with those and every refusal of a verb; nothing is stored then.
        """
        self.steps.mistakes.add(*known)
        with transaction.atomic():
            screened = [course for course in courses if self._goes_on(self._screen, course)]
            self.steps.report.counts["patients"] = len(screened)
            for course in self._in_order([each for each in screened if each.included is not None]):
                if self._goes_on(self._include, course):
                    self._follow(course)
            if len(self.steps.mistakes):
                raise ReplayRefused(list(self.steps.mistakes))
        return self.steps.report

    @staticmethod
    def _goes_on(step: Callable[[ReplayedPatient], None], course: ReplayedPatient) -> bool:
        """Take a step of a patient. Return False if the patient cannot go on after it."""
        try:
            step(course)
        except Stopped:
            return False
        return True

    def _screen(self, course: ReplayedPatient) -> None:
        """Screen a patient, record the consent, and enter the forms of the screening visits."""
        steps, row = self.steps, course.row
        with steps.as_role("coordinator") as by:
            identity = {"hospital_number": course.label}
            columns = {"": "screened", "hospital_number": "patient"}
            told = {"screened_on": course.screened, "identity": identity, "by": by}
            patient = steps.needed(row, columns, screen, trial=steps.trial, **told)
            self._patients[course.label] = patient
            columns = {"": "consented", "type": "consent_type", "version": "consent_version"}
            consent = {"type": course.consent_type, "version": course.consent_version, "by": by}
            steps.needed(row, columns, record_consent, patient=patient, given=course.consented, **consent)
        rules = patient.protocol.rules
        for code in [each.code for each in rules.visits if each.kind == "screening"]:
            if visit := course.visits.pop(code, None):
                store_visit(steps, patient, visit)
        if course.failed_on is not None:
            with steps.as_role("coordinator") as by:
                columns = {"": "screen_failed", "reason": "failure_reason"}
                failure = {"on": course.failed_on, "reason": course.failure_reason, "by": by}
                steps.count(
                    "screen failures", steps.tried(row, columns, fail_screening, patient=patient, **failure)
                )

    def _in_order(self, courses: Sequence[ReplayedPatient]) -> list[ReplayedPatient]:
        """Return the courses in the order of their inclusion; published arms become the list of the trial first."""
        steps, plan = self.steps, self.steps.trial.rules.allocation
        if plan is None or not any(course.arm for course in courses):
            return list(courses)
        strata: dict[str, list[ReplayedPatient]] = {stratum: [] for stratum in strata_of(steps.trial.rules)}
        for course in courses:
            if not course.arm:
                sentence = "Other patients have an arm: state it for all, or for none."
                steps.mistakes.add(course.row.mistake("arm", sentence))
                continue
            patient = self._patients[course.label]
            group = evaluate(patient, inclusion_on=course.included).group
            stratum = steps.tried(course.row, {"": "arm"}, stratum_of, patient=patient, group=group)
            if stratum is not None:
                strata[stratum].append(course)
        ordered = {
            stratum: [found[index] for index in dealt([each.arm for each in found], plan.ratio)]
            for stratum, found in strata.items()
        }
        arms = {stratum: [course.arm for course in found] for stratum, found in ordered.items()}
        data = sealed_places(arms, plan.ratio, steps.trial.rules.trial.target)
        with steps.as_role("statistician") as by:
            heading = replace(courses[0].row, line=1)
            steps.tried(heading, {"": "arm"}, upload_list, trial=steps.trial, data=data, by=by)
        return [course for found in ordered.values() for course in found]

    def _include(self, course: ReplayedPatient) -> None:
        """Sign the eligibility on what the table states, and include the patient."""
        steps, patient, columns = self.steps, self._patients[course.label], {"": "included"}
        with steps.as_role("investigator") as by:
            decision = {"conclusion": "eligible", "inclusion_on": course.included, "by": by}
            steps.needed(
                course.row, columns, sign_eligibility, patient=patient, password=steps.password, **decision
            )
        with steps.as_role("coordinator") as by:
            included = steps.needed(course.row, columns, enrol, patient=patient, on=course.included, by=by)
        self._patients[course.label] = included
        steps.count("included", included)
        # After a refusal another patient may have taken the place: that is no mistake of this line.
        if course.arm and not len(steps.mistakes):
            given = arm_of(included)
            if given is None or given.code != course.arm:
                steps.mistakes.add(course.row.mistake("arm", "The patient took a place of another arm."))

    def _follow(self, course: ReplayedPatient) -> None:
        """Store what happened after the inclusion: first the infusions, from which visits are counted."""
        steps, patient = self.steps, self._patients[course.label]
        for infusion in course.infusions:
            store_infusion(steps, patient, course.row, infusion)
        patient = steps.stored(patient)
        order = [visit.code for visit in patient.protocol.rules.visits]
        for visit in sorted(course.visits.values(), key=lambda each: order.index(each.code)):
            store_visit(steps, patient, visit)
        store_logs(steps, patient, course.logs)
        # A death first: a fatal event asks for it.
        died = course.end_reason == Patient.EndReason.DEATH
        if died:
            self._end(course)
        for event in course.events:
            self._event(patient, event)
        if not died and course.ended is not None:
            self._end(course)

    def _event(self, patient: Patient, course: ReplayedEvent) -> None:
        steps, row = self.steps, course.row
        with steps.as_role("coordinator") as by:
            made = steps.tried(row, {"": "term"}, report_event, patient=patient, by=by, **course.answers)
            steps.count("adverse events", made)
            if made is not None and course.reported is not None:
                told = {"at": course.reported, "version": made.version, "late_reason": NOT_STATED, "by": by}
                steps.tried(row, {"": "reported"}, report_to_sponsor, event=made, **told)

    def _end(self, course: ReplayedPatient) -> None:
        """Record the end of study. Of a completed study, visits that the table leaves out are recorded as missed."""
        steps, row = self.steps, course.row
        patient = steps.stored(self._patients[course.label])
        column = "died" if row.cells.get("died") else "ended"
        with steps.as_role("coordinator") as by:
            if course.end_reason == Patient.EndReason.COMPLETED:
                for visit in patient.visits.filter(state=Visit.State.PLANNED):
                    visit.patient = patient
                    missed = steps.tried(row, {"": column}, miss_visit, visit=visit, reason=NOT_STATED, by=by)
                    steps.count("visits missed", missed)
            columns = {"": column, "note": "end_note", "reason": "end_reason"}
            end = {"on": course.ended, "reason": course.end_reason, "note": course.end_note, "by": by}
            steps.count("ends of study", steps.tried(row, columns, end_study, patient=patient, **end))
