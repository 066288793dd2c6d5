"""Disposition: the end of study of a patient by completion, death, withdrawal or loss to follow-up."""

from collections.abc import Mapping
from datetime import date
from typing import Any, NotRequired, TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from audit.context import because
from audit.stored_text import Text
from patients import signals
from patients.models import Patient, Visit
from patients.participation.after_day import questions_after_end
from patients.participation.after_death import questions_after_death
from patients.participation.asked_facts import answer_by_change
from patients.participation.death import Death, death_of, question_of
from patients.participation.lifecycle import lock_patient, move, require_state
from patients.participation.logs.contacts import question_before_loss
from patients.participation.questions import Question, ask
from patients.participation.reasons import required_reason
from patients.participation.visits import hold_visit_of, miss_visit, replan, visits_due
from protocol.values.moments import Moment


class Settlement(TypedDict):
    """The decision about one visit that is still planned at the end of study.

    choice: `held` with its day, `missed` with its reason, or `later`: it stays open for those who settle it afterwards.
    """

    choice: str
    held_on: NotRequired[date | None]
    missed_reason: NotRequired[str]


CHOICES: dict[str, str | Promise] = {
    "held": gettext_lazy("Held"),
    "missed": gettext_lazy("Missed"),
    "later": gettext_lazy("Decide later"),
}
Settlements = Mapping[str, Settlement]


@transaction.atomic
def end_study(
    *,
    patient: Patient,
    on: date,
    reason: str,
    note: str,
    by: User,
    settled: Settlements | None = None,
    confirmed: str = "",
) -> Patient:
    """Record the end of study of a patient. Data until then are kept, later collection is refused (PRV-03).

    settled: by visit key, what becomes of the visits that were planned until then; None leaves all for later.
    Raises ValidationError for a day in the future or before inclusion, an unknown reason, completion with planned
    visits left, a withdrawal without a note, and, with `settled`, for each visit without a choice (field `visit-D28`).
    Raises Questioned, unless `confirmed`, for an end that contradicts the captured date of death (DAT-08), for a day
    before a visit that was held, an infusion, a sample or, after a death, any dated answer, and for a loss to follow-up
    without a failed attempt to reach the patient.
    """
    patient = lock_patient(patient)
    refusal = _("%(patient)s cannot end the study: the status is “%(state)s”.")
    require_state(patient, Patient.State.ENROLLED, refusal=refusal)
    _check_day(patient, on)
    _check_reason(reason, note)
    if settled is not None:
        _settle(patient, on, settled, by)
    if reason == Patient.EndReason.COMPLETED:
        _check_no_visit_planned(patient)
    ask(_questions(patient, on, reason), confirmed)
    move(patient, Patient.State.ENDED, refusal=refusal)
    patient.ended_on, patient.end_reason, patient.end_note = on, reason, note.strip()
    patient.save(update_fields=["state", "ended_on", "end_reason", "end_note"])
    signals.study_ended.send(sender=Patient, patient=patient, by=by)
    signals.announce(patient=patient, names=[signals.ENDED_ON], by=by)
    return patient


@transaction.atomic
def correct_end(
    *,
    patient: Patient,
    on: date,
    end_reason: str,
    note: str,
    reason: Text,
    by: User,
    confirmed: str = "",
) -> Patient:
    """Correct day, reason or note of the end of study. Raises as `end_study`, and ValidationError without a reason.

    What was confirmed is not asked again while day and reason stay.
    """
    patient = lock_patient(patient)
    refusal = _("%(patient)s has no end of study to correct: the status is “%(state)s”.")
    require_state(patient, Patient.State.ENDED, refusal=refusal)
    because_of = required_reason(reason)
    _check_day(patient, on)
    _check_reason(end_reason, note, field="end_reason")
    if end_reason == Patient.EndReason.COMPLETED:
        _check_no_visit_planned(patient)
    if (on, end_reason) != (patient.ended_on, patient.end_reason):
        ask(_questions(patient, on, end_reason), confirmed)
    with because(because_of):
        now = {"ended_on": on, "end_reason": end_reason, "end_note": note.strip()}
        items = [name for name, value in now.items() if getattr(patient, name) != value]
        patient.ended_on, patient.end_reason, patient.end_note = on, end_reason, note.strip()
        patient.save(update_fields=["ended_on", "end_reason", "end_note"])
        answer_by_change(reason=because_of, items=items, by=by, target="disposition", target_id=patient.pk)
        signals.announce(patient=patient, names=[signals.ENDED_ON], by=by)
    return patient


@transaction.atomic
def reopen_study(*, patient: Patient, reason: Text, by: User) -> Patient:
    """Reopen the ended study of a patient, who is in follow-up again. Raises ValidationError without a reason."""
    patient = lock_patient(patient)
    refusal = _("%(patient)s has no end of study to reopen: the status is “%(state)s”.")
    require_state(patient, Patient.State.ENDED, refusal=refusal)
    because_of = required_reason(reason)
    with because(because_of):
        move(patient, Patient.State.ENROLLED, refusal=refusal)
        patient.ended_on, patient.end_reason, patient.end_note = None, "", ""
        patient.save(update_fields=["state", "ended_on", "end_reason", "end_note"])
        replan(patient, by)
        items = ["ended_on", "end_reason", "end_note"]
        answer_by_change(reason=because_of, items=items, by=by, target="disposition", target_id=patient.pk)
        signals.announce(patient=patient, names=[signals.ENDED_ON], by=by)
    return patient


def _settle(patient: Patient, on: date, settled: Settlements, by: User) -> None:
    """Hold or miss the visits as chosen. Raises ValidationError by visit, with all refusals."""
    refused: dict[str, Any] = {}
    for visit in visits_due(patient, on):
        chosen = settled.get(visit.key, {"choice": ""})
        try:
            _settle_visit(visit, chosen, on, by)
        except ValidationError as error:
            refused[f"visit-{visit.key}"] = error.messages
    if refused:
        raise ValidationError(refused)


def _settle_visit(visit: Visit, chosen: Settlement, on: date, by: User) -> None:
    choice, day = chosen["choice"], chosen.get("held_on")
    if choice not in CHOICES:
        raise ValidationError(_("Say what becomes of this visit."))
    if choice == "held":
        if day is None:
            raise ValidationError(_("Enter the day on which the visit was held."))
        if day > on:
            raise ValidationError(_("This day is after the end of the study."))
        hold_visit_of(visit=visit, on=day, by=by)
    elif choice == "missed":
        miss_visit(visit=visit, reason=chosen.get("missed_reason", ""), by=by)


def _check_reason(reason: str, note: str, *, field: str = "reason") -> None:
    if reason not in Patient.EndReason.values:
        raise ValidationError({field: _("Choose why the study ended.")})
    if reason == Patient.EndReason.WITHDRAWAL and not note.strip():
        raise ValidationError({"note": _("Say what the patient withdrew from, in the patient's words.")})


def _check_day(patient: Patient, on: date) -> None:
    if on > patient.trial.today:
        raise ValidationError({"on": _("This day has not come yet. Check the year.")})
    if patient.enrolled_on and on < patient.enrolled_on:
        raise ValidationError({"on": _("The study cannot end before the inclusion.")})


def _questions(patient: Patient, on: date, reason: str) -> list[Question]:
    """Return the contradictions of the end of study: the date of death, and data after the end or the death."""
    is_death = reason == Patient.EndReason.DEATH
    questions = []
    captured = death_of(patient)
    if captured is not None and not (is_death and captured.moment.iso == on.isoformat()):
        text = _("A form says that the patient died on %(died)s: the end of study says otherwise.")
        questions.append(question_of(patient, captured, f"end:{reason}:{on}", text))
    if reason == Patient.EndReason.LOST and (unsought := question_before_loss(patient)):
        questions.append(unsought)
    if is_death:
        death = Death(Moment.from_date(on, patient.protocol.rules.trial.site.time_zone))
        questions += questions_after_death(patient, death)
    else:
        questions += questions_after_end(patient, on)
    return questions


def _check_no_visit_planned(patient: Patient) -> None:
    waiting = [visit.code for visit in patient.visits.filter(state=Visit.State.PLANNED)]
    if waiting:
        raise ValidationError(
            _("These visits are neither held nor missed: %(visits)s. Record each as held or missed first.")
            % {"visits": ", ".join(waiting)}
        )
