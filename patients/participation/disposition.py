"""Disposition: the end of study of a patient by completion, death, withdrawal or loss to follow-up."""

from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from patients import signals
from patients.models import Patient, Visit
from patients.participation.after_death import after_death
from patients.participation.death import Death, death_of, question_of
from patients.participation.lifecycle import lock_patient, move, require_state
from patients.participation.questions import Question, ask
from protocol.values.moments import Moment


@transaction.atomic
def end_study(
    *, patient: Patient, on: date, reason: str, note: str, by: User, confirmed: str = ""
) -> Patient:
    """Record the end of study of a patient. Data until then are kept, later collection is refused (PRV-03).

    Raises ValidationError for a day in the future or before inclusion, an unknown reason, completion with planned
    visits left, and a withdrawal without a note. Raises Questioned, unless `confirmed`, for an end that contradicts
    the captured date of death (DAT-08), and for a death before what is recorded after it.
    """
    patient = lock_patient(patient)
    refusal = _("%(patient)s cannot end the study: the status is “%(state)s”.")
    require_state(patient, Patient.State.ENROLLED, refusal=refusal)
    _check_day(patient, on)
    if reason not in Patient.EndReason.values:
        raise ValidationError({"reason": _("Choose why the study ended.")})
    if reason == Patient.EndReason.COMPLETED:
        _check_no_visit_planned(patient)
    if reason == Patient.EndReason.WITHDRAWAL and not note.strip():
        raise ValidationError({"note": _("Say what the patient withdrew from, in the patient's words.")})
    ask(_questions(patient, on, reason), confirmed)
    move(patient, Patient.State.ENDED, refusal=refusal)
    patient.ended_on, patient.end_reason, patient.end_note = on, reason, note.strip()
    patient.save(update_fields=["state", "ended_on", "end_reason", "end_note"])
    signals.study_ended.send(sender=Patient, patient=patient, by=by)
    return patient


def _check_day(patient: Patient, on: date) -> None:
    if on > patient.trial.today:
        raise ValidationError({"on": _("This day has not come yet. Check the year.")})
    if patient.enrolled_on and on < patient.enrolled_on:
        raise ValidationError({"on": _("The study cannot end before the inclusion.")})


def _questions(patient: Patient, on: date, reason: str) -> list[Question]:
    """Return what the end contradicts: the captured date of death, and what is recorded after a death."""
    is_death = reason == Patient.EndReason.DEATH
    questions = []
    captured = death_of(patient)
    if captured is not None and not (is_death and captured.moment.iso == on.isoformat()):
        text = _("A form says that the patient died on %(died)s: the end of study says otherwise.")
        questions.append(question_of(patient, captured, f"end:{reason}:{on}", text))
    if is_death:
        death = Death(Moment.from_date(on, patient.protocol.rules.trial.site.time_zone))
        questions += [
            Question(f"end:{on}:{fact.code}", fact.text, fact.address, _("Open it"))
            for fact in after_death(patient, death)
        ]
    return questions


def _check_no_visit_planned(patient: Patient) -> None:
    waiting = [visit.code for visit in patient.visits.filter(state=Visit.State.PLANNED)]
    if waiting:
        raise ValidationError(
            _("These visits are neither held nor missed: %(visits)s. Record each as held or missed first.")
            % {"visits": ", ".join(waiting)}
        )
