"""The bedside record of an infusion, read once: steps, observations, checklists, decisions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from dosing.bedside.course import CourseStep, ImpossibleStep, InfusionCourse, Running, StepName, course_of
from dosing.bedside.grid import DuePoint, PointState, grid
from dosing.bedside.tablet_clock import Tap, is_future
from dosing.models import BedsideGap, BedsideObservation, Infusion, InfusionEventCheck, InfusionStep
from dosing.models.bedside import BedsideRow
from patients.models import Patient
from patients.participation.death import death_of
from patients.participation.lifecycle import lock_patient, refuse_closed_form, refuse_when_closed
from protocol.document.monitoring_times import BedsidePlan
from protocol.values.moments import Moment
from trials.reader import shown_moment


@dataclass(frozen=True)
class Ledger:
    """The rows in force of one infusion, by their moments, and what follows from them."""

    infusion: Infusion
    plan: BedsidePlan
    steps: Sequence[InfusionStep]
    observations: Sequence[BedsideObservation]
    checks: Sequence[InfusionEventCheck]
    settled: frozenset[str]
    course: InfusionCourse
    died: datetime | None

    @property
    def started(self) -> datetime | None:
        """The actual start: of the steps, or as it was documented late."""
        return self.course.started or self.infusion.started_at

    @property
    def ended(self) -> datetime | None:
        """The actual end: of the steps, or as it was documented late; None while it runs."""
        return self.course.stopped or (None if self.course.started else self.infusion.ended_at)

    def points(self, now: datetime) -> list[DuePoint]:
        """Return the planned observations, each with its state now. None is due of an infusion that is not given."""
        taken = {row.point: row.at for row in self.observations if row.point}
        points = grid(
            self.plan.times, started=self.started, ended=self.ended, taken=taken, now=now, died=self.last
        )
        if self.infusion.state != Infusion.State.NOT_GIVEN:
            return points
        return [point if point.taken else replace(point, state=PointState.VOID) for point in points]

    @property
    def last(self) -> datetime | None:
        """The moment after which nothing is observed: the death, or the end of the day on which the study ended."""
        patient = self.infusion.patient
        if patient.ended_on is None:
            return self.died
        day_after = datetime.combine(patient.ended_on + timedelta(days=1), time(), patient.trial.zone)
        return day_after if self.died is None else min(self.died, day_after)


def ledger_of(row: Infusion) -> Ledger:
    """Return the record of an infusion. Reads row.patient. Four queries, and at most one for a death."""
    steps = _rows(InfusionStep, row)
    gaps = BedsideGap.objects.in_force().filter(infusion=row)
    death = death_of(row.patient)
    return Ledger(
        infusion=row,
        plan=row.patient.protocol.rules.bedside,
        steps=steps,
        observations=_rows(BedsideObservation, row),
        checks=_rows(InfusionEventCheck, row),
        settled=frozenset(gaps.values_list("gap", flat=True)),
        course=course_of(map(as_course_step, steps)),
        died=death.moment.latest if death else None,
    )


def ledgers_of(
    patient: Patient, infusions: Iterable[Infusion], every: Mapping[Any, Mapping[int, list[Any]]]
) -> dict[int, Ledger]:
    """Return by infusion what is recorded, of rows that were read. One query at most, for a death."""
    death, found = death_of(patient), {}
    for row in infusions:
        row.patient = patient
        kept = {
            model: [each for each in rows[row.pk] if not each.struck_out] for model, rows in every.items()
        }
        found[row.pk] = Ledger(
            infusion=row,
            plan=patient.protocol.rules.bedside,
            steps=kept[InfusionStep],
            observations=kept[BedsideObservation],
            checks=kept[InfusionEventCheck],
            settled=frozenset(gap.gap for gap in kept[BedsideGap]),
            course=course_of(map(as_course_step, kept[InfusionStep])),
            died=death.moment.latest if death else None,
        )
    return found


def _rows(model: type[BedsideRow], row: Infusion) -> list[Any]:
    rows = model.objects.in_force().filter(infusion=row)
    return list(rows.select_related("recorded_by").order_by("at", "pk"))


def as_course_step(step: InfusionStep) -> CourseStep:
    """Return a step as the course reads it: without the volume of a stop, which is no rate."""
    name = StepName(step.kind)
    return CourseStep(name, step.at, None if name is StepName.STOPPED else step.value)


def locked_row(infusion: Infusion) -> tuple[Patient, Infusion]:
    """Return the patient and the infusion as stored now, both locked until the transaction ends.

    Raises ValidationError if the patient, the trial or the visit is frozen or locked.
    """
    patient = lock_patient(infusion.patient)
    row = Infusion.objects.select_for_update(of=("self",)).select_related("visit").get(pk=infusion.pk)
    row.patient = patient
    refuse_when_closed(patient)
    refuse_closed_form(None, row.visit)
    return patient, row


def sent_before(model: type[BedsideRow], row: Infusion, key: str) -> Any:
    """Return the row that was stored with a key, None if it is new. Raises ValidationError without a key."""
    if not key or len(key) > 64:
        raise ValidationError(_("This page is out of date. Open it again."))
    return model.objects.filter(infusion=row, save_key=key).first()


def refuse_moment(patient: Patient, tap: Tap) -> None:
    """Raise ValidationError for a moment that has not come yet, or that lies after the patient's death."""
    if is_future(tap.at, timezone.now()):
        raise ValidationError({"typed_at": _("This time has not come yet. Check the date.")})
    death = death_of(patient)
    zone = str(patient.trial.zone)
    if death is not None and death.before(Moment.from_datetime(tap.at, zone)):
        text = _("The patient died on %(died)s: nothing is recorded at the bedside after it.")
        raise ValidationError({"typed_at": text % {"died": shown_moment(death.moment)}})


def checked_course(patient: Patient, steps: Iterable[CourseStep]) -> InfusionCourse:
    """Return the course of steps. Raises ValidationError with a sentence for an impossible order."""
    try:
        return course_of(steps)
    except ImpossibleStep as impossible:
        at = shown_moment(impossible.step.at, patient.trial.zone)
        raise ValidationError(_order_words(impossible.step.name, impossible.state) % {"at": at}) from None


def _order_words(step: StepName, state: Running) -> str:
    if step is StepName.STARTED:
        return _("The infusion was already started before %(at)s.")
    if step is StepName.STOPPED and state in (Running.RUNNING, Running.PAUSED):
        return _("The infusion cannot stop at the moment of its start (%(at)s).")
    return {
        Running.NOT_STARTED: _("At %(at)s the infusion was not started yet."),
        Running.RUNNING: _("At %(at)s the infusion was running: it cannot go on."),
        Running.PAUSED: _("At %(at)s the infusion was paused already."),
        Running.STOPPED: _("At %(at)s the infusion was stopped already."),
    }[state]
